"""What every request passes: request ids, size limits, metrics, problems."""
