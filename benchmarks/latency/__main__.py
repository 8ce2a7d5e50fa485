"""Measure how long it takes until a request has come true, and print tables."""

import argparse
import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.choosing import choice
from benchmarks.cluster.site import Site, open_site
from benchmarks.latency import cancelling, moves
from benchmarks.latency.cancelling import Way
from benchmarks.latency.phases import PHASES
from benchmarks.tables import Table
from graphrun_devcluster.progress import Progress

WAYS = {"rest": Way("rest"), "kubectl": Way("kubectl"), "kubectl-no-api": Way("kubectl", api_up=False)}
PARTS = (*WAYS, "moves")


async def measure(asked: argparse.Namespace) -> dict[str, Any]:
    """Measure what was asked for; return all samples, in seconds."""
    seen: dict[str, Any] = {}
    async with open_site("latency") as site:
        for part in asked.only:
            table, seen[part] = await _part(site, part, asked)
            print(table.text(markdown=asked.markdown), end="\n\n", flush=True)
    return seen


async def _part(site: Site, part: str, asked: argparse.Namespace) -> tuple[Table, dict[str, Any]]:
    if part == "moves":
        return await moves.measure(site, asked.n)
    table, samples = await cancelling.measure(site, asked.phases, WAYS[part], asked.n)
    return table, {phase: [asdict(sample) for sample in found] for phase, found in samples.items()}


def main() -> int:
    """Measure, print, and keep the samples where asked to."""
    asked = _parser().parse_args()
    progress, began = Progress(), time.monotonic()
    seen = asyncio.run(measure(asked))
    if asked.samples:
        asked.samples.write_text(json.dumps(seen, indent=1))
    progress.note(f"measured in {time.monotonic() - began:.0f} s")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency", description=__doc__)
    parser.add_argument("-n", type=int, default=100, help="measurements of each kind; default: %(default)s")
    parser.add_argument("--only", type=choice(PARTS), default=list(PARTS), help=f"of {','.join(PARTS)}")
    parser.add_argument(
        "--phases", type=choice(tuple(PHASES)), default=list(PHASES), help=f"of {','.join(PHASES)}"
    )
    parser.add_argument("--markdown", action="store_true", help="tables for a document")
    parser.add_argument("--samples", type=Path, help="write every measurement into this file, as JSON")
    return parser


if __name__ == "__main__":
    sys.exit(main())
