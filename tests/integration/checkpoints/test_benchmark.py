"""The benchmark runs: what it prints is not judged here, for times and small sizes say nothing."""

import pytest

from support.benchmark_run import run_benchmark


@pytest.mark.timeout(280)
def test_every_part_of_the_benchmark_measures_our_saver_and_prints_its_table() -> None:
    done = run_benchmark("checkpoints", "--quick", "--savers", "ours", "--markdown")
    assert done.returncode == 0, done.stderr[-3000:]
    assert "failed" not in done.stdout
    rows = [line for line in done.stdout.splitlines() if line.startswith("| graphrun-checkpoints |")]
    assert len(rows) == 7, done.stdout  # (a) to (d), latency, large values, imports
    assert "| without limit |" in done.stdout
    assert "| max_concurrency=1 |" in done.stdout
    assert "| 60 |" in done.stdout  # the long thread's last mark


def test_an_unknown_saver_is_refused_with_the_names_that_there_are() -> None:
    done = run_benchmark("checkpoints", "--savers", "theirs")
    assert done.returncode == 2
    assert "'theirs' is none of ours, objectstorage" in done.stderr
