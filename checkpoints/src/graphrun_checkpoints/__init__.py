"""graphrun: checkpoints."""
