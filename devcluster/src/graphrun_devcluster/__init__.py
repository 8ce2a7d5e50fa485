"""graphrun: devcluster."""
