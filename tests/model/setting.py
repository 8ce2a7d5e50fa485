"""Settings of the model: what may happen, how often, which rules are in force."""

from dataclasses import dataclass
from typing import Final

# What can go wrong; each costs one of the setting's faults. An operator may crash at any time, at no cost.
POD_FAULTS: Final = frozenset(
    {"container killed", "graph crash", "eviction", "answer lost", "report lost", "report late"}
)
NODE_LOST: Final = frozenset({"node lost"})
LAG: Final = frozenset({"lag"})
SUSPENSION: Final = frozenset({"suspension"})

UNHURRIED: Final = '{"retries":{"backoffSeconds":0},"timeouts":{"startSeconds":null}}'
_NODE_WAIT: Final = '{"retries":{"backoffSeconds":0,"onNodeLost":"Wait"},"timeouts":{"startSeconds":null}}'
_ONE_RETRY: Final = '{"retries":{"backoffSeconds":10,"limit":1},"timeouts":{"startSeconds":null}}'
_NO_RETRY: Final = '{"retries":{"limit":0},"timeouts":{"startSeconds":null}}'
_ERRORS_RETRIED: Final = (
    '{"retries":{"backoffSeconds":0,"limit":1,"onGraphError":1},"timeouts":{"startSeconds":null}}'
)
_HURRIED: Final = '{"retries":{"backoffSeconds":0},"timeouts":{"startSeconds":300}}'

CONTROL: Final = frozenset({"pause", "resume", "cancel"})


@dataclass(frozen=True)
class Setting:
    """What is explored.

    `moves` of the user and `faults` bound the space. `graph_ends`: how the graph may end by itself. `moves_allowed`:
    of pause, resume, cancel, answer, delete.
    """

    name: str
    moves: int = 2
    faults: int = 0
    operators: int = 1
    graph_ends: tuple[str, ...] = ("Succeeded",)
    fault_kinds: frozenset[str] = POD_FAULTS
    moves_allowed: frozenset[str] = CONTROL
    options: str = UNHURRIED
    start: str = "Running"
    off: frozenset[str] = frozenset()

    @property
    def start_times_out(self) -> bool:
        """Whether there is a limit to how long a start may take."""
        return '"startSeconds":null' not in self.options

    @property
    def retries_errors(self) -> bool:
        """Whether an error of the graph is followed by another attempt, and so is no end of the run."""
        return '"onGraphError"' in self.options

    @property
    def restarts_lost(self) -> bool:
        """Whether a lost node's attempt is replaced while it may still run."""
        return '"onNodeLost":"Wait"' not in self.options


SETTINGS: Final = (
    Setting("two operators", moves=2, operators=2),
    Setting("two operators, and pods that fail", moves=0, faults=1, operators=2),
    Setting("pods that fail", moves=2, faults=1, graph_ends=("Succeeded", "Failed")),
    Setting("one retry left", moves=0, faults=2, options=_ONE_RETRY),
    Setting("no retry left", moves=2, faults=1, options=_NO_RETRY),
    Setting("a node lost, Restart", moves=2, faults=1, fault_kinds=NODE_LOST),
    Setting("a node lost, Wait", moves=2, faults=1, fault_kinds=NODE_LOST, options=_NODE_WAIT),
    Setting("lagging watches", moves=2, faults=1, fault_kinds=LAG),
    Setting("a queue that suspends Jobs", moves=1, faults=1, fault_kinds=SUSPENSION),
    Setting(
        "a queue, and errors retried",
        moves=0,
        faults=1,
        fault_kinds=SUSPENSION,
        graph_ends=("Succeeded", "Failed"),
        options=_ERRORS_RETRIED,
    ),
    Setting("a start that times out", moves=2, options=_HURRIED),
    Setting(
        "questions",
        moves=3,
        graph_ends=("AwaitingInput", "Succeeded"),
        moves_allowed=CONTROL | {"answer"},
    ),
    Setting("a run deleted", moves=1, faults=1, moves_allowed=CONTROL | {"delete"}),
    Setting("held at first", moves=3, start="Pending"),
)
