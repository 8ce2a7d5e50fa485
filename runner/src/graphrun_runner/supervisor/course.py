"""What the supervisor has been told to do with the graph process, and what follows. Pure: time is an argument.

(running) --pause, eviction--> draining --deadline--> stopping
    `-----------cancel, active limit, superseded--------^
"""

from typing import Any, Final

from graphrun_core import phases
from graphrun_core.protocol import Command

# --- actions
DRAIN: Final = "drain"
STOP: Final = "stop"

# --- why the process is being stopped
WHY_CANCEL: Final = "cancel"
WHY_PAUSE_DEADLINE: Final = "pause-deadline"
WHY_EVICTION: Final = "eviction"
WHY_ACTIVE_LIMIT: Final = "active-limit"
WHY_SUPERSEDED: Final = "superseded"
# A later, stronger reason replaces an earlier one; nothing replaces a cancel but the loss of the attempt.
_STRENGTH: Final = {
    "": 0,
    WHY_PAUSE_DEADLINE: 1,
    WHY_EVICTION: 1,
    WHY_ACTIVE_LIMIT: 2,
    WHY_CANCEL: 3,
    WHY_SUPERSEDED: 4,
}

# What is left of the grace period for stopping, reporting and exiting.
GRACE_RESERVE_SECONDS: Final = 3.0


class Course:
    """The state of one attempt between claim and end. Methods return the action to take, or ""."""

    def __init__(self, pause: dict[str, Any], *, started: float, active_seconds: float | None) -> None:
        self.wanted = phases.STATE_RUNNING
        self.drain_reason = ""  # pause | eviction
        self.stop_why = ""
        self.evicted = False
        self._pause = pause
        self._drain_until: float | None = None
        self._drain_end_why = WHY_PAUSE_DEADLINE
        self._active_until = None if active_seconds is None else started + active_seconds

    def told(self, command: Command, now: float) -> str:
        """A command from the API."""
        options = {"deadlineSeconds": command.get("deadlineSeconds"), "onDeadline": command.get("onDeadline")}
        options = {name: value for name, value in options.items() if value is not None}
        if command["state"] == phases.STATE_PAUSED:
            self._pause = {**self._pause, **options}
            if self.wanted == phases.STATE_PAUSED:  # the file, which knows no deadline, was first
                self._keep_pause_deadline(now)
        return self.wants(command["state"], now)

    def wants(self, state: str, now: float) -> str:
        """The desired state as the file or the API has it. Hearing the same again changes nothing."""
        if self.wanted in (state, phases.STATE_CANCELLED):
            return ""
        self.wanted = state
        if state == phases.STATE_CANCELLED:
            return self._stop(WHY_CANCEL)
        if state == phases.STATE_PAUSED:
            return self._drain_for_pause(now)
        # Running again while draining: this attempt ends as paused, the operator opens the next.
        return ""

    def terminated(self, now: float, grace_seconds: float) -> str:
        """SIGTERM that is no cancel: the pod is being evicted."""
        if self.evicted:
            return ""
        self.evicted = True
        until = now + max(grace_seconds - GRACE_RESERVE_SECONDS, 0.0)
        first = not self.drain_reason
        self.drain_reason = self.drain_reason or "eviction"
        if self._drain_until is None or until < self._drain_until:
            self._drain_until, self._drain_end_why = until, WHY_EVICTION
        return DRAIN if first and not self.stop_why else ""

    def superseded(self) -> str:
        """Another attempt holds the run."""
        return self._stop(WHY_SUPERSEDED)

    def tick(self, now: float) -> str:
        """What the clock asks for."""
        if self._active_until is not None and now >= self._active_until:
            self._active_until = None
            return self._stop(WHY_ACTIVE_LIMIT)
        if self._drain_until is not None and now >= self._drain_until:
            self._drain_until = None
            return self._stop(self._drain_end_why)
        return ""

    def next_tick(self) -> float | None:
        """When `tick` may next have something to say."""
        times = [moment for moment in (self._active_until, self._drain_until) if moment is not None]
        return min(times) if times else None

    def _drain_for_pause(self, now: float) -> str:
        first = not self.drain_reason
        self.drain_reason = "pause"
        self._keep_pause_deadline(now)
        return DRAIN if first and not self.stop_why else ""

    def _keep_pause_deadline(self, now: float) -> None:
        deadline = self._pause.get("deadlineSeconds")
        if self._pause.get("onDeadline") == "Interrupt" and deadline is not None:
            until = now + float(deadline)
            if self._drain_until is None or until < self._drain_until:
                self._drain_until, self._drain_end_why = until, WHY_PAUSE_DEADLINE

    def _stop(self, why: str) -> str:
        first = not self.stop_why
        if _STRENGTH[why] > _STRENGTH[self.stop_why]:
            self.stop_why = why
        return STOP if first else ""
