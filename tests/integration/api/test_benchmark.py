"""The benchmark runs: what it prints is not judged here, for times and small sizes say nothing."""

import pytest

from support.benchmark_run import run_benchmark


@pytest.mark.timeout(280)
def test_every_part_of_the_benchmark_measures_our_api_and_prints_its_table() -> None:
    sizes = [
        "--seconds",
        "1",
        "--clients",
        "20",
        "--others-clients",
        "20",
        "--runs",
        "2000",
        "--events",
        "4000",
    ]

    done = run_benchmark("api", "--servers", "ours", "--replayed", "2000", "--markdown", *sizes)

    assert done.returncode == 0, done.stderr[-3000:]
    rows = [line.split(" |")[0].strip("| ") for line in done.stdout.splitlines() if line.startswith("| ")]
    expected = ["status", "create", "custom events of 100 bytes", "graphrun", "no filter", "all of them"]
    assert [row for row in rows if row in expected] == expected, done.stdout
    assert rows.count("WebSocket") == 2, done.stdout  # live and replayed
    [ours] = [line for line in done.stdout.splitlines() if line.startswith("| graphrun |")]
    assert ours.count("| - ") == 1, done.stdout  # all but what needs a node


def test_an_unknown_server_is_refused_with_the_names_that_there_are() -> None:
    done = run_benchmark("api", "--servers", "theirs")

    assert done.returncode == 2
    assert "'theirs' is none of ours, langgraph, aegra" in done.stderr
