"""A thread that reads what the graph process says: events go to the sender, the rest is kept for the end."""

import json
import os
import threading
from typing import Any

from graphrun_core import events, protocol
from graphrun_runner import wire
from graphrun_runner.supervisor.event_sender import EventSender
from graphrun_runner.supervisor.spool import Entry
from graphrun_runner.supervisor.voice import say

_READ_BYTES = 1 << 16


class UpReader:
    """Knows the verdict, the newest durable checkpoint and the nodes under way. Read them after `finish`."""

    def __init__(self, descriptor: int, sender: EventSender) -> None:
        self._descriptor, self._sender = descriptor, sender
        self._running: dict[str, str] = {}  # task id → node
        self._thread = threading.Thread(target=self._run, name="up", daemon=True)
        self.outcome: protocol.Outcome | None = None
        self.drained = False
        self.checkpoint: protocol.Checkpoint | None = None

    @property
    def running_nodes(self) -> list[str]:
        """Names of the nodes that have started and not ended."""
        return sorted(set(self._running.values()))

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def finish(self, seconds: float) -> None:
        """Wait for the end of the stream. A forked process that escaped may hold the pipe open: then not for long."""
        self._thread.join(seconds)

    def _run(self) -> None:
        rest = b""
        while chunk := os.read(self._descriptor, _READ_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            self._take_message(json.loads(line))
        except (ValueError, KeyError, TypeError):  # user code wrote into the pipe, or died within a line
            say("a line of the graph process cannot be read; it is left out", bytes=len(line))

    def _take_message(self, message: wire.UpMessage) -> None:
        if wire.EVENT in message:
            self._take_event(message[wire.EVENT])
        elif wire.OUTCOME in message:
            self.outcome = message[wire.OUTCOME]
        elif wire.DRAINED in message:
            self.drained = True

    def _take_event(self, event: dict[str, Any]) -> None:
        kind = event["type"]
        if kind == events.NODE_STARTED:
            self._running[event["task_id"]] = event["node_id"]
        elif kind in (events.NODE_COMPLETED, events.NODE_FAILED):
            self._running.pop(event["task_id"], None)
        elif kind == events.CHECKPOINT_SAVED and not event["data"]["ns"]:
            data = event["data"]
            self.checkpoint = {"id": data["id"], "step": data["step"], "time": event["at"]}
        line = json.dumps(event, separators=(",", ":")).encode()
        self._sender.add(Entry(line, droppable=kind in events.DROPPABLE_TYPES))
