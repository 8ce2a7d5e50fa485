"""A server in the care of a guardian process, which ends it even when the tests are killed."""

import contextlib
import json
import subprocess
from collections.abc import Iterator, Sequence
from typing import Any


@contextlib.contextmanager
def guarded(command: Sequence[str], what: str) -> Iterator[dict[str, Any]]:
    """Start a guardian and end it by closing its standard input.

    Answers the line of JSON that it prints once its server is ready.

    Raises:
        RuntimeError: the server did not start.
    """
    guardian = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C ends pytest, and pytest ends the guardian
    )
    assert guardian.stdin is not None
    assert guardian.stdout is not None
    try:
        answer = guardian.stdout.readline()
        if not answer:
            raise RuntimeError(f"{what} did not start; its log is above")
        yield json.loads(answer)
    finally:
        guardian.stdin.close()
        guardian.wait(timeout=20)
        guardian.stdout.close()
