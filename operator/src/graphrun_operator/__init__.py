"""graphrun: operator."""
