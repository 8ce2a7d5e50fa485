"""`python -m graphrun_runner.child`, started by the supervisor alone."""

import os

# Read by LangGraph at import: stored state is decoded strictly, without running anything that a bucket could name.
os.environ["LANGGRAPH_STRICT_MSGPACK"] = "true"

from graphrun_runner.child.main import main

if __name__ == "__main__":
    main()
