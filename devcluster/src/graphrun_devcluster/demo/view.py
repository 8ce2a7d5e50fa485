"""What a watcher knows of a run, made of its events alone. Values only: no console, no clock."""

from dataclasses import dataclass, field

from graphrun_devcluster.demo.stream import Event

RUN_WORDS = {
    "run_accepted": "accepted",
    "run_started": "running",
    "run_resumed": "running",
    "run_paused": "paused",
    "run_awaiting_input": "awaiting input",
    "run_cancelled": "cancelled",
    "run_completed": "completed",
    "run_failed": "failed",
}


@dataclass
class NodeView:
    """One node of the graph: how many of its visits are under way, done, failed."""

    running: int = 0
    completed: int = 0
    failed: int = 0

    @property
    def word(self) -> str:
        """Its state for a person."""
        if self.running:
            return "running"
        if self.failed:
            return "failed"
        return "completed" if self.completed else "pending"


@dataclass
class RunView:
    """A run as its events tell it."""

    word: str = "created"
    attempt: int = 0
    progress: float = 0.0
    seq: int = 0
    nodes: dict[str, NodeView] = field(default_factory=dict)

    @property
    def current(self) -> list[str]:
        """The nodes under way."""
        return [name for name, node in self.nodes.items() if node.running]

    def completed(self, node: str) -> int:
        """How many visits of a node have ended well; 0 for one that nothing is known of."""
        return self.nodes.get(node, NodeView()).completed

    def apply(self, event: Event) -> None:
        """Take one event in; one that was seen before changes nothing."""
        if event.seq <= self.seq:
            return
        self.seq = event.seq
        self.word = RUN_WORDS.get(event.type, self.word)
        if event.type in ("run_started", "run_resumed"):
            self._begin_attempt(event)
        elif event.type == "custom":
            self._hear(event.data.get("payload"))
        elif event.type.startswith("node_"):
            self._visit(event)
        elif event.type == "run_completed":
            self.progress = 1.0
        if self.word not in ("running", "accepted", "created"):
            self._nothing_runs()

    def _hear(self, payload: object) -> None:
        """Graphs of the examples tell their share of the whole run through LangGraph's stream writer."""
        if isinstance(payload, dict) and isinstance(payload.get("progress"), int | float):
            self.progress = max(self.progress, float(payload["progress"]))

    def _begin_attempt(self, event: Event) -> None:
        self.attempt = event.attempt
        self._nothing_runs()
        for name in event.data.get("graph", {}).get("nodes", []):
            self.nodes.setdefault(name, NodeView())

    def _visit(self, event: Event) -> None:
        node = self.nodes.setdefault(event.node, NodeView())
        if event.type == "node_started":
            node.running += 1
        elif event.type == "node_completed":
            node.running, node.completed = max(node.running - 1, 0), node.completed + 1
        elif event.type == "node_failed":
            node.running, node.failed = max(node.running - 1, 0), node.failed + 1

    def _nothing_runs(self) -> None:
        for node in self.nodes.values():
            node.running = 0
