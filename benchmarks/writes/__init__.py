"""How many writes to the API server a run costs, and whose."""
