"""What is counted and measured. Built by the program's start, in a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_PASS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)


class Metrics:
    """The operator's metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.passes = Histogram(
            "graphrun_operator_reconcile_seconds",
            "Duration of a pass over one run, by the rule that decided (or 'gone', 'failed').",
            ["rule"],
            buckets=_PASS_SECONDS,
            registry=self.registry,
        )
        self.queued = Gauge(
            "graphrun_operator_queue_depth", "Runs that wait for a pass.", registry=self.registry
        )
        self.writes = Counter(
            "graphrun_operator_writes",
            "Writes to the API server, by what was done.",
            ["action"],
            registry=self.registry,
        )
        self.transitions = Counter(
            "graphrun_operator_phase_transitions",
            "Runs that came into a phase.",
            ["phase"],
            registry=self.registry,
        )
        self.attempts = Counter(
            "graphrun_operator_attempts", "Attempts whose Job was made.", registry=self.registry
        )
        self.conflicts = Counter(
            "graphrun_operator_conflicts",
            "Status writes refused because the run had changed.",
            registry=self.registry,
        )
        self.missed = Counter(
            "graphrun_operator_missed_changes",
            "Changes that only a full listing told: a watch had missed them.",
            registry=self.registry,
        )
        self.leader = Gauge(
            "graphrun_operator_leader",
            "1 where this replica leads and writes, 0 where it stands by.",
            registry=self.registry,
        )
        self.relists = Counter(
            "graphrun_operator_relists",
            "Watches that had to begin anew with a listing.",
            registry=self.registry,
        )
        self.unheard = Counter(
            "graphrun_operator_unheard_writes",
            "Own writes that a watch did not tell of in time, by kind.",
            ["kind"],
            registry=self.registry,
        )
