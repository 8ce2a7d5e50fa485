"""The two processes as the node's kernel sees them: their size, their output, and what they leave behind."""

import os
import re
from pathlib import Path

from support.runner_process import Attempt, Runner

# A PID namespace of its own, where the supervisor is PID 1: as in a container.
_NAMESPACE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")
_SUPERVISOR_MB = 30
_EVENTS = 100_000


def _status(pid: int) -> dict[str, str]:
    lines = (Path("/proc") / str(pid) / "status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def _megabytes(pid: int, field: str = "VmRSS") -> float:
    return int(_status(pid)[field].split()[0]) / 1024


def _supervisor(attempt: Attempt) -> int:
    return attempt.process.pid


def test_the_supervisor_stays_small_while_a_graph_runs(runner: Runner) -> None:
    attempt = runner.start("flows:three")
    attempt.until_marked("held-entered")
    runner.api.until(lambda api: api.started("held"))
    used = _megabytes(_supervisor(attempt), "VmHWM")
    print(f"supervisor: {used:.1f} MB at its largest")  # noqa: T201 - the figure
    runner.go()
    assert attempt.wait() == 0, attempt.log
    assert used <= _SUPERVISOR_MB


def test_the_graph_process_has_a_session_and_a_group_of_its_own(runner: Runner) -> None:
    attempt = runner.start("flows:three")
    attempt.until_marked("held-entered")
    [child] = attempt.children()
    assert os.getpgid(child) == os.getsid(child) == child
    assert os.getsid(_supervisor(attempt)) != child
    runner.go()
    assert attempt.wait() == 0, attempt.log


def test_as_pid_1_orphans_of_orphans_leave_no_zombie_while_the_graph_runs(runner: Runner) -> None:
    attempt = runner.start("shapes:orphans", prefix=_NAMESPACE)
    attempt.until_marked("orphaned")
    assert (runner.folder / "orphans").read_text() == "x" * 20
    [supervisor] = attempt.children()  # `unshare` waits in front of it
    runner.api.until(lambda _: not _zombies_of(supervisor), seconds=5)
    runner.go()
    assert attempt.wait() == 0, attempt.log


def _zombies_of(supervisor: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            status = _status(int(process.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(status["PPid"]) == supervisor and status["State"].startswith("Z"):
            found.append(int(process.name))
    return found


def test_what_a_graph_prints_and_logs_reaches_the_pods_log_untouched(runner: Runner) -> None:
    attempt = runner.start("shapes:speech")
    assert attempt.wait() == 0
    for stream in ("stdout", "stderr"):
        written = (attempt.home / stream).read_bytes()
        lines = ["plain", "two\nlines", "tab\tand ünïcode", "graphrun: not ours", "x" * 300_000]
        for line in lines:
            found = re.findall(rb"(?m)^" + re.escape(line.encode()) + rb"$", written)
            assert len(found) == 1, (stream, line[:40])
        assert written.count(b"\x00\xff\xfe binary \x1b[31m\n") == 1
