"""A claimed attempt, from the grant to the end of its last process."""

import signal
import threading
import time
from collections.abc import Callable
from typing import Any, Final

from graphrun_core import phases, protocol
from graphrun_runner import wire
from graphrun_runner.supervisor import course, mailbox, memory_limit
from graphrun_runner.supervisor.api_client import ApiClient
from graphrun_runner.supervisor.conclusion import Ending
from graphrun_runner.supervisor.course import Course
from graphrun_runner.supervisor.desired_state import CommandPoller, ask, command_in, read_state_file
from graphrun_runner.supervisor.event_sender import EventSender
from graphrun_runner.supervisor.graph_process import TERM_SECONDS, GraphProcess
from graphrun_runner.supervisor.mailbox import Mailbox
from graphrun_runner.supervisor.settings import Settings
from graphrun_runner.supervisor.spool import Spool
from graphrun_runner.supervisor.up_reader import UpReader
from graphrun_runner.supervisor.voice import say

# The downward-API file is looked at this often; every other deadline is kept exactly.
_FILE_SECONDS: Final = 0.1
# After SIGTERM the API is asked once whether it means cancel; the answer is awaited this long.
_CHECK_SECONDS: Final = 1.0
_PIPE_SECONDS: Final = 0.5


class Attempt:
    """Watches over the graph process. Everything here happens in the main thread."""

    def __init__(
        self, settings: Settings, grant: dict[str, Any], process: GraphProcess, box: Mailbox
    ) -> None:
        self._settings, self._grant, self._process, self._box = settings, grant, process, box
        self.route = Course(
            grant.get("pause") or {}, started=time.monotonic(), active_seconds=grant.get("activeSecondsLeft")
        )
        self.sender = EventSender(self._client(), Spool(settings.work_dir), self._on_superseded)
        self.reader = UpReader(process.up, self.sender)
        self._kill_at: float | None = None
        self._check_until: float | None = None
        self._file_state = phases.STATE_RUNNING
        self._oom_kills = memory_limit.oom_kills()
        self._stops: dict[str, Callable[[], None]] = {course.DRAIN: self._drain, course.STOP: self._stop}

    def run(self, *, hand_over: bool) -> Ending:
        """Hand over the grant, then watch until the process and all that it started have ended.

        With `hand_over` False (SIGTERM came during the claim) nothing is run; what remains is to learn why.
        """
        self.sender.start()
        self.reader.start()
        if hand_over:
            CommandPoller(self._client(), self._on_command, self._on_superseded).start()
            self._process.send(self._grant)
        else:
            self._process.end_all()
            self.reader.drained = True  # nothing was begun
            self._terminated(time.monotonic())
        self._watch()
        return self._ended()

    def _watch(self) -> None:
        next_look = 0.0
        while self._process.status is None or self._check_until is not None:
            now = time.monotonic()
            if now >= next_look:
                next_look = now + _FILE_SECONDS
                self._look_at_file(now)
            self._keep_deadlines(now)
            self._take(self._box.get(self._next_deadline(next_look) - time.monotonic()))

    def _take(self, news: mailbox.News) -> None:
        now = time.monotonic()
        if news.kind == mailbox.CHILD_CHANGED:
            self._process.reap()
        elif news.kind == mailbox.COMMAND:
            self._act(self.route.told(news.payload, now))
        elif news.kind == mailbox.SUPERSEDED:
            self._act(self.route.superseded())
        elif news.kind == mailbox.CHECKED:
            self._check_until = None
        elif news.kind == mailbox.TERMINATED:
            self._terminated(now)

    def _keep_deadlines(self, now: float) -> None:
        self._act(self.route.tick(now))
        if self._kill_at is not None and now >= self._kill_at:
            self._kill_at = None
            self._process.end_all()
        if self._check_until is not None and now >= self._check_until:
            self._check_until = None

    def _next_deadline(self, next_look: float) -> float:
        others = (self.route.next_tick(), self._kill_at, self._check_until)
        return min([next_look, *(moment for moment in others if moment is not None)])

    def _act(self, action: str) -> None:
        if action:
            self._stops[action]()

    def _drain(self) -> None:
        say("finishing the step under way", reason=self.route.drain_reason)
        message: wire.DownMessage = {"command": wire.COMMAND_DRAIN, "reason": self.route.drain_reason}
        self._process.send(message)

    def _stop(self) -> None:
        say("stopping the graph process", reason=self.route.stop_why)
        self._process.signal_group(signal.SIGTERM)
        self._kill_at = time.monotonic() + (
            0 if self.route.stop_why == course.WHY_SUPERSEDED else TERM_SECONDS
        )

    def _terminated(self, now: float) -> None:
        """SIGTERM: of an eviction, or the first news of a cancel. Drain at once, and ask which of the two it is."""
        if self.route.evicted:
            return
        self._look_at_file(now)
        if self.route.wanted != phases.STATE_CANCELLED:
            self._check_until = now + _CHECK_SECONDS
            threading.Thread(target=self._check, name="check", daemon=True).start()
        self._act(self.route.terminated(now, self._settings.grace_seconds))

    def _check(self) -> None:
        command = command_in(ask(self._client(), phases.STATE_RUNNING, wait=0))
        if command:
            self._on_command(command)
        self._box.put(mailbox.CHECKED)

    def _ended(self) -> Ending:
        # What the graph left behind (processes that it started) must not outlive it: that is what `stopped` proves.
        self._process.end_all()
        self.reader.finish(_PIPE_SECONDS)
        status = self._process.status or 0
        oom = status == -signal.SIGKILL and memory_limit.oom_kills() > self._oom_kills
        return Ending(
            status=status,
            outcome=self.reader.outcome,
            drained=self.reader.drained,
            running_nodes=self.reader.running_nodes,
            memory_limit=memory_limit.limit() if oom else "",
        )

    def _look_at_file(self, now: float) -> None:
        # Only a change in the file is news: it lags behind the API, and its old "Running" must undo nothing.
        state = read_state_file(self._settings.desired_state_file)
        if state and state != self._file_state:
            self._file_state = state
            self._act(self.route.wants(state, now))

    def _client(self) -> ApiClient:
        return ApiClient(self._settings.api_url, self._settings.token_file)

    def _on_command(self, command: protocol.Command) -> None:
        self._box.put(mailbox.COMMAND, command)

    def _on_superseded(self) -> None:
        self._box.put(mailbox.SUPERSEDED)
