"""Races: a seeded round, run many times; each failure names the seed and the round that repeat it."""

import asyncio
import os
import random
import time
import traceback
from collections import Counter as Tally
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

# Rounds at once: as many as two cores carry without turning every race into a queue.
_AT_ONCE: Final = 6
_SHOWN_FAILURES: Final = 3


@dataclass(frozen=True)
class Plan:
    """How much is run: GRAPHRUN_FAULT_ROUNDS rounds (few in the short version) from GRAPHRUN_FAULT_SEED."""

    rounds: int
    seed: int
    first: int

    @classmethod
    def from_environment(cls, rounds: int) -> "Plan":
        """The plan of this run of the tests; `rounds` where nothing is said."""
        return cls(
            rounds=int(os.environ.get("GRAPHRUN_FAULT_ROUNDS") or rounds),
            seed=int(os.environ.get("GRAPHRUN_FAULT_SEED") or 0),
            first=int(os.environ.get("GRAPHRUN_FAULT_FIRST_ROUND") or 0),
        )


@dataclass(frozen=True)
class Round:
    """One round: its number and its own source of chance."""

    number: int
    chance: random.Random

    async def pause(self, at_most: float) -> None:
        """Let a random time pass: what is raced against is not to be waited for."""
        await asyncio.sleep(self.chance.uniform(0, at_most))

    def way(self) -> Any:
        """REST or kubectl."""
        return self.chance.choice(("rest", "kubectl"))


async def race(
    name: str, plan: Plan, play: Callable[[Round], Awaitable[str]], at_once: int = _AT_ONCE
) -> None:
    """Play all rounds and print one line of what came of them.

    Raises:
        AssertionError: rounds failed; the message names them, their seed, and shows the first.
    """
    gate, outcomes, failures = asyncio.Semaphore(at_once), Tally[str](), list[str]()

    async def one(number: int) -> None:
        async with gate:
            try:
                outcomes[await play(Round(number, random.Random(f"{name}/{plan.seed}/{number}")))] += 1  # noqa: S311
            except Exception:  # noqa: BLE001 - every kind of failure is told with its round, below
                outcomes["FAILED ROUND"] += 1
                failures.append(f"--- round {number}\n{traceback.format_exc()}")

    started = time.monotonic()
    await asyncio.gather(*(one(plan.first + number) for number in range(plan.rounds)))
    told = ", ".join(f"{kind} {count}" for kind, count in sorted(outcomes.items()))
    took = time.monotonic() - started
    print(f"\nrace {name}: {plan.rounds} rounds, seed {plan.seed}, {took:.0f} s: {told}")  # noqa: T201 - the result
    assert not failures, (
        f"{len(failures)} of {plan.rounds} rounds failed; again by GRAPHRUN_FAULT_SEED={plan.seed} "
        "GRAPHRUN_FAULT_FIRST_ROUND=<round> GRAPHRUN_FAULT_ROUNDS=1\n" + "\n".join(failures[:_SHOWN_FAILURES])
    )
