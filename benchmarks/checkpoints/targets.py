"""The figures that our saver has to reach on the full sizes, and whether it does."""

from dataclasses import dataclass

from benchmarks.checkpoints.bench import MB, OURS
from benchmarks.checkpoints.concurrency import Puts
from benchmarks.checkpoints.cost import Cost, Costs
from benchmarks.tables import Column, Table

_COLUMNS = (Column("target"), Column("measured"), Column(""))


@dataclass(frozen=True)
class _Target:
    what: str
    most: float
    measured: float | None
    digits: int = 2

    def row(self) -> tuple[str, list[float | str | None]]:
        if self.measured is None:
            return self.what, [f"≤ {self.most:,.{self.digits}f}", None, "not measured"]
        shown = f"{self.measured:,.{self.digits}f}"
        verdict = "met" if self.measured <= self.most else "not met"
        return self.what, [f"≤ {self.most:,.{self.digits}f}", shown, verdict]


def judge(costs: Costs, puts: Puts | None, import_ratio: float | None) -> list[Table]:
    """What was measured against its target; no table if nothing was."""
    found = [
        target
        for letter, judged in (("a", _conversation), ("b", _fan_out), ("c", _large_value), ("d", _delta))
        if (cost := costs.get((OURS, letter)))
        for target in judged(cost)
    ]
    if puts:
        found.append(
            _Target(
                "(b) PUTs with max_concurrency=1 (at most those without)",
                puts.unlimited,
                puts.one_at_a_time,
                0,
            )
        )
    if import_ratio:
        found.append(_Target("import, CPU over LangGraph alone", 1.2, import_ratio))
    return [Table("Targets", _COLUMNS, [each.row() for each in found])] if found else []


def _conversation(cost: Cost) -> list[_Target]:
    return [
        _Target("(a) requests/step", 1.3, cost.requests_per_step),
        _Target("(a) KB written/step", 22, cost.kb_per_step, 1),
        _Target("(a) MB stored", 2.2, cost.stored.bytes / MB),
        _Target("(a) objects left", 125, cost.stored.objects, 0),
        _Target("(a) resume: requests", 8, cost.resume.traffic.requests, 0),
        _Target("(a) resume: KB", 370, cost.resume.traffic.down / 1000, 0),
        _Target("(a) resume: round trips", 3, cost.round_trips, 0),
        _Target("(a) 10 history entries: requests", 12, cost.history.traffic.requests, 0),
        _Target("(a) 10 history entries: MB", 0.2, cost.history.traffic.down / MB),
        _Target("(a) history without states: requests", 1, cost.listing, 0),
    ]


def _fan_out(cost: Cost) -> list[_Target]:
    return [
        _Target("(b) requests/step", 1.5, cost.requests_per_step),
        _Target("(b) KB written/step", 20, cost.kb_per_step, 1),
        _Target("(b) MB stored", 0.4, cost.stored.bytes / MB),
    ]


def _large_value(cost: Cost) -> list[_Target]:
    value = cost.workload.size
    return [
        _Target("(c) requests/step", 1.2, cost.requests_per_step),
        _Target("(c) KB written/step", 1.03 * value / cost.workload.steps / 1000, cost.kb_per_step, 0),
        _Target("(c) MB stored", 1.03 * value / MB, cost.stored.bytes / MB, 1),
    ]


def _delta(cost: Cost) -> list[_Target]:
    return [
        _Target("(d) requests/step", 1.3, cost.requests_per_step),
        _Target("(d) KB written/step", 20, cost.kb_per_step, 1),
        _Target("(d) KB written/step, stretch", 11, cost.kb_per_step, 1),
        _Target("(d) resume: requests", 8, cost.resume.traffic.requests, 0),
    ]
