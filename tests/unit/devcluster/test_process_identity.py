"""Telling processes apart, and recording them."""

import os
import signal
from pathlib import Path

import pytest

from graphrun_devcluster.processes.identity import (
    ProcessIdentity,
    identify,
    is_alive,
    parse_stat,
    send_signal,
)
from graphrun_devcluster.processes.ledger import Ledger, ProcessSpec
from graphrun_devcluster.waiting import wait_until

FIELDS = "S 1 " + " ".join(str(number) for number in range(5, 53))


@pytest.mark.parametrize("name", ["sh", "a name", "odd) S 1 (name"])
def test_the_start_time_is_read_whatever_the_process_is_called(name: str) -> None:
    identity, state = parse_stat(f"77 ({name}) {FIELDS}")

    assert identity == ProcessIdentity(77, 22)
    assert state == "S"


@pytest.mark.parametrize("line", ["", "77 (sh", "77 (sh) S 1 4"])
def test_a_record_that_was_cut_off_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="no line of"):
        parse_stat(line)


def test_a_process_with_the_same_id_but_another_start_is_a_stranger() -> None:
    me = identify(os.getpid())
    assert me is not None
    stranger = ProcessIdentity(me.pid, me.start_ticks + 1)

    assert is_alive(me)
    assert not is_alive(stranger)
    send_signal(stranger, signal.SIGKILL)  # would end this very test


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "processes", tmp_path / "log")


def test_a_started_process_has_recorded_itself(ledger: Ledger) -> None:
    spec = ProcessSpec("sleeper", ("/bin/sleep", "60"))
    started = ledger.start(spec)
    try:
        assert wait_until(lambda: ledger.record("sleeper") is not None, 5)
        record = ledger.record("sleeper")
        assert record is not None
        assert record.identity.pid == started.pid
        assert record.digest == spec.digest()
        assert record.alive()
    finally:
        started.end()
    assert not record.alive()


def test_stopping_ends_and_forgets_even_a_frozen_process_that_ignores_the_request(ledger: Ledger) -> None:
    stubborn = ("/bin/sh", "-c", "trap '' TERM; kill -STOP $$; while :; do sleep 1; done")
    started = ledger.start(ProcessSpec("stubborn", stubborn))
    assert wait_until(lambda: ledger.record("stubborn") is not None, 5)

    ledger.stop(["stubborn", "never-started"], grace=0.1)

    assert started.poll() == -signal.SIGKILL
    assert ledger.records() == []


def test_records_of_another_boot_are_void(ledger: Ledger, tmp_path: Path) -> None:
    stat = Path("/proc/self/stat").read_text().strip()
    (tmp_path / "processes").mkdir()
    (tmp_path / "processes" / "old").write_text(f"{stat}\ndigest\nanother-boot\n")

    assert ledger.record("old") is None


def test_a_process_does_not_start_when_it_cannot_record_itself(ledger: Ledger, tmp_path: Path) -> None:
    ledger.start(ProcessSpec("first", ("/bin/true",)))
    assert wait_until(lambda: ledger.record("first") is not None, 5)
    (tmp_path / "processes").rename(tmp_path / "ended")
    witness = tmp_path / "witness"
    (tmp_path / "processes").symlink_to(tmp_path / "nowhere")
    spec = ProcessSpec("late", ("/bin/sh", "-c", f"touch {witness}"))

    with pytest.raises(FileExistsError):
        ledger.start(spec)
    assert not witness.exists()


@pytest.mark.parametrize(
    "changed",
    [
        ProcessSpec("x", ("a", "c")),
        ProcessSpec("x", ("a", "b"), netns=Path("/n")),
        ProcessSpec("x", ("a", "b"), env={"K": "v"}),
        ProcessSpec("x", ("a", "b"), inputs=("file",)),
    ],
)
def test_every_part_of_a_spec_counts_in_its_digest(changed: ProcessSpec) -> None:
    assert changed.digest() != ProcessSpec("x", ("a", "b")).digest()
