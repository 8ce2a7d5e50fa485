"""What user code may call inside a node: `graphrun_runner.progress(0.4)`. Loads LangGraph only when called."""

from typing import Final

# The key of a stream-writer payload that is a node's progress and no custom event of the user's.
PAYLOAD_KEY: Final = "graphrun.dev/progress"


def progress(fraction: float) -> None:
    """Tell how much of the current node is done, 0 to 1; values outside are cut. Outside a graph it does nothing."""
    try:
        from langgraph.config import get_config, get_stream_writer  # noqa: PLC0415 - keeps this import cheap
    except ImportError:
        return
    try:
        writer = get_stream_writer()
        metadata = get_config().get("metadata", {})
    except (RuntimeError, KeyError, AttributeError):  # no graph is running around this call
        return
    part = min(max(float(fraction), 0.0), 1.0)
    writer({PAYLOAD_KEY: part, "checkpoint_ns": str(metadata.get("langgraph_checkpoint_ns", ""))})
