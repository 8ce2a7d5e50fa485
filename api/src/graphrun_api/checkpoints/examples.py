"""Examples for the OpenAPI document, of the run that the examples of runs tell of."""

from typing import Any, Final

Json = dict[str, Any]

LATER: Final = "1f0ca2d8-6d2e-6c1a-8002-5b8e3d1f9a40"
EARLIER: Final = "1f0ca2d7-93b4-6e58-8001-0c7d42e6b8f1"

LIST: Final[Json] = {
    "items": [
        {
            "checkpoint_id": LATER,
            "ns": "",
            "parent_id": EARLIER,
            "step": 2,
            "source": "loop",
            "created_at": "2026-11-25T09:02:20Z",
            "bytes": 1873,
        }
    ],
    "next_cursor": LATER,
}
DETAIL: Final[Json] = {
    "checkpoint_id": LATER,
    "ns": "",
    "parent_id": EARLIER,
    "step": 2,
    "source": "loop",
    "created_at": "2026-11-25T09:02:20Z",
    "values": {
        "question": "Why is the sky blue?",
        "sources": {"$ref": "/values/sources", "bytes": 48211},
    },
    "deltas": {},
    "metadata": {"source": "loop", "step": 2},
    "pending_writes": [],
}
VALUE: Final[Json] = {"path": "/values/question", "value": "Why is the sky blue?"}
DIFF: Final[Json] = {
    "before_id": EARLIER,
    "after_id": LATER,
    "changes": [
        {"path": "/values/draft", "kind": "changed", "before": "It is.", "after": "Air scatters blue light."}
    ],
    "complete": True,
}
