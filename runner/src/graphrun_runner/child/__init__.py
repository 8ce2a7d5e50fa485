"""The graph process: loads the user's graph, runs it on the stored state, tells the supervisor how it ended."""
