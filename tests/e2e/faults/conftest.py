"""The product under faults: a project with graphs that leave marks, and a witness of all that is shown."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from graphrun_devcluster import stack
from support.fault_world import World, world_of
from support.projects import Project, fresh_project, kubectl
from support.script_pods import PORT, script_server

HERE = Path(__file__).parent
GRAPHS = HERE.parent / "graphs" / "marked.py"
COUNTER = HERE.parents[1] / "support" / "hit_counter.py"
WORKFLOWS = ("rounds", "skewed", "sleeper", "asking")
# Dozens of runs at once on a small node: it is faults that are tried here, not scheduling.
RESOURCES = {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}}
# More than any test kills: what is tested is that a run goes on, not when it gives up.
RETRIES = {"limit": 50, "backoffSeconds": 1}


@pytest.fixture(scope="session")
def outage_seconds() -> float:
    """How long a part is away: GRAPHRUN_OUTAGE_SECONDS, 8 in the short version."""
    return float(os.environ.get("GRAPHRUN_OUTAGE_SECONDS") or 8)


@pytest.fixture(scope="module")
def fault_project(
    environment: stack.Environment, images: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[Project]:
    """A fresh namespace with the marking graphs' Workflows and the counter of side effects."""
    topic = "f-" + Path(request.module.__file__).stem.removeprefix("test_").replace("_", "-")[:20]
    with fresh_project(environment, topic) as made:
        apply = ("-n", made.namespace, "apply", "-f", "-")
        kubectl(environment, *apply, stdin={"apiVersion": "v1", "kind": "List", "items": _workflows()})
        kubectl(
            environment, *apply, stdin=script_server("hits", images["control-plane"], COUNTER, [str(PORT)])
        )
        kubectl(
            environment, "-n", made.namespace, "wait", "pod/hits", "--for=condition=Ready", "--timeout=60s"
        )
        yield made


@pytest.fixture
async def world(fault_project: Project) -> AsyncIterator[World]:
    """The module's project, watched."""
    async with world_of(fault_project) as made:
        yield made


def _workflows() -> list[dict[str, Any]]:
    files = {"marked.py": GRAPHS.read_text(encoding="utf-8")}
    return [
        {
            "apiVersion": "graphrun.dev/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name},
            "spec": {
                "graph": {"entrypoint": f"marked:{name}", "files": files},
                "defaults": {"retries": RETRIES, "resources": RESOURCES},
            },
        }
        for name in WORKFLOWS
    ]
