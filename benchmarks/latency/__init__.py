"""From a request to its proof: cancel in each phase, pause, resume, start."""
