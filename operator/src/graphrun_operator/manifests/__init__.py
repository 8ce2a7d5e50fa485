"""Manifests of what the operator creates: pure builders, one module a kind."""
