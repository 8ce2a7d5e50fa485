"""A real Kubernetes for trying graphrun and for its tests."""
