"""Our API beside published servers for LangGraph: the same calls, load, core and graph."""
