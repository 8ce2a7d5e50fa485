"""Cancel: every process is gone, whatever the graph does, and then it is reported. How fast: benchmarks/latency."""

import os
import signal
from pathlib import Path

import pytest

from support.runner_process import Runner, children_of

# A PID namespace of its own, where the supervisor is PID 1: as in a container.
_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
needs_namespaces = pytest.mark.usefixtures("root")


@pytest.mark.parametrize("by", ["api", "file", "sigterm", "sigterm-api"])
@pytest.mark.parametrize("graph", ["sleeping", "sleeping_in_thread", "blocked", "stubborn"])
def test_a_cancel_ends_every_process(runner: Runner, graph: str, by: str) -> None:
    attempt = runner.start(f"flows:{graph}")
    runner.api.until(lambda api: len(api.of("node_started")) == 2)
    if graph == "stubborn":
        attempt.until_marked("ignoring")
    [child] = attempt.children()
    if by in ("api", "sigterm-api"):
        runner.api.command("Cancelled")
    else:
        attempt.desire("Cancelled")
    if by.startswith("sigterm"):  # the operator deletes the pod at the same time
        attempt.process.send_signal(signal.SIGTERM)
    assert attempt.wait() == 82, attempt.log
    assert not Path(f"/proc/{child}").exists()
    assert attempt.outcome["result"] == "Cancelled"
    assert attempt.termination_message == attempt.outcome
    assert len(runner.api.reports) == 1


@needs_namespaces
def test_as_pid_1_a_cancel_ends_processes_that_left_their_session_before_it_reports(runner: Runner) -> None:
    attempt = runner.start("flows:escaped", prefix=_NAMESPACE)
    attempt.until_marked("escaped")
    assert len(_heartbeats(runner)) == 1
    runner.api.hold_reports = True
    runner.api.command("Cancelled")
    [report] = runner.api.until(lambda api: api.reports)
    assert _heartbeats(runner) == []
    assert report["outcome"]["result"] == "Cancelled"
    runner.api.answer_reports()
    assert attempt.wait() == 82, attempt.log


@needs_namespaces
def test_as_pid_1_an_ended_graph_leaves_nothing_behind_when_it_is_reported(runner: Runner) -> None:
    runner.api.hold_reports = True
    given = {"folder": str(runner.folder), "size": 1}
    attempt = runner.start("flows:escaped", prefix=_NAMESPACE, input=given)
    [report] = runner.api.until(lambda api: api.reports)
    assert _heartbeats(runner) == []
    assert report["stopped"] is True
    runner.api.answer_reports()
    assert attempt.wait() == 0, attempt.log


@needs_namespaces
def test_as_pid_1_a_cancel_during_the_import_ends_everything(runner: Runner) -> None:
    attempt = runner.start("flows:sleeping", prefix=_NAMESPACE)
    runner.api.until(lambda api: api.claims)
    runner.api.command("Cancelled")
    assert attempt.wait(seconds=5) == 82, attempt.log
    assert attempt.outcome["result"] == "Cancelled"


def test_outside_a_container_a_cancel_spares_processes_that_are_not_in_its_group(runner: Runner) -> None:
    attempt = runner.start("flows:escaped")
    attempt.until_marked("escaped")
    runner.api.command("Cancelled")
    assert attempt.wait() == 82, attempt.log
    [survivor] = _heartbeats(runner)
    os.kill(survivor, signal.SIGKILL)


def test_a_cancel_with_the_api_away_acts_on_the_file_and_leaves_the_message(runner: Runner) -> None:
    attempt = runner.start("flows:sleeping")
    runner.api.until(lambda api: api.started("asleep"))
    runner.api.hang_up()
    attempt.desire("Cancelled")
    assert attempt.wait() == 82, attempt.log
    assert attempt.termination_message["result"] == "Cancelled"
    assert "the end could not be reported" in attempt.log


def test_a_sigterm_of_an_unclaimed_pod_runs_nothing(runner: Runner) -> None:
    runner.api.hang_up()
    attempt = runner.start("flows:sleeping")
    attempt.until_children()
    attempt.process.send_signal(signal.SIGTERM)
    assert attempt.wait(seconds=3) == 81, attempt.log
    assert children_of(attempt.process.pid) == []
    assert runner.marks == []


def _heartbeats(runner: Runner) -> list[int]:
    """The processes that `escaping` has left, whatever namespace they are in."""
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(runner.folder / "heartbeat").encode() in process.read_bytes():
                found.append(int(process.parent.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found
