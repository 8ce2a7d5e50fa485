"""Examples for the OpenAPI document: one run of one workflow, told throughout. A test checks each against its schema."""

from typing import Any, Final

Json = dict[str, Any]

RUN: Final = "research-x7k2p"
WORKFLOW: Final = "research"
REVISION: Final = "research-4f1c09ab37"
CHECKPOINT: Final = "1f0ca2d8-6d2e-6c1a-8002-5b8e3d1f9a40"
EARLIER_CHECKPOINT: Final = "1f0ca2d7-93b4-6e58-8001-0c7d42e6b8f1"

CREATE_RUN: Final[Json] = {
    "workflow": WORKFLOW,
    "input_data": {"question": "Why is the sky blue?"},
    "options": {"timeouts": {"active_seconds": 3600}, "labels": {"team": "physics"}},
}
CREATED: Final[Json] = {
    "run_id": RUN,
    "status": "PENDING",
    "project": "demo",
    "workflow": WORKFLOW,
    "created_at": "2026-11-25T09:00:00Z",
    "message": "The run was created; execute it to start it.",
}
EXECUTED: Final[Json] = {
    "run_id": RUN,
    "status": "RUNNING",
    "started_at": "2026-11-25T09:00:02Z",
    "message": "The run was accepted and starts.",
}
PAUSED: Final[Json] = {
    "run_id": RUN,
    "status": "PAUSED",
    "paused_at": "2026-11-25T09:01:10Z",
    "checkpoint_id": CHECKPOINT,
    "message": "The run is paused; its state is stored and its pod is freed.",
}
RESUMED: Final[Json] = {
    "run_id": RUN,
    "status": "RUNNING",
    "resumed_at": "2026-11-25T09:05:00Z",
    "message": "The run goes on in a new attempt.",
}
CANCELLED: Final[Json] = {
    "run_id": RUN,
    "status": "CANCELLED",
    "cancelled_at": "2026-11-25T09:06:00.412Z",
    "message": "Nothing of the run runs any more.",
}
INTERRUPT: Final[Json] = {"id": "9f3c21d07be84a65", "node": "review", "value": {"ask": "Publish this draft?"}}

STATUS: Final[Json] = {
    "run_id": RUN,
    "status": "RUNNING",
    "phase": "Running",
    "reason": "AttemptClaimed",
    "message": "The attempt's pod runs the graph.",
    "progress": 0.5,
    "current_node": "write",
    "attempt": 1,
    "started_at": "2026-11-25T09:00:02Z",
    "paused_at": None,
    "completed_at": None,
    "estimated_completion": "2026-11-25T09:02:30Z",
    "checkpoint_id": EARLIER_CHECKPOINT,
    "node_states": [
        {
            "node_id": "search",
            "status": "COMPLETED",
            "progress": 1.0,
            "started_at": "2026-11-25T09:00:04Z",
            "completed_at": "2026-11-25T09:00:31Z",
            "attempt": 1,
            "visits": 2,
            "error": None,
        },
        {
            "node_id": "write",
            "status": "RUNNING",
            "progress": 0.4,
            "started_at": "2026-11-25T09:00:31Z",
            "completed_at": None,
            "attempt": 1,
            "visits": 1,
            "error": None,
        },
    ],
    "waiting": None,
    "interrupts": [],
    "last_seq": 9,
    "degraded": [],
}

_SHARED: Final[Json] = {
    "run_id": RUN,
    "uid": "5c0f6f0e-2f0b-4c0e-9d0a-7a4e1b2c3d4e",
    "workflow": WORKFLOW,
    "revision": REVISION,
    "status": "COMPLETED",
    "phase": "Succeeded",
    "reason": "GraphCompleted",
    "message": "The graph ran to its end.",
    "attempt": 1,
    "progress": 1.0,
    "labels": {"team": "physics"},
    "requested_by": "ada@example.org",
    "created_at": "2026-11-25T09:00:00Z",
    "started_at": "2026-11-25T09:00:02Z",
    "completed_at": "2026-11-25T09:02:21Z",
    "archived": False,
}
SUMMARY: Final[Json] = {**_SHARED, "last_seq": 14}
RUNS: Final[Json] = {
    "items": [SUMMARY],
    "next_cursor": "WyJkZW1vIiwiMjAyNi0xMS0yNVQwOTowMDowMCswMDowMCIsNDJd",
    "stream_cursor": "q0mWv3Vb0mJv8m3eZk1xTw",
}
DETAIL: Final[Json] = {
    **_SHARED,
    "version": "48213",
    "project": "demo",
    "paused_at": None,
    "checkpoint": {"id": CHECKPOINT, "step": 2, "time": "2026-11-25T09:02:20Z"},
    "input_data": {"question": "Why is the sky blue?"},
    "options": {"timeouts": {"activeSeconds": 3600}},
    "output": {"answer": "Air scatters blue light more than red."},
    "output_url": None,
    "interrupts": [],
    "allowed": ["delete"],
}

VISITS: Final[Json] = {
    "items": [
        {
            "task_id": "0f4e7a0c-8d0f-5b8e-b1a8-3f2d9c6e7a10",
            "node_id": "search",
            "ns": "",
            "step": 1,
            "visit": 1,
            "attempt": 1,
            "status": "COMPLETED",
            "progress": 1.0,
            "started_at": "2026-11-25T09:00:04Z",
            "completed_at": "2026-11-25T09:00:31Z",
            "error": None,
            "checkpoint_before": EARLIER_CHECKPOINT,
            "checkpoint_after": CHECKPOINT,
        }
    ],
    "next_cursor": None,
}
ATTEMPTS: Final[Json] = {
    "items": [
        {
            "attempt": 1,
            "pod": "research-x7k2p-1-4hx9d",
            "node": "worker-2",
            "revision": REVISION,
            "claimed_at": "2026-11-25T09:00:03Z",
            "stopped_at": "2026-11-25T09:02:21Z",
            "outcome": "Succeeded",
            "exit_code": 0,
            "reason": "",
            "message": "",
        }
    ]
}
QUESTIONS: Final[Json] = {
    "items": [
        {
            "run_id": RUN,
            "workflow": WORKFLOW,
            "interrupts": [INTERRUPT],
            "since": "2026-11-25T09:01:40Z",
            "created_at": "2026-11-25T09:00:00Z",
            "requested_by": "ada@example.org",
            "last_seq": 11,
        }
    ],
    "next_cursor": None,
}
BULK: Final[Json] = {
    "results": [
        {"run_id": RUN, "status_code": 200, "body": CANCELLED},
        {
            "run_id": "research-b9c4d",
            "status_code": 400,
            "body": {
                "type": "/problems/state-forbids",
                "title": "The run's state forbids this",
                "status": 400,
                "detail": "cannot cancel this run: it is already COMPLETED; a run that has ended cannot be cancelled",
                "instance": "/api/projects/demo/workflows/runs/research-b9c4d",
                "request_id": "5f0c2a9e4b7d4e1f",
            },
        },
    ]
}
