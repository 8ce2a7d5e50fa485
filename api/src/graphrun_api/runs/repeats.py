"""Requests that come twice: their keys are kept on the run itself, written with the change that they ask for. Pure.

So a repeated request is known as long as the run is there, on every replica, and without Postgres.
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.errors import KeyReused
from graphrun_core import names
from graphrun_core.resources import WorkflowRun

Json = dict[str, Any]
# The newest ones of a run that are remembered.
_KEPT: Final = 8
_DIGEST: Final = 16


@dataclass(frozen=True)
class Asked:
    """A request with an Idempotency-Key: whose key, and what is asked for, as digests."""

    key: str
    content: str

    @classmethod
    def of(cls, username: str, key: str, *content: object) -> "Asked | None":
        """None where no key was sent."""
        if not key:
            return None
        return cls(_digest(f"{username}\0{key}"), _digest(json.dumps(content, sort_keys=True, default=str)))


def is_repeated(run: WorkflowRun, asked: Asked | None) -> bool:
    """Whether the run was changed by this very request before.

    Raises:
        KeyReused: the key came with another request.
    """
    if asked is None:
        return False
    for known in _known(run):
        if known.get("key") == asked.key:
            if known.get("content") != asked.content:
                raise KeyReused
            return True
    return False


def note(run: WorkflowRun, asked: Asked | None) -> list[Json]:
    """JSON Patch operations that write the request down, once the run's annotations are there."""
    if asked is None:
        return []
    kept = [*_known(run), {"key": asked.key, "content": asked.content}][-_KEPT:]
    key = names.ANNOTATION_REQUESTS.replace("/", "~1")
    value = json.dumps(kept, separators=(",", ":"))
    return [{"op": "add", "path": f"/metadata/annotations/{key}", "value": value}]


def _known(run: WorkflowRun) -> list[Json]:
    try:
        found = json.loads(run.metadata.annotations.get(names.ANNOTATION_REQUESTS, "[]"))
    except ValueError:
        return []  # a person's hand was in it
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST]
