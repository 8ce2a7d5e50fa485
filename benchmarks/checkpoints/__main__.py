"""Run the benchmark and print its tables."""

import argparse
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.checkpoints import concurrency, cost, imports, large_values, latency, long_thread
from benchmarks.checkpoints.bench import FULL, QUICK, Bench
from benchmarks.checkpoints.driver import SaverFailed
from benchmarks.checkpoints.environments import SAVERS, SaverKind, python_of
from benchmarks.checkpoints.servers import running_site
from benchmarks.checkpoints.targets import judge
from benchmarks.tables import Table
from graphrun_devcluster.progress import Progress

PARTS = ("cost", "latency", "large", "concurrency", "imports", "long")


def main() -> int:
    """Measure what was asked for; 1 if something could not be measured."""
    asked = _parser().parse_args()
    progress, began = Progress(), time.monotonic()
    pythons, failures = _environments(asked.savers, progress)
    with running_site(with_postgres=any(saver.store == "postgres" for saver in pythons)) as site:
        bench = Bench(site, pythons, QUICK if asked.quick else FULL, progress)
        seen = _Seen()
        for part in asked.only:
            try:
                tables = seen.measure(part, bench)
            except SaverFailed as failed:  # the other parts can still be measured
                failures[part] = str(failed)
                continue
            _print(tables, markdown=asked.markdown)
    if not asked.quick:
        _print(judge(seen.costs, seen.puts, seen.import_ratio), markdown=asked.markdown)
    for what, reason in failures.items():
        print(f"{what}: not measured, {reason}")
    progress.note(f"measured in {time.monotonic() - began:.0f} s")
    return 1 if failures else 0


@dataclass
class _Seen:
    """What the targets are judged by, as the parts find it."""

    costs: cost.Costs = field(default_factory=dict)
    puts: concurrency.Puts | None = None
    import_ratio: float | None = None

    def measure(self, part: str, bench: Bench) -> list[Table]:
        if part == "cost":
            tables, self.costs = cost.measure(bench)
        elif part == "concurrency":
            tables, self.puts = concurrency.measure(bench)
        elif part == "imports":
            tables, self.import_ratio = imports.measure(bench)
        else:
            tables = {"latency": latency, "large": large_values, "long": long_thread}[part].measure(bench)
        return tables


def _print(tables: list[Table], *, markdown: bool) -> None:
    for table in tables:
        print(table.text(markdown=markdown), end="\n\n", flush=True)


def _environments(names: list[str], progress: Progress) -> tuple[dict[SaverKind, Path], dict[str, str]]:
    """The savers' interpreters, and why some have none: the others are measured all the same."""
    pythons: dict[SaverKind, Path] = {}
    missing: dict[str, str] = {}
    for saver in SAVERS:
        if saver.name in names:
            try:
                pythons[saver] = python_of(saver, progress)
            except RuntimeError as failed:
                missing[saver.name] = str(failed)
    return pythons, missing


def _parser() -> argparse.ArgumentParser:
    names = [saver.name for saver in SAVERS]
    parser = argparse.ArgumentParser(prog="python -m benchmarks.checkpoints", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, to see that all works")
    parser.add_argument("--only", type=_choice(PARTS), default=list(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument("--savers", type=_choice(names), default=names, help=f"of {','.join(names)}")
    parser.add_argument("--markdown", action="store_true", help="tables for a README")
    return parser


class _choice:  # noqa: N801 - reads as a function where it is used
    """Names from a list, with commas between."""

    def __init__(self, names: "list[str] | tuple[str, ...]") -> None:
        self._names = names

    def __call__(self, given: str) -> list[str]:
        chosen = given.split(",")
        unknown = [name for name in chosen if name not in self._names]
        if unknown:
            raise argparse.ArgumentTypeError(f"{unknown[0]!r} is none of {', '.join(self._names)}")
        return [name for name in self._names if name in chosen]


if __name__ == "__main__":
    sys.exit(main())
