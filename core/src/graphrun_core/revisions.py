"""A revision is a Workflow's spec frozen under a name that its content decides."""

import hashlib
import json
from typing import Any


def revision_name(workflow: str, spec: dict[str, Any]) -> str:
    """`<workflow>-<hash10>`: the same content has the same name, whatever the order of its keys."""
    canonical = json.dumps(spec, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    return f"{workflow}-{digest[:10]}"
