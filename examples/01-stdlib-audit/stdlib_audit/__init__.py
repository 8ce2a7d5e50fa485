"""An audit of Python's standard library, as a LangGraph workflow."""
