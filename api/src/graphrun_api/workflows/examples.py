"""Examples for the OpenAPI document, of the workflow whose runs the examples of runs are."""

from typing import Any, Final

Json = dict[str, Any]

NAME: Final = "research"
REVISION: Final = "research-4f1c09ab37"
SPEC: Final[Json] = {
    "image": "registry.example.org/research:1.4",
    "graph": {"entrypoint": "research.graph:graph"},
    "inputSchema": {
        "type": "object",
        "required": ["question"],
        "properties": {"question": {"type": "string"}},
    },
    "defaults": {"timeouts": {"activeSeconds": 3600}},
}
WORKFLOW: Final[Json] = {
    "name": NAME,
    "project": "demo",
    "labels": {"team": "physics"},
    "spec": SPEC,
    "generation": 3,
    "version": "47110",
    "created_at": "2026-11-20T08:30:00Z",
}
WORKFLOWS: Final[Json] = {"items": [WORKFLOW], "next_cursor": None}
REVISIONS: Final[Json] = {
    "items": [{"name": REVISION, "created_at": "2026-11-24T16:02:11Z"}],
    "next_cursor": None,
}
GRAPH: Final[Json] = {
    "workflow": NAME,
    "revision": REVISION,
    "current": True,
    "nodes": [{"id": "search"}, {"id": "write"}],
    "edges": [
        {"source": "__start__", "target": "search"},
        {"source": "search", "target": "write"},
        {"source": "write", "target": "__end__"},
    ],
    "cyclic": False,
    "mermaid": "graph TD;\n\t__start__ --> search;\n\tsearch --> write;\n\twrite --> __end__;\n",
    "input_schema": SPEC["inputSchema"],
    "input_schema_source": "declared",
}
_DAY: Final[Json] = {
    "start": "2026-11-24T00:00:00Z",
    "end": "2026-11-25T00:00:00Z",
    "completed": 118,
    "failed": 2,
    "cancelled": 1,
    "durations": {"mean": 141.2, "p50": 121.8, "p95": 243.5, "active_mean": 139.9},
}
STATS: Final[Json] = {
    "workflow": NAME,
    "total": {**_DAY, "start": "2026-11-18T09:00:00Z", "end": "2026-11-25T09:00:00Z"},
    "periods": [_DAY],
}
