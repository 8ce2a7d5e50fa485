"""The benchmark runs: what it prints is not judged here, for times and small sizes say nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[3]


@pytest.mark.timeout(280)
def test_every_part_of_the_benchmark_measures_our_saver_and_prints_its_table() -> None:
    done = _benchmark("--quick", "--savers", "ours", "--markdown")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "failed" not in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| graphrun-checkpoints |")]
    assert len(rows) == 7, done.stdout  # (a) to (d), latency, large values, imports
    assert "| without limit |" in done.stdout
    assert "| max_concurrency=1 |" in done.stdout
    assert "| 60 |" in done.stdout  # the long thread's last mark


def test_an_unknown_saver_is_refused_with_the_names_that_there_are() -> None:
    done = _benchmark("--savers", "theirs")
    assert done.returncode == 2
    assert "'theirs' is none of ours, objectstorage" in done.stderr


def _benchmark(*options: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "benchmarks.checkpoints", *options],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )
