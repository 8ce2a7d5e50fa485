"""Real processes that die on a real S3 server: at each of their PUTs, and killed at random moments.

make soak-checkpoints ROUNDS=200    all of the large graph's PUTs, and 200 rounds of kills
"""

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from support.forks import DIED
from support.s3server import S3Server

TESTS = Path(__file__).parents[2]
ROUNDS = int(os.environ.get("GRAPHRUN_SOAK_ROUNDS", "0"))
SEED = int(os.environ.get("GRAPHRUN_SOAK_SEED", "0")) or random.SystemRandom().randrange(1_000_000)


def _series(server: S3Server, folder: Path, **plan: Any) -> list[dict[str, Any]]:
    """Run the program that lets processes die; what it told, and nothing of it left."""
    given = json.dumps({"endpoint": server.endpoint, "folder": str(folder), **plan})
    ended = subprocess.run(
        [sys.executable, "-m", "support.crash_series", given],
        cwd=TESTS,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return [json.loads(line) for line in ended.stdout.splitlines()]


@pytest.mark.parametrize("stored", [False, True], ids=["before-put", "after-put"])
@pytest.mark.parametrize("durability", ["sync", "async"])
@pytest.mark.timeout(300 if not ROUNDS else 3600)
def test_processes_that_die_at_each_put_are_followed_by_one_that_ends_right(
    s3_server: S3Server, tmp_path: Path, durability: str, *, stored: bool
) -> None:
    told = _series(
        s3_server, tmp_path, kind="points", durability=durability, stored=stored, large=bool(ROUNDS)
    )
    *died, finished = told
    assert {each["first"] for each in died} == {DIED}
    assert [each for each in died if each["then"] != 0] == []
    assert finished["first"] == 0
    assert len(died) >= 8


@pytest.mark.timeout(300 if not ROUNDS else 60 * ROUNDS)
def test_processes_killed_at_random_moments_end_right(s3_server: S3Server, tmp_path: Path) -> None:
    seeds = [SEED + number for number in range(ROUNDS or 10)]
    told = _series(s3_server, tmp_path, kind="kills", seeds=seeds)
    print(f"seeds from {SEED}: {told}")  # noqa: T201 - to repeat it: GRAPHRUN_SOAK_SEED
    assert [each["seed"] for each in told] == seeds
    assert [each for each in told if (each["first"], each["then"]) != (0, 0)] == []
    assert sum(each["kills"] for each in told) >= len(seeds) / 2, f"too few kills ({-signal.SIGKILL})"
