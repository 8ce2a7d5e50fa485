"""Runs in every phase at once, so that one outage meets all of them: starting, running, pausing, resuming, cancelling."""

import asyncio
from dataclasses import dataclass
from typing import Any

from support.fault_world import Run, Way, World

VISIT: dict[str, Any] = {"wide": 2, "seconds": 0.8}
# At work when an outage begins and when it ends, however slow the machine is in bringing it about.
ROUNDS_BESIDES = 20


@dataclass(frozen=True)
class Fleet:
    """One run for each phase, each brought to the step before it."""

    world: World
    running: Run
    pausing: Run
    resuming: Run
    cancelling: Run
    starting: list[Run]  # filled when the phase begins

    @classmethod
    async def ready(cls, world: World, outage_seconds: float) -> "Fleet":
        """At work: all but the one that is to be resumed, which is paused."""
        resuming = await world.launch(rounds=5, **VISIT)
        await world.until_marks(resuming, 2)
        await world.tell(resuming, "pause", "rest")
        await world.pauses(resuming)
        rounds = round(outage_seconds / VISIT["seconds"]) + ROUNDS_BESIDES
        running, pausing, cancelling = await asyncio.gather(
            world.launch(rounds=rounds, **VISIT),
            # Still at work when the outage is over: a pause that was lost with the server is then asked for again.
            world.launch(rounds=round(outage_seconds / 2) + 8, wide=2, seconds=2),
            world.launch("sleeper"),
        )
        await asyncio.gather(
            world.until_marks(running, 1), world.until_marks(pausing, 1), world.until_pulse(cancelling)
        )
        return cls(world, running, pausing, resuming, cancelling, [])

    async def set_off(self, way: Way) -> dict[str, int]:
        """Every run into its phase, by one way of telling; the answers."""
        told = await asyncio.gather(
            self.world.tell(self.pausing, "pause", way),
            self.world.tell(self.resuming, "resume", way),
            self.world.tell(self.cancelling, "cancel", way),
        )
        return dict(zip(("pause", "resume", "cancel"), told, strict=True))

    async def start_one(self, way: Way) -> None:
        """A run that starts now."""
        self.starting.append(await self.world.launch(way=way, rounds=2, wide=2, seconds=0.2))

    @property
    def runs(self) -> list[Run]:
        """All of them."""
        return [self.running, self.pausing, self.resuming, self.cancelling, *self.starting]

    async def arrive(self, *, crashes: int = 0, seconds: float = 150) -> None:
        """After healing: each run ends as its user wants it, and has done everything as often as is allowed."""
        await asyncio.gather(
            self._cancelled(seconds),
            self._paused_then_done(crashes, seconds),
            *(
                self.world.ends(run, "Succeeded", crashes=crashes, seconds=seconds)
                for run in (self.running, self.resuming, *self.starting)
            ),
        )

    async def _cancelled(self, seconds: float) -> None:
        await self.world.ends(self.cancelling, "Cancelled", seconds=seconds)

    async def _paused_then_done(self, crashes: int, seconds: float) -> None:
        await self.world.pauses(self.pausing, seconds=seconds)
        await self.world.tell(self.pausing, "resume", "kubectl")
        await self.world.ends(self.pausing, "Succeeded", crashes=crashes, seconds=seconds)
