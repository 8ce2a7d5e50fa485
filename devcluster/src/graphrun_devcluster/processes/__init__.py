"""Processes that outlive the command that started them, and can be told apart from strangers."""
