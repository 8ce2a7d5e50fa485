"""What docs/crds.md shows is what the API server takes."""

import importlib
import re
import shlex
from pathlib import Path

import pytest
import yaml

from support.controlplane import CRDS
from support.kubectl import Kubectl

PAGE = (CRDS.parent / "docs" / "crds.md").read_text()
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
COMMANDS = [line.split("#")[0].strip() for line in PAGE.splitlines() if line.startswith("kubectl patch ")]


def names(example: str) -> str:
    return str(yaml.safe_load(example)["metadata"]["name"])


@pytest.mark.parametrize("example", EXAMPLES, ids=names)
def test_an_example_is_accepted(shared_kubectl: Kubectl, example: str) -> None:
    answer = shared_kubectl.create(example, dry_run=True)
    assert answer.accepted, answer.text
    assert {item["kind"] for item in map(yaml.safe_load, EXAMPLES)} == {"Workflow", "WorkflowRun"}


def test_the_commands_work_in_their_order(kubectl: Kubectl) -> None:
    (waiting,) = [example for example in EXAMPLES if names(example) == "greet-ann"]
    assert kubectl.create(waiting).accepted
    assert len(COMMANDS) == 5
    for command in COMMANDS:
        answer = kubectl(*shlex.split(command)[1:])
        assert answer.accepted, f"{command}: {answer.text}"


def test_the_graph_shown_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (workflow,) = [item for item in map(yaml.safe_load, EXAMPLES) if item["kind"] == "Workflow"]
    for path, text in workflow["spec"]["graph"]["files"].items():
        (tmp_path / path).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    greet = importlib.import_module("greet")
    assert greet.graph.invoke({"name": "Ann"})["greeting"] == "Hello Ann"
