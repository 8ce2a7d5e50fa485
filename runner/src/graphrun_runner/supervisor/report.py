"""The last words: flush events, report to the API, write the termination message. Each bounded in time."""

import json
import threading
import time
from enum import Enum
from http import HTTPStatus
from typing import Final

from graphrun_core import protocol
from graphrun_runner.supervisor.api_client import ApiClient, Unreachable
from graphrun_runner.supervisor.conclusion import Conclusion, termination_message
from graphrun_runner.supervisor.voice import say

# The termination message and the exit code say the same as the report: losing it delays, it does not mislead.
REPORT_SECONDS: Final = 30.0
FLUSH_SECONDS: Final = 10.0
# Where the pod is being deleted.
HURRIED_REPORT_SECONDS: Final = 1.5
HURRIED_FLUSH_SECONDS: Final = 0.3
# Where somebody waits for a cancel, which the end of the container proves as well: without the API, nearly at once.
CANCEL_REPORT_SECONDS: Final = 0.3
_FIRST_BACKOFF_SECONDS: Final = 0.1
_LAST_BACKOFF_SECONDS: Final = 2.0
_CALL_SECONDS: Final = 5.0


class Receipt(Enum):
    """What became of a report."""

    TAKEN = "taken"
    UNHEARD = "unheard"  # no answer in time
    SUPERSEDED = "superseded"  # another attempt holds the run


def report_end(
    client: ApiClient, end: Conclusion, checkpoint: protocol.Checkpoint | None, *, patience: float
) -> Receipt:
    """Report that nothing runs any more, and how it ended."""
    body: protocol.Report = {"stopped": True, "outcome": end.outcome, "checkpoint": checkpoint}
    data, halt = json.dumps(body).encode(), threading.Event()
    deadline, backoff = time.monotonic() + patience, _FIRST_BACKOFF_SECONDS
    while True:
        try:
            answer = client.post(protocol.REPORT_PATH, data, timeout=min(_CALL_SECONDS, patience))
        except Unreachable as error:
            problem = str(error)
        else:
            if answer.status in (HTTPStatus.OK, HTTPStatus.NO_CONTENT):
                return Receipt.TAKEN
            if answer.status == HTTPStatus.CONFLICT:
                return Receipt.SUPERSEDED
            problem = str(answer.status)
        if time.monotonic() + backoff >= deadline:
            say(
                "the end could not be reported; the exit code and the termination message tell it",
                problem=problem,
            )
            return Receipt.UNHEARD
        halt.wait(backoff)
        backoff = min(backoff * 2, _LAST_BACKOFF_SECONDS)


def write_termination_message(path: str, end: Conclusion) -> None:
    """Leave the outcome where the kubelet reads it when the container has ended."""
    try:
        with open(path, "wb") as file:
            file.write(termination_message(end))
    except OSError as error:
        say("no termination message can be written", path=path, problem=str(error))
