"""A workflow that waits for a person's decision."""
