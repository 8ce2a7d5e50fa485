"""The real components as processes in a network namespace of their own: Linux and root, no Docker."""
