"""The ways to get a cluster, behind one small interface."""
