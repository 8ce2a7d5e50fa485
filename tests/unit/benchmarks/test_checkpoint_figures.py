"""The benchmark's own arithmetic: ratios, verdicts, turns, and the same text everywhere."""

import socket
import threading

import pytest
from benchmarks.checkpoints.bench import FULL
from benchmarks.checkpoints.concurrency import Puts
from benchmarks.checkpoints.postgres_meter import postgres_meter
from benchmarks.checkpoints.savers import Place
from benchmarks.checkpoints.targets import judge
from benchmarks.checkpoints.texts import Writer, noise
from benchmarks.checkpoints.worker import Job
from benchmarks.tables import Column, Table


def test_ratios_are_to_the_best_peer_and_leave_out_what_failed_or_is_not_there() -> None:
    table = Table("t", [Column("requests"), Column("objects"), Column("ms", compared=False)])
    table.rows += [
        ("ours", [2, 5, 1]),
        ("slow", [8, 10, 1]),
        ("fast", [4, None, 1]),
        ("broken", ["failed: why"]),
    ]
    table.compare("ratio", "ours", ["slow", "fast", "broken", "absent"])
    assert table.rows[-1] == ("ratio", ["0.50", "0.50", None])


def test_there_is_no_ratio_without_a_peer() -> None:
    table = Table("t", [Column("requests")], [("ours", [2])])
    table.compare("ratio", "ours", ["absent"])
    assert [title for title, _ in table.rows] == ["ours"]


def test_a_table_in_markdown_has_a_rule_and_as_many_cells_in_each_row() -> None:
    table = Table("t", [Column("a", 1), Column("b")], [("x", [1234.56, None]), ("y", ["failed: why"])])
    lines = [line for line in table.text(markdown=True).splitlines() if line.startswith("|")]
    assert lines == ["|  | a | b |", "| --- | ---: | ---: |", "| x | 1,234.6 | - |", "| y | failed: why |  |"]


@pytest.mark.parametrize(("one_at_a_time", "verdict"), [(25, "met"), (26, "not met")])
def test_a_target_is_met_up_to_its_bound(one_at_a_time: int, verdict: str) -> None:
    [table] = judge({}, Puts(unlimited=25, one_at_a_time=one_at_a_time), None)
    assert [cells[-1] for _, cells in table.rows] == [verdict]


def test_nothing_is_judged_where_nothing_was_measured() -> None:
    assert judge({}, None, None) == []


def test_text_and_noise_are_the_same_for_the_same_seed() -> None:
    assert Writer(1).text(1_000) == Writer(1).text(1_000) != Writer(2).text(1_000)
    assert len(Writer(1).text(1_000).encode()) == 1_000
    assert noise(100, 1) == noise(100, 1) != noise(100, 2)


def test_a_job_survives_its_way_to_the_worker() -> None:
    job = Job("ours", Place("http://127.0.0.1:1", "bucket"), FULL.cost["b"], ("resume", "history"), "sync", 1)
    assert Job.from_json(job.to_json()) == job


def test_a_turn_of_a_database_is_a_question_however_many_pieces_it_and_its_answer_have() -> None:
    server = socket.create_server(("127.0.0.1", 0))
    echo = threading.Thread(target=_answer_twice, args=(server,))
    echo.start()
    with postgres_meter(server.getsockname()[1]) as meter:
        with socket.create_connection(("127.0.0.1", meter.port)) as client:
            for _ in range(2):
                client.sendall(b"que")
                client.sendall(b"stion")
                assert client.recv(100) == b"answer"
        echo.join()
        assert (meter.turns, meter.up, meter.down) == (2, 16, 12)
        meter.restart()
        assert (meter.turns, meter.up, meter.down) == (0, 0, 0)
    server.close()


def _answer_twice(server: socket.socket) -> None:
    connection, _ = server.accept()
    with connection:
        for _ in range(2):
            asked = b""
            while len(asked) < len(b"question"):
                asked += connection.recv(100)
            connection.sendall(b"answer")
