"""Types that strict deserialisation did not build, counted: LangGraph itself warns of each only once a process."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextvars import ContextVar

from langgraph.checkpoint.serde.event_hooks import SerdeEvent, register_serde_event_listener

OnBlocked = Callable[[str], object]
"""Called with `module.Class` for each value of a type that was not built; must be quick."""

_listening: ContextVar["BlockedTypes | None"] = ContextVar("graphrun_checkpoints_blocked", default=None)
_registered = threading.Lock()
_is_registered = False


class BlockedTypes:
    """What one saver did not build."""

    def __init__(self, on_blocked: OnBlocked | None) -> None:
        self.counts: dict[str, int] = {}
        self._on_blocked = on_blocked
        _register()

    @contextlib.contextmanager
    def counting(self) -> Iterator[None]:
        """Count what is blocked while values are loaded in this thread or task."""
        token = _listening.set(self)
        try:
            yield
        finally:
            _listening.reset(token)

    def add(self, name: str) -> None:
        """One more value of a type that was not built."""
        self.counts[name] = self.counts.get(name, 0) + 1
        if self._on_blocked is not None:
            self._on_blocked(name)


def _register() -> None:
    """Listen to LangGraph's serializer, once a process: its listeners are global."""
    global _is_registered  # noqa: PLW0603 - a registration with a global list
    with _registered:
        if not _is_registered:
            register_serde_event_listener(_hear)
            _is_registered = True


def _hear(event: SerdeEvent) -> None:
    listener = _listening.get()
    if listener is not None and event["kind"] in {"msgpack_blocked", "msgpack_method_blocked"}:
        listener.add(f"{event['module']}.{event['name']}")
