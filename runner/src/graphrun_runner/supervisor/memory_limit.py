"""Whether the kernel killed a process of this container at its memory limit, from the cgroup's own counters."""

from typing import Final

_EVENTS_FILES: Final = ("/sys/fs/cgroup/memory.events", "/sys/fs/cgroup/memory/memory.oom_control")
_LIMIT_FILES: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def oom_kills(files: tuple[str, ...] = _EVENTS_FILES) -> int:
    """How often the kernel has killed in this cgroup (version 2, else 1) so far."""
    for path in files:
        for line in _lines(path):
            name, _, count = line.partition(" ")
            if name == "oom_kill" and count.isdigit():
                return int(count)
    return 0


def limit(files: tuple[str, ...] = _LIMIT_FILES) -> str:
    """The limit for a person, for example "1024 MiB"."""
    for path in files:
        for line in _lines(path):
            if line.isdigit():
                return f"{int(line) >> 20} MiB"
    return "unknown size"


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="ascii") as file:
            return file.read().splitlines()
    except OSError:
        return []
