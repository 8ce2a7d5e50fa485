"""graphrun: api."""
