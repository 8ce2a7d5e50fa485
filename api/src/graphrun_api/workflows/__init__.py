"""Workflows over REST."""
