"""Brings processes up in order, each ready before the next; what already runs well is left alone."""

from collections.abc import Callable
from dataclasses import dataclass

from graphrun_devcluster.errors import NotReadyError
from graphrun_devcluster.processes.ledger import Ledger, ProcessSpec
from graphrun_devcluster.processes.spawning import Started
from graphrun_devcluster.waiting import wait_until

FROZEN_SECONDS = 10.0
"""A process that lives but has not answered for so long is started anew."""

READY_SECONDS = 60.0
"""How long a process may take from its start to its first good answer."""


@dataclass(frozen=True)
class Part:
    """A process and how to see that it is ready."""

    spec: ProcessSpec
    ready: Callable[[], bool]


def ensure_running(ledger: Ledger, *parts: Part) -> None:
    """Start those of `parts` that do not run as specified or do not answer, together; wait for all.

    Raises:
        NotReadyError: one ended, or did not become ready in time.
    """
    begun = []
    for part in parts:
        if not _runs_well(ledger, part):
            ledger.stop([part.spec.name])
            begun.append((part, ledger.start(part.spec)))
    for part, process in begun:
        await_ready(ledger, part, process)


def _runs_well(ledger: Ledger, part: Part) -> bool:
    record = ledger.record(part.spec.name)
    runs = record is not None and record.alive() and record.digest == part.spec.digest()
    return runs and wait_until(part.ready, FROZEN_SECONDS)


def await_ready(ledger: Ledger, part: Part, process: Started) -> None:
    """Wait until a process that was just started answers.

    Raises:
        NotReadyError: it ended, or did not become ready in time.
    """
    name = part.spec.name
    settled = wait_until(lambda: process.poll() is not None or part.ready(), READY_SECONDS)
    if process.poll() is not None:
        raise NotReadyError(f"{name} ended with code {process.returncode}:\n{ledger.log_tail(name)}")
    if not settled:
        raise NotReadyError(f"{name} is not ready after {READY_SECONDS:.0f} s:\n{ledger.log_tail(name)}")
