"""The product on a real node, installed by its chart; a project of its own for each module."""

import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from graphrun_devcluster import stack
from support.client import Client, client_of
from support.projects import Project, fresh_project, kubectl
from support.script_pods import PORT, script_server

HERE = Path(__file__).parent
SUPPORT = HERE.parent / "support"
SYSTEM = "graphrun-system"
LARGE = {"type": "object", "properties": {"text": {"type": "string"}, "rounds": {"type": "integer"}}}
# Workflow → entrypoint; all of them have graphs/probe.py inline.
PROBES = {
    "rounds": "probe:rounds",
    "speaker": "probe:speaker",
    "sleeper": "probe:sleeper",
    "blocker": "probe:blocker",
    "stubborn": "probe:stubborn_graph",
    "echo": "probe:echo",
    "failing": "probe:failing",
    "no-module": "nowhere.graph:graph",
    "no-attribute": "probe:absent",
    "no-graph": "probe:number",
    "broken": "broken:graph",
}


@pytest.fixture(scope="session")
def environment() -> stack.Environment:
    """The running product; brought up where it is not."""
    stack.up()
    return stack.environment()


@pytest.fixture(scope="session")
def images(environment: stack.Environment) -> dict[str, str]:
    """The control-plane image as installed."""
    found = json.loads(kubectl(environment, "-n", SYSTEM, "get", "deployment", "graphrun-api", "-o", "json"))
    return {"control-plane": found["spec"]["template"]["spec"]["containers"][0]["image"]}


@pytest.fixture(scope="module")
def project(
    environment: stack.Environment, images: dict[str, str], request: pytest.FixtureRequest
) -> Iterator[Project]:
    """A fresh namespace with the probes' Workflows and the counter of side effects."""
    topic = Path(request.module.__file__).stem.removeprefix("test_").replace("_", "-")
    with fresh_project(environment, topic) as made:
        apply = ("-n", made.namespace, "apply", "-f", "-")
        kubectl(environment, *apply, stdin={"apiVersion": "v1", "kind": "List", "items": _workflows()})
        counter = script_server("hits", images["control-plane"], SUPPORT / "hit_counter.py", [str(PORT)])
        kubectl(environment, *apply, stdin=counter)
        kubectl(
            environment, "-n", made.namespace, "wait", "pod/hits", "--for=condition=Ready", "--timeout=60s"
        )
        yield made


@pytest.fixture
async def client(project: Project, request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    """A person with all rights in the module's project; tells of the runs where the test failed."""
    failed_before = request.session.testsfailed
    async with client_of(project) as made:
        yield made
        if request.session.testsfailed > failed_before:
            print(await made.kubectl("get", "wfr,jobs,pods", "-o", "wide"))  # noqa: T201 - shown with the failure


def _workflows() -> list[dict[str, Any]]:
    files = {
        "probe.py": (HERE / "graphs" / "probe.py").read_text(encoding="utf-8"),
        "broken.py": "import os\n\nraise RuntimeError('this module is broken')\n",
    }
    retries = {"limit": 3, "backoffSeconds": 1}
    return [
        {
            "apiVersion": "graphrun.dev/v1alpha1",
            "kind": "Workflow",
            "metadata": {"name": name},
            "spec": {
                "graph": {"entrypoint": entrypoint, "files": files},
                "inputSchema": LARGE,
                "defaults": {"retries": retries},
            },
        }
        for name, entrypoint in PROBES.items()
    ]
