"""Runs a benchmark as its make target does."""

import os
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]


def run_benchmark(name: str, *options: str) -> "subprocess.CompletedProcess[str]":
    """`python -m benchmarks.<name>` with these options; its exit code and what it printed."""
    return subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", *options],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT / "tests")},
        capture_output=True,
        text=True,
        check=False,
    )
