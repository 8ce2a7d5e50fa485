"""Breadth first through every world that can be reached; the first that breaks something has a shortest trace."""

import gc
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from model import surroundings
from model.invariants import broken_by, broken_in, unrest
from model.operators import Operators
from model.resource import parsed
from model.runners import Runners
from model.setting import Setting
from model.switches import without
from model.world import EXITED, Operator, Run, Step, World, canonical


@dataclass(frozen=True)
class Finding:
    """An invariant broken, and how it comes to that: one line a step, the last being the one that breaks it."""

    what: str
    trace: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"BROKEN: {self.what}", *self.trace])


@dataclass(frozen=True)
class Explored:
    """What an exploration has come to. `finding` is None where all invariants hold.

    `sights`: how many different sights the real decide() was asked about; `rules`: which of its rules then decided;
    `phases`: which were shown.
    """

    setting: Setting
    worlds: int
    steps: int
    sights: int
    rules: frozenset[str]
    phases: frozenset[str]
    finding: Finding | None

    def __str__(self) -> str:
        return (
            f"{self.setting.name}: {self.worlds:,} worlds, {self.steps:,} steps, {self.sights:,} sights; "
            + ("all invariants hold" if self.finding is None else str(self.finding))
        )


class TooManyWorlds(Exception):
    """The bounds of the setting are too wide for this machine's memory."""


class Explorer:
    """Explores one setting, in at most `most` worlds (some 800 bytes each)."""

    def __init__(self, setting: Setting, most: int = 6_000_000) -> None:
        self._setting, self._most = setting, most
        self._operators, self._runners = Operators(setting), Runners(setting)
        self._worlds = [canonical(first_world(setting))]
        self._places = {self._worlds[0]: 0}
        self._parents = array("i", [-1])
        # Fair steps as pairs of places, for the way back from worlds at rest.
        self._from, self._to = array("i"), array("i")
        self._resting: list[int] = []
        self._steps_taken = 0

    def explore(self) -> Explored:
        """Visit all; stop at the first thing that is broken.

        Raises:
            TooManyWorlds: there are more than `most`.
        """
        with without(self._setting.off), _collector_at_rest():
            finding = self._visit_all() or self._unrest()
        statuses = {world.run for world in self._worlds if world.run}
        return Explored(
            setting=self._setting,
            worlds=len(self._worlds),
            steps=self._steps_taken,
            sights=self._operators.sights,
            rules=self._operators.rules,
            phases=frozenset(parsed(run, self._setting.options).status.phase for run in statuses),
            finding=finding,
        )

    def _visit_all(self) -> Finding | None:
        here = 0
        while here < len(self._worlds):
            finding = self._visit(here)
            if finding:
                return finding
            if len(self._worlds) > self._most:
                message = f"{self._setting.name}: more than {self._most:,}; give it fewer moves or faults"
                raise TooManyWorlds(message)
            here += 1
        return None

    def _visit(self, here: int) -> Finding | None:
        world, rests = self._worlds[here], True
        for step in self._steps(world):
            self._steps_taken += 1
            after = canonical(step.after)
            place = self._places.get(after)
            broken = step.broken or broken_by(world, after, self._setting)
            if place is None:
                place = self._enter(after, here)
                broken = broken or broken_in(after, self._setting)
            if broken:
                return Finding(broken, self._trace(here, step.label))
            if step.fair and place != here:
                rests = False
                self._from.append(here)
                self._to.append(place)
        if rests:
            self._resting.append(here)
        return None

    def _enter(self, world: World, parent: int) -> int:
        place = self._places[world] = len(self._worlds)
        self._worlds.append(world)
        self._parents.append(parent)
        return place

    def _steps(self, world: World) -> Iterator[Step]:
        return chain(
            surroundings.user(world, self._setting),
            self._operators.steps(world),
            surroundings.kubernetes(world),
            surroundings.queue(world, self._setting),
            surroundings.nodes(world, self._setting),
            surroundings.clock(world, self._setting),
            self._runners.steps(world),
        )

    # --- rest

    def _unrest(self) -> Finding | None:
        """Every world can come to rest by what happens by itself, and all that rest are as they should be."""
        for place in self._resting:
            wrong = unrest(self._worlds[place], self._setting)
            if wrong:
                return Finding(f"nothing more happens, and {wrong}", self._trace(place))
        restless = self._first_restless()
        return None if restless is None else Finding("it never comes to rest", self._trace(restless))

    def _first_restless(self) -> int | None:
        back: list[list[int]] = [[] for _ in self._worlds]
        for source, target in zip(self._from, self._to, strict=True):
            back[target].append(source)
        good = bytearray(len(self._worlds))
        todo = list(self._resting)
        for place in todo:
            good[place] = 1
        while todo:
            for source in back[todo.pop()]:
                if not good[source]:
                    good[source] = 1
                    todo.append(source)
        place = good.find(0)
        return None if place < 0 else place

    # --- traces

    def _trace(self, place: int, last: str = "") -> tuple[str, ...]:
        path = [place]
        while self._parents[path[-1]] >= 0:
            path.append(self._parents[path[-1]])
        path.reverse()
        # The stored worlds do not say which operator is which: they are walked again with their names kept.
        world, lines = first_world(self._setting), []
        for target in path[1:]:
            step = next(step for step in self._steps(world) if canonical(step.after) == self._worlds[target])
            world = step.after
            lines.append((step.label, world))
        if last:
            step = self._broken_step(world, last)
            lines.append((step.label, step.after))
        return tuple(
            f"{number:3}. {label}  [{summary(after, self._setting)}]"
            for number, (label, after) in enumerate(lines, 1)
        )

    def _broken_step(self, world: World, label: str) -> Step:
        broken = [
            step
            for step in self._steps(world)
            if step.broken
            or broken_by(world, step.after, self._setting)
            or broken_in(step.after, self._setting)
        ]
        return next((step for step in broken if step.label == label), broken[0])


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Without the collector of cycles: there are none, and it would walk through all worlds again and again."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def first_world(setting: Setting) -> World:
    """A run that was just created."""
    return World(
        run=Run(state=setting.start),
        operators=(Operator(),) * setting.operators,
        moves=setting.moves,
        faults=setting.faults,
    )


def summary(world: World, setting: Setting) -> str:
    """Where the run stands, in one line."""
    pods = ", ".join(
        f"{pod.label} {pod.end or pod.doing if pod.doing == EXITED else pod.doing}"
        + (" deleting" if pod.deleting and pod.exists else "")
        + (" node lost" if pod.lost else "")
        + ("" if pod.exists else " gone")
        for pod in world.pods
    )
    if world.run is None:
        return f"no run; {pods or 'no pod'}"
    run = parsed(world.run, setting.options)
    phase = run.status.phase or "no phase"
    outcome = run.status.runner.outcome
    told = f", reported {outcome.result}" if outcome and run.is_claimed else ""
    claim = f", claimed {run.status.runner.attempt}" if run.status.runner.attempt else ""
    return f"{run.spec.state} | {phase}, attempt {run.attempt}{claim}{told} | {pods or 'no pod'}"
