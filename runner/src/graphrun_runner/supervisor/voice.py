"""The supervisor's own few lines on stderr, beside the graph's output. The logging package would cost 8 ms."""

import sys


def say(message: str, **keys: object) -> None:
    """Write one line: a constant message and its keys."""
    details = "".join(f" {key}={value!r}" for key, value in keys.items())
    sys.stderr.write(f"graphrun: {message}{details}\n")
    sys.stderr.flush()
