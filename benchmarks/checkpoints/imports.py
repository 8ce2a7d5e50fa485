"""Part "imports": what importing a saver costs over importing LangGraph alone, in the saver's own environment."""

import os
import statistics
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.checkpoints.bench import Bench
from benchmarks.tables import Column, Table

_GRAPH = "import langgraph.graph"
_COLUMNS = (
    Column("LangGraph alone: wall s", 2, compared=False),
    Column("CPU s", 2, compared=False),
    Column("with saver: wall s", 2, compared=False),
    Column("CPU s", 2, compared=False),
    Column("wall ratio", 2),
    Column("CPU ratio", 2),
)


@dataclass(frozen=True)
class _Start:
    wall: float
    cpu: float


def measure(bench: Bench) -> tuple[list[Table], float | None]:
    """All savers; also the CPU ratio of ours."""
    table = Table(f"Import, medians of {bench.sizes.imports} processes with compiled bytecode", _COLUMNS)
    ours = None
    for saver, python in bench.savers():
        if saver.name == "objectstorage-zstd":
            continue  # the same import
        with bench.progress.step(f"imports: {saver.title}"):
            alone, with_saver = _medians(python, f"{_GRAPH}; import {saver.module}", bench.sizes.imports)
        ratio = with_saver.cpu / alone.cpu
        ours = ratio if saver.name == "ours" else ours
        cells = [alone.wall, alone.cpu, with_saver.wall, with_saver.cpu, with_saver.wall / alone.wall, ratio]
        table.rows.append((saver.title, cells))
    bench.compare(table)
    table.notes.append("tigris imports its S3 client, and objectstorage s3fs, only when first used.")
    return [table], ours


def _medians(python: Path, with_saver: str, count: int) -> tuple[_Start, _Start]:
    """In turn, so that both see the same machine; the first of each compiles and is left out."""
    seen = [(_start(python, _GRAPH), _start(python, with_saver)) for _ in range(count + 1)][1:]
    alone, both = [each[0] for each in seen], [each[1] for each in seen]
    return _median(alone), _median(both)


def _median(starts: list[_Start]) -> _Start:
    return _Start(
        statistics.median(each.wall for each in starts), statistics.median(each.cpu for each in starts)
    )


def _start(python: Path, program: str) -> _Start:
    began = time.perf_counter()
    process = subprocess.Popen([str(python), "-c", program])
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{program!r} ended with code {process.returncode}")
    return _Start(time.perf_counter() - began, usage.ru_utime + usage.ru_stime)
