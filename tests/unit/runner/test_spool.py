import json
from pathlib import Path
from typing import Any

from graphrun_runner.supervisor.spool import Entry, Spool


def _entry(kind: str, number: int, size: int = 0) -> Entry:
    line = json.dumps({"type": kind, "number": number, "pad": "x" * size}).encode()
    return Entry(line, droppable=kind == "token")


def _all(spool: Spool) -> list[dict[str, Any]]:
    taken = []
    while batch := spool.take(7):
        taken += [json.loads(line) for line in batch]
    return taken


def test_events_come_out_in_order_with_dense_numbers(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path))
    for number in range(20):
        spool.add(_entry("node_started", number))
    taken = _all(spool)
    assert [e["number"] for e in taken] == list(range(20))
    assert [e["seq"] for e in taken] == list(range(1, 21))
    assert len(spool) == 0


def test_order_holds_across_files_and_reading_while_writing(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), segment_bytes=500)
    taken = []
    for number in range(300):
        spool.add(_entry("node_started" if number % 3 else "token", number))
        if number % 5 == 0:
            taken += [json.loads(line) for line in spool.take(2)]
    assert list(tmp_path.iterdir())
    taken += _all(spool)
    assert [e["number"] for e in taken] == list(range(300))
    assert [e["seq"] for e in taken] == list(range(1, 301))
    assert list(tmp_path.iterdir()) == []


def test_memory_stays_small_while_nothing_is_taken(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), segment_bytes=2000)
    for number in range(500):
        spool.add(_entry("node_started", number, size=100))
    on_disk = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert on_disk > 500 * 100 - 3 * 2200  # all but the first and the last segment


def test_a_full_spool_drops_tokens_and_keeps_the_rest_dense(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), limit_bytes=20_000, segment_bytes=2000)
    for number in range(400):
        spool.add(_entry("token" if number % 4 else "node_started", number, size=50))
    taken = _all(spool)
    kept = [e["number"] for e in taken]
    assert spool.dropped == 400 - len(kept) > 0
    assert [n for n in kept if n % 4 == 0] == list(range(0, 400, 4))
    assert kept == sorted(kept)
    assert [e["seq"] for e in taken] == list(range(1, len(kept) + 1))


def test_a_spool_full_of_node_events_takes_more_of_them_and_no_token(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path), limit_bytes=5000, segment_bytes=1000)
    for number in range(100):
        spool.add(_entry("node_started", number, size=100))
        spool.add(_entry("token", number, size=100))
    kept = _all(spool)
    assert [e["number"] for e in kept if e["type"] == "node_started"] == list(range(100))
    assert len(kept) < 150


def test_without_its_folder_the_spool_keeps_what_matters_in_memory(tmp_path: Path) -> None:
    spool = Spool(str(tmp_path / "missing"), segment_bytes=1000)
    for number in range(100):
        spool.add(_entry("token" if number % 2 else "node_started", number, size=100))
    kept = [e["number"] for e in _all(spool) if e["type"] == "node_started"]
    assert kept == list(range(0, 100, 2))
