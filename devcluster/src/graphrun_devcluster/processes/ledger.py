"""The record of the processes of one cluster: a folder with one file for each.

A process writes its own record before it becomes the program it is to be (see `RECORD_AND_EXEC`),
so there is no moment at which it runs unrecorded, whoever is killed when.
"""

import contextlib
import hashlib
import json
import os
import signal
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graphrun_devcluster.processes.identity import (
    ProcessIdentity,
    boot_id,
    is_alive,
    parse_stat,
    send_signal,
)
from graphrun_devcluster.processes.spawning import Started, start_process
from graphrun_devcluster.waiting import wait_until

RECORD_AND_EXEC = (
    'cd / && read -r stat < /proc/$$/stat && printf "%s\\n%s\\n%s\\n" "$stat" "$1" "$2" > "$0.new" '
    '&& mv "$0.new" "$0" && shift 2 && exec "$@"'
)
"""A shell line: record own identity, digest and boot in the file $0, then become the command in $3...."""

STOP_GRACE_SECONDS = 5.0
"""How long a process may take to end by itself before it is killed."""


@dataclass(frozen=True)
class ProcessSpec:
    """A process as it should run.

    Attributes:
        name: its name in the ledger and of its log.
        argv: the command.
        netns: path of the network namespace to run in; None for the caller's own.
        env: variables beside the inherited ones.
        inputs: text of its configuration files: other text means another process.
    """

    name: str
    argv: tuple[str, ...]
    netns: Path | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    inputs: tuple[str, ...] = ()

    def digest(self) -> str:
        """Return a digest of all that decides how it runs, to tell when it must be started anew."""
        text = json.dumps([self.argv, str(self.netns), sorted(self.env.items()), self.inputs])
        return hashlib.sha256(text.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Recorded:
    """A line of the ledger: which process, and the digest of the spec that it was started from."""

    name: str
    identity: ProcessIdentity
    digest: str

    def alive(self) -> bool:
        """Tell whether it still runs."""
        return is_alive(self.identity)


class Ledger:
    """The processes of one cluster.

    Args:
        folder: holds the records.
        logs: holds one log for each process.
    """

    def __init__(self, folder: Path, logs: Path) -> None:
        self._folder = folder
        self._logs = logs

    def log_of(self, name: str) -> Path:
        """Return where the process `name` writes."""
        return self._logs / f"{name}.log"

    def log_tail(self, name: str, lines: int = 15) -> str:
        """Return the last lines of a log, for error messages."""
        try:
            text = self.log_of(name).read_text(errors="replace")
        except OSError:
            return "(no log)"
        return "\n".join(text.splitlines()[-lines:])

    def records(self) -> list[Recorded]:
        """Return all records of this boot, the dead included."""
        found = (self.record(path.name) for path in sorted(self._folder.glob("*")) if path.suffix != ".new")
        return [record for record in found if record is not None]

    def record(self, name: str) -> Recorded | None:
        """Return the record of `name`; None when there is none that this boot wrote whole."""
        try:
            stat, digest, boot = (self._folder / name).read_text().splitlines()
            identity, _ = parse_stat(stat)
        except (OSError, ValueError):
            return None
        return Recorded(name, identity, digest) if boot == boot_id() else None

    def start(self, spec: ProcessSpec) -> Started:
        """Start a process in a session of its own; it outlives the caller."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        record = str(self._folder / spec.name)
        command = ["/bin/sh", "-c", RECORD_AND_EXEC, record, spec.digest(), boot_id(), *spec.argv]
        # nsenter, not `ip netns exec`: that one mounts a fresh /sys over the cgroups.
        enter = ["nsenter", f"--net={spec.netns}"] if spec.netns else []
        return start_process([*enter, *command], self.log_of(spec.name), {**os.environ, **spec.env})

    def stop(self, names: Iterable[str], grace: float = STOP_GRACE_SECONDS) -> None:
        """End these processes, by force after `grace` seconds, and forget them."""
        records = [record for record in map(self.record, names) if record is not None]
        stop_all([record.identity for record in records], grace)
        for record in records:
            with contextlib.suppress(FileNotFoundError):
                (self._folder / record.name).unlink()


def stop_all(identities: Sequence[ProcessIdentity], grace: float = STOP_GRACE_SECONDS) -> None:
    """End these processes together: asked first, forced after `grace` seconds."""
    for number, patience in ((signal.SIGTERM, grace), (signal.SIGKILL, STOP_GRACE_SECONDS)):
        alive = [identity for identity in identities if is_alive(identity)]
        for identity in alive:
            send_signal(identity, number)
            if number == signal.SIGTERM:  # a stopped (frozen) process hears nothing until it goes on
                send_signal(identity, signal.SIGCONT)
        if wait_until(lambda: not any(map(is_alive, identities)), patience, interval=0.02):
            return
