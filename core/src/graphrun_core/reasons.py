"""Every value of `status.reason` and of a condition's `reason`, each with what it tells a person.

One table for all rooms, so that dashboards and scripts can rely on the words.
"""

from typing import Final

REASONS: Final[dict[str, str]] = {
    # refused before anything ran
    "WorkflowNotFound": "spec.workflowRef names a Workflow that does not exist in the run's namespace.",
    "RevisionNotFound": "spec.workflowRef.revision names a revision that does not exist.",
    "WorkflowInvalid": "The Workflow lacks something that a run needs.",
    "InputInvalid": "The input breaks the Workflow's inputSchema.",
    "InputTooLarge": "The input is larger than 64 KiB; create the run over REST, which stores it, or pass a reference.",
    "StartFromNotFound": "spec.startFrom.run names a run that does not exist in the namespace.",
    "CheckpointNotFound": "The checkpoint to go on from does not exist.",
    "UpdateRefused": "The graph cannot take the edit of its state that the resume brings.",
    # waiting
    "WaitingToStart": "spec.state is Pending: set it to Running to start.",
    "Accepted": "The run was checked and will be executed.",
    "AttemptStarting": "The attempt's pod is being started.",
    "AttemptClaimed": "The attempt's pod runs the graph.",
    "Unschedulable": "No node can take the attempt's pod at present.",
    "ImagePullFailed": "The runner's image cannot be pulled.",
    "PodNotCreated": "The cluster refuses to create the attempt's pod, by quota or policy.",
    "ConcurrencyLimit": "As many runs of the Workflow as its maxConcurrentRuns allows are at work; the run waits for its turn.",
    "JobSuspended": "The attempt's Job is suspended from outside, by a queue (Kueue) or by hand; it goes on when it is unsuspended.",
    "RetryBackoff": "The last attempt failed; the next one starts after a pause.",
    # pause
    "PauseRequested": "spec.state is Paused; the superstep under way is being finished.",
    "PauseCompleted": "Nothing runs; the state is stored.",
    "NodesWillRerun": "Paused at the last stored checkpoint; the nodes that were stopped run again on resume.",
    "InputRequested": "The graph asks for input by interrupt().",
    # cancel
    "CancelRequested": "spec.state is Cancelled; the attempt's processes are being stopped.",
    "CancelCompleted": "Nothing runs, and nothing will.",
    "NodeLost": "The pod's node is out of reach; whether its processes have stopped is not known.",
    # ends
    "GraphCompleted": "The graph ran to its end.",
    "GraphError": "A node of the graph raised an error.",
    "LoadFailed": "The graph cannot be imported, is no graph, or cannot be compiled.",
    "IncompatibleRevision": "The stored state does not fit the nodes and channels of the graph.",
    "CheckpointUnreadable": "A stored checkpoint is damaged, or was written by a newer version of graphrun.",
    "FenceLost": "The attempt lost its claim on the stored state to another writer.",
    "RetriesExhausted": "The attempts allowed by retries.limit are used up.",
    "OutOfMemory": "The attempt's container was killed at its memory limit.",
    "StorageUnavailable": "Object storage or the API was out of reach for too long.",
    "RunnerCrashed": "The attempt's process ended without an outcome.",
    "PodLost": "The attempt's pod disappeared.",
    "Interrupted": "The attempt's pod was evicted; the next attempt goes on from the last checkpoint.",
    "ClaimRefused": "The attempt was not allowed to start.",
    "StartTimeout": "No attempt started within timeouts.startSeconds.",
    "ActiveTimeout": "The run was active for longer than timeouts.activeSeconds.",
    "TotalTimeout": "The run took longer than timeouts.totalSeconds.",
}

# Paused though spec.state is Running: a new resume, or what the message names, takes the run further.
HELD: Final = frozenset({"JobSuspended", "IncompatibleRevision", "CheckpointNotFound", "UpdateRefused"})

# --- condition types, each with one writer: the operator
CONDITION_ACCEPTED: Final = "Accepted"
CONDITION_RUNNING: Final = "Running"
CONDITION_PAUSED: Final = "Paused"
CONDITION_COMPLETE: Final = "Complete"
