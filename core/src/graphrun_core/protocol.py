"""The contract between the runner and the API's runner port: paths, exit codes, shapes of data.

Standard library only, and nothing heavy of it: the supervisor imports this module within its 50 ms.
All times are RFC 3339 strings in UTC. Field names are camelCase, as in the resource that they end up in.
"""

from typing import Any, Final, TypedDict

PROTOCOL_VERSION: Final = 1

CLAIM_PATH: Final = "/runner/v1/claim"
EVENTS_PATH: Final = "/runner/v1/events"
COMMAND_PATH: Final = "/runner/v1/command"
REPORT_PATH: Final = "/runner/v1/report"
LOGS_PATH: Final = "/runner/v1/logs"

# A long poll is held open at most this long, in seconds; the caller may ask for less.
MAX_COMMAND_WAIT_SECONDS: Final = 30
# An events batch is sent when it holds this many events or when its oldest is this old.
EVENTS_BATCH_SIZE: Final = 50
EVENTS_BATCH_SECONDS: Final = 0.05
# A chunk of the log is sent when this much has come (bytes; no chunk is larger) or when its oldest byte is this old.
LOG_CHUNK_BYTES: Final = 256 * 1024
LOG_CHUNK_SECONDS: Final = 30.0
# An output up to this size (bytes of JSON) is kept in the resource; a larger one goes to object storage.
OUTPUT_INLINE_BYTES: Final = 1024
# The interrupts of an outcome together, in bytes of JSON; their values are cut to fit.
INTERRUPTS_INLINE_BYTES: Final = 1024
# An input up to this size (bytes of JSON) may stand in spec.input.
INPUT_INLINE_BYTES: Final = 65536
# An outcome's message is cut to this many characters before it is reported.
MESSAGE_MAX_CHARS: Final = 1000

# --- exit codes of the runner's container; architecture.md, "Failure", is their table
EXIT_SUCCEEDED: Final = 0
EXIT_PAUSED: Final = 80  # paused, or awaiting input: the outcome says which
EXIT_INTERRUPTED: Final = 81  # evicted: drained or stopped by a SIGTERM that was no cancel
EXIT_CANCELLED: Final = 82
EXIT_GRAPH_ERROR: Final = 83
EXIT_LOAD_FAILED: Final = 84
EXIT_CLAIM_REFUSED: Final = 85
EXIT_UNREACHABLE: Final = 86  # object storage or the API out of reach past the limit
EXIT_FENCE_LOST: Final = 87

# --- outcome.result
SUCCEEDED: Final = "Succeeded"
FAILED: Final = "Failed"
PAUSED: Final = "Paused"
AWAITING_INPUT: Final = "AwaitingInput"
INTERRUPTED: Final = "Interrupted"
CANCELLED: Final = "Cancelled"


class Checkpoint(TypedDict):
    """A durable checkpoint of the root graph: its id, its superstep and when it was made."""

    id: str
    step: int
    time: str


class Interrupt(TypedDict):
    """One question that the graph asks by `interrupt()`; `value` is cut to its beginning where it is large."""

    id: str
    node: str
    value: Any


class Outcome(TypedDict, total=False):
    """How an attempt ended.

    `result` and `exitCode` are always there. `reason` is a key of `reasons.REASONS` where the result is Failed
    or a pause needs explaining. `message` is one line for a person. `output` (any JSON value of at most
    OUTPUT_INLINE_BYTES) or `outputRef` (its key in object storage) belong to Succeeded, `interrupts` to AwaitingInput.
    """

    result: str
    exitCode: int
    reason: str
    message: str
    interrupts: list[Interrupt]
    output: Any
    outputRef: str


class Report(TypedDict, total=False):
    """Body of REPORT_PATH. `stopped`: proof that the graph's process group is gone. Repeating a report is harmless."""

    stopped: bool
    outcome: Outcome | None
    checkpoint: Checkpoint | None


class LogChunk(TypedDict):
    """Body of LOGS_PATH: a piece of what the attempt's processes wrote. Repeating one is harmless.

    `offset` and `size` count bytes of that output. `text` is those bytes as UTF-8; what is none reads as U+FFFD, so
    that its own size may differ. Where a chunk begins after the end of the one before, the bytes between are lost.
    """

    attempt: int
    offset: int
    size: int
    text: str


class Command(TypedDict):
    """Answer of COMMAND_PATH: what the run should do now. A deleted run reads as Cancelled."""

    state: str  # Running | Paused | Cancelled, as in spec.state
    deadlineSeconds: int | None  # of a pause: how long the superstep under way may take
    onDeadline: str  # Wait | Interrupt


class GraphSource(TypedDict):
    """Where the graph comes from: `module:attribute`, and inline files (relative path → text) put on sys.path."""

    entrypoint: str
    files: dict[str, str]


class StateUpdate(TypedDict):
    """An edit of the state, as LangGraph's update_state takes it; an empty `asNode` lets LangGraph infer the node."""

    values: dict[str, Any]
    asNode: str


class ResumeRequest(TypedDict):
    """How to go on: `value` counts only where `hasValue`; an empty `checkpointID` means the latest."""

    id: str
    checkpointID: str
    hasValue: bool
    value: Any
    update: StateUpdate | None  # made at that checkpoint first; absent where an older API answers
    # Fences of the earlier attempts that were given the same id: where one of them left anything in storage,
    # the value was applied and must not be applied again.
    earlierFences: list[int]


class StartFromRequest(TypedDict):
    """The other run that this one begins from: its thread, its name for messages, and which of its checkpoints."""

    thread: str
    run: str
    checkpointID: str  # empty: the latest
    update: StateUpdate | None


class StorageAccess(TypedDict):
    """Where and how the runner reaches object storage. `prefix` has no slash at its ends."""

    endpoint: str  # http(s)://host[:port]
    bucket: str
    prefix: str
    region: str
    accessKey: str
    secretKey: str
    sessionToken: str


class ClaimGrant(TypedDict):
    """Answer of CLAIM_PATH: all that the runner needs. Nothing of this is in the pod's spec.

    Within one version of the protocol fields are only added: a runner ignores what it does not know, and does without
    what an older API does not send.
    """

    protocol: int
    namespace: str
    run: str
    runUID: str
    workflow: str
    revision: str
    attempt: int
    graph: GraphSource
    input: dict[str, Any] | None
    inputRef: str  # key in object storage; empty where `input` is given
    context: dict[str, Any]
    config: dict[str, Any]  # recursionLimit, tags, configurable
    durability: str  # async | sync
    thread: str  # checkpoint thread: opaque to the runner
    fence: int  # opaque, grows with every attempt
    owner: str  # opaque: whose epochs in the thread are this run's
    resume: ResumeRequest | None
    startFrom: StartFromRequest | None  # absent where an older API answers, as is acceptedRevision
    acceptedRevision: str  # a person lets this revision go on although the stored state may not fit it
    pause: dict[str, Any]  # deadlineSeconds, onDeadline
    activeSecondsLeft: float | None
    storage: StorageAccess


class ClaimRequest(TypedDict):
    """Body of CLAIM_PATH."""

    protocol: int


class ClaimRefused(TypedDict):
    """Body of a 409 answer to a claim: nothing may run; `state` is what is wanted of the run instead."""

    state: str
    message: str
