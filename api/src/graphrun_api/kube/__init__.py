"""The cluster: a thin client over raw responses, list and watch, and the live runs as a cache."""
