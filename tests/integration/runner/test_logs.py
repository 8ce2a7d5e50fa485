"""The log of an attempt, as it reaches the API in chunks."""

import os
import signal
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from support.runner_process import Runner

_CHUNK_BYTES = 256 * 1024
_BUFFER_BYTES = 1024 * 1024
_LINE_BYTES = 10


def test_the_whole_output_reaches_the_api_after_the_report(runner: Runner) -> None:
    attempt = runner.start("shapes:speech", attempt=3)
    runner.api.hold_reports = True
    runner.api.until(lambda api: api.reports)
    before = len(runner.api.log_chunks)
    runner.api.answer_reports()
    assert attempt.wait() == 0, attempt.log
    chunks = runner.api.log_chunks
    assert len(chunks) > before
    assert {chunk["attempt"] for chunk in chunks} == {3}
    ends = [chunk["offset"] + chunk["size"] for chunk in chunks]
    assert [chunk["offset"] for chunk in chunks] == [0, *ends[:-1]]
    assert max(chunk["size"] for chunk in chunks) <= _CHUNK_BYTES
    log = runner.api.stored_log
    assert log.count("tab\tand ünïcode\n") == 2
    assert log.count("\0\ufffd\ufffd binary \x1b[31m\n") == 2
    assert "without an end" in log


def test_a_graph_process_that_is_killed_leaves_its_last_words(runner: Runner) -> None:
    attempt = runner.start("shapes:killed")
    assert attempt.wait() == 128 + signal.SIGKILL, attempt.log
    assert runner.api.stored_log.endswith("last words, without an end")
    assert (attempt.home / "stdout").read_text().endswith("last words, without an end")


@pytest.fixture
def lingering(runner: Runner) -> Iterator[Runner]:
    yield runner
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if command.endswith(f"# {runner.folder}\0".encode()):
            os.kill(int(process.name), signal.SIGKILL)


def test_a_process_that_escaped_and_holds_the_pipes_open_is_heard_but_not_waited_for(
    lingering: Runner,
) -> None:
    attempt = lingering.start("shapes:lingering")
    assert attempt.wait(60) == 0, attempt.log  # it sleeps for ten minutes
    assert "from a grandchild\n" in lingering.api.stored_log
    assert lingering.api.reports


def test_while_the_api_takes_no_logs_the_graph_goes_on_and_the_newest_bytes_are_kept(runner: Runner) -> None:
    runner.api.logs_status = 503
    size = 3 * _BUFFER_BYTES // _LINE_BYTES
    attempt = runner.start("shapes:printed", input={"folder": str(runner.folder), "size": size})
    attempt.until_marked("printed")
    attempt.until_logged(f"{size - 1:09d}\n")
    runner.api.logs_status = 204
    assert attempt.wait() == 0, attempt.log
    chunks = runner.api.log_chunks
    lost = [after["offset"] - before["offset"] - before["size"] for before, after in pairwise(chunks)]
    assert any(lost)
    assert all(gap >= 0 for gap in lost)
    assert chunks[-1]["text"].endswith(f"{size - 1:09d}\n")
    assert (attempt.home / "stdout").stat().st_size >= size * _LINE_BYTES


@pytest.mark.parametrize("status", [404, 409])
def test_an_api_that_knows_no_logs_or_takes_none_of_this_pod_is_not_asked_again(
    runner: Runner, status: int
) -> None:
    runner.api.logs_status = status
    attempt = runner.start("shapes:printed", input={"folder": str(runner.folder), "size": 100_000})
    assert attempt.wait() == 0, attempt.log
    assert runner.api.log_calls == 1
    assert attempt.outcome["result"] == "Succeeded"
