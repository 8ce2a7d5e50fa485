"""How the resources show themselves in kubectl."""

import pytest

from support.kubectl import Kubectl, new_run, new_workflow

CHECKPOINT = {"id": "1ef-2", "step": 12}
STATUS = {
    "phase": "Running",
    "reason": "AttemptClaimed",
    "attempt": 2,
    "jobName": "r-2",
    "runner": {"progress": 0.65, "currentNodes": ["generate", "search"], "checkpoint": CHECKPOINT},
}


@pytest.fixture
def running(kubectl: Kubectl) -> Kubectl:
    """A workflow and a run that is under way."""
    assert kubectl.create(new_workflow(image="img:1", maxConcurrentRuns=3)).accepted
    assert kubectl.create(new_run()).accepted
    assert kubectl.patch("r", {"status": STATUS}, status=True).accepted
    return kubectl


def table(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_columns_of_runs(running: Kubectl) -> None:
    header, row = table(running("get", "wfr").text)
    assert header == ["NAME", "WORKFLOW", "STATE", "PHASE", "PROGRESS", "NODE", "ATTEMPT", "AGE"]
    assert row[:-1] == ["r", "w", "Running", "Running", "0.65", "generate", "2"]


def test_wide_columns_of_runs(running: Kubectl) -> None:
    header, row = table(running("get", "wfr", "-o", "wide").text)
    assert header[-3:] == ["CHECKPOINT", "JOB", "REASON"]
    assert row[-3:] == ["1ef-2", "r-2", "AttemptClaimed"]


def test_a_run_without_nodes_or_status_is_shown_too(running: Kubectl) -> None:
    assert running.patch("r", {"status": {"runner": {"currentNodes": []}}}, status=True).accepted
    assert running.create(new_run("fresh")).accepted
    rows = {row[0]: row[1:-1] for row in table(running("get", "wfr").text)}
    assert rows["r"] == ["w", "Running", "Running", "0.65", "2"]
    assert rows["fresh"] == ["w", "Running"]


def test_columns_of_workflows(running: Kubectl) -> None:
    header, row = table(running("get", "gwf", "-o", "wide").text)
    assert header == ["NAME", "ENTRYPOINT", "AGE", "IMAGE", "MAX", "RUNS"]
    assert [row[0], row[1], *row[3:]] == ["w", "research.graph:graph", "img:1", "3"]


@pytest.mark.parametrize("category", ["graphrun", "all"])
def test_both_are_in_the_category(running: Kubectl, category: str) -> None:
    names = running("get", category, "-o", "name").text.split()
    assert {"workflow.graphrun.dev/w", "workflowrun.graphrun.dev/r"} <= set(names)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("spec.state=Running", "r"),
        ("status.phase=Running", "r"),
        ("spec.workflowRef.name=w", "r"),
        ("status.phase=Paused", ""),
        ("status.phase!=Running", "other"),
    ],
)
def test_runs_are_selected_by_field(running: Kubectl, selector: str, found: str) -> None:
    assert running.create(new_run("other", workflowRef={"name": "v"}, state="Pending")).accepted
    names = running("get", "wfr", "--field-selector", selector, "-o", "jsonpath={.items[*].metadata.name}")
    assert names.text == found


@pytest.mark.parametrize(
    "field", ["workflow.spec.graph.entrypoint", "workflowrun.spec.state", "workflowrun.status.runner"]
)
def test_fields_explain_themselves(running: Kubectl, field: str) -> None:
    assert "DESCRIPTION:" in running("explain", field).text
