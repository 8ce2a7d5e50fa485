"""graphrun: runner."""
