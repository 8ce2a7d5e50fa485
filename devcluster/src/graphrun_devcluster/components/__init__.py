"""The real components, built from their Go modules into the per-user cache."""
