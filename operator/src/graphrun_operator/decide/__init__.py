"""Decisions: pure functions from what was seen to what is to be done. One policy a file, one ordered list of rules."""
