"""The two pipes between the supervisor and the graph process: JSON lines each way. Standard library only.

Down: the claim's grant as the first line, then commands. Up: events, and at the end one verdict.
"""

from typing import Any, Final, TypedDict

# Where the graph process finds its ends of the pipes; it moves them away at once.
DOWN_FD: Final = 3
UP_FD: Final = 4

# --- down
COMMAND_DRAIN: Final = "drain"

# --- up: the one key of each line
EVENT: Final = "event"  # an events.RunnerEvent without `seq`
OUTCOME: Final = "outcome"  # a protocol.Outcome: the graph ended
DRAINED: Final = "drained"  # true: the superstep under way ended and is stored; more remains to be done


class DownMessage(TypedDict):
    """A command to the graph process."""

    command: str
    reason: str


UpMessage = dict[str, Any]
