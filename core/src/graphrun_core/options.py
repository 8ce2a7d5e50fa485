"""What applies to a run: its own overrides, else its Workflow's defaults, else the product's."""

from collections.abc import Iterable
from typing import Any, Final

from graphrun_core.resources import RunOptions

PRODUCT_DEFAULTS: Final[dict[str, Any]] = {
    "timeouts": {"startSeconds": 300, "activeSeconds": None, "totalSeconds": None},
    "retries": {"limit": 3, "backoffSeconds": 10, "onNodeLost": "Restart", "onGraphError": 0},
    "pause": {"deadlineSeconds": 30, "onDeadline": "Wait"},
    "durability": "async",
    "resources": {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}},
    "ttlSecondsAfterFinished": 604800,
    "nodeSelector": {},
    "tolerations": [],
    "priorityClassName": "",
    "queueName": "",
}
# In these a single field can be overridden and the others kept; everything else is replaced whole.
_MERGED: Final = {"timeouts", "retries", "pause", "resources"}


def effective_options(workflow_defaults: RunOptions, run: RunOptions) -> RunOptions:
    """Merge field by field; an explicit null in a run ("no limit") beats its Workflow's number."""
    merged = dict(PRODUCT_DEFAULTS)
    layers = (workflow_defaults.to_manifest(), run.to_manifest())
    merged["resources"] = _yielding_requests(merged["resources"], layers)
    for layer in layers:
        for name, value in layer.items():
            merged[name] = _overlay(merged[name], value) if name in _MERGED else value
    return RunOptions.model_validate(merged)


def _yielding_requests(resources: dict[str, Any], layers: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The product requests nothing of what a person limits: our request could exceed that limit, which no cluster takes.

    Kubernetes then takes the limit as the request, as it does for every pod that gives a limit alone.
    """
    limited = {name for layer in layers for name in layer.get("resources", {}).get("limits", {})}
    requests = {name: amount for name, amount in resources["requests"].items() if name not in limited}
    return {**resources, "requests": requests}


def _overlay(under: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    both = under.keys() & over.keys()
    nested = {key: {**under[key], **over[key]} for key in both if isinstance(under[key], dict)}
    return {**under, **over, **nested}
