"""Phases of a run as `status.phase` shows them, desired states as `spec.state` asks for them, and REST's words for them."""

from typing import Final

# --- spec.state
STATE_PENDING: Final = "Pending"
STATE_RUNNING: Final = "Running"
STATE_PAUSED: Final = "Paused"
STATE_CANCELLED: Final = "Cancelled"

# --- status.phase
PENDING: Final = "Pending"
QUEUED: Final = "Queued"
STARTING: Final = "Starting"
RUNNING: Final = "Running"
PAUSING: Final = "Pausing"
PAUSED: Final = "Paused"
AWAITING_INPUT: Final = "AwaitingInput"
CANCELLING: Final = "Cancelling"
CANCELLED: Final = "Cancelled"
SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"

TERMINAL: Final = frozenset({CANCELLED, SUCCEEDED, FAILED})
# In these nothing runs, and the end of the attempt has been dealt with: a failure of it counts no second time.
SETTLED: Final = frozenset({PAUSED, AWAITING_INPUT})
# A claim is refused in these: to go on, the operator first opens a new attempt (phase Starting).
CLOSED_TO_CLAIMS: Final = TERMINAL | {PAUSED, PAUSING, AWAITING_INPUT, CANCELLING}

# --- what REST calls a phase; a run that has no phase yet was just created
REST_STATUS: Final[dict[str, str]] = {
    "": "PENDING",
    PENDING: "PENDING",
    QUEUED: "RUNNING",
    STARTING: "RUNNING",
    RUNNING: "RUNNING",
    PAUSING: "PAUSING",
    PAUSED: "PAUSED",
    AWAITING_INPUT: "INTERRUPTED",
    CANCELLING: "CANCELLING",
    CANCELLED: "CANCELLED",
    SUCCEEDED: "COMPLETED",
    FAILED: "FAILED",
}

# --- what REST calls the state of a node
NODE_PENDING: Final = "PENDING"
NODE_RUNNING: Final = "RUNNING"
NODE_COMPLETED: Final = "COMPLETED"
NODE_FAILED: Final = "FAILED"
NODE_CANCELLED: Final = "CANCELLED"
