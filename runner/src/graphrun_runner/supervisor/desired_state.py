"""The two paths on which the run's desired state reaches the pod: a long poll at the API, and a downward-API file."""

import threading
from collections.abc import Callable
from http import HTTPStatus
from typing import Final

from graphrun_core import phases, protocol
from graphrun_runner.supervisor.api_client import Answer, ApiClient, Unreachable

_FIRST_BACKOFF_SECONDS: Final = 0.1
_LAST_BACKOFF_SECONDS: Final = 2.0
# Above the time that the API holds the poll open: a silent connection is noticed.
_POLL_SLACK_SECONDS: Final = 5.0
_KNOWN_STATES: Final = (phases.STATE_RUNNING, phases.STATE_PAUSED, phases.STATE_CANCELLED)


class CommandPoller:
    """A thread that holds a long poll open and hands on each new command."""

    def __init__(
        self,
        client: ApiClient,
        on_command: Callable[[protocol.Command], None],
        on_superseded: Callable[[], None],
    ) -> None:
        self._client, self._on_command, self._on_superseded = client, on_command, on_superseded
        self._never = threading.Event()

    def start(self) -> None:
        """Start the thread."""
        threading.Thread(target=self._run, name="commands", daemon=True).start()

    def _run(self) -> None:
        known, backoff = phases.STATE_RUNNING, _FIRST_BACKOFF_SECONDS
        while True:
            answer = ask(self._client, known, wait=protocol.MAX_COMMAND_WAIT_SECONDS)
            if answer is not None and answer.status == HTTPStatus.CONFLICT:
                return self._on_superseded()
            command = command_in(answer)
            if command:
                known = command["state"]
                self._on_command(command)
            if command or (answer is not None and answer.status == HTTPStatus.NO_CONTENT):
                backoff = _FIRST_BACKOFF_SECONDS
                continue
            self._never.wait(backoff)
            backoff = min(backoff * 2, _LAST_BACKOFF_SECONDS)


def ask(client: ApiClient, known: str, *, wait: int) -> Answer | None:
    """Ask for the command, holding on at most `wait` seconds. None: the API did not answer."""
    path = f"{protocol.COMMAND_PATH}?known={known}&wait={wait}"
    try:
        return client.get(path, timeout=wait + (_POLL_SLACK_SECONDS if wait else 1.0))
    except Unreachable:
        return None


def command_in(answer: Answer | None) -> protocol.Command | None:
    """The command that an answer carries, if it is one that this runner understands."""
    if answer is None or answer.status != HTTPStatus.OK or answer.body.get("state") not in _KNOWN_STATES:
        return None
    return {
        "state": answer.body["state"],
        "deadlineSeconds": answer.body.get("deadlineSeconds"),
        "onDeadline": answer.body.get("onDeadline") or "Wait",
    }


def read_state_file(path: str) -> str:
    """The desired state in the downward-API file; "" where there is none or it is none of ours."""
    try:
        with open(path, encoding="utf-8") as file:
            state = file.read(64).strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return state if state in _KNOWN_STATES else ""
