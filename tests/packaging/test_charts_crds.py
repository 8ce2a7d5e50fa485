"""The chart of custom resources is crds/, and crds/ is what the models of core say."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from graphrun_core import names, phases, protocol, reasons, resources
from support.helm import CHARTS, Helm, helm_3, helm_4

# The first of them builds Helm 3, which takes minutes.
pytestmark = pytest.mark.timeout(1800)

ROOT = CHARTS.parent
CRDS = ROOT / "crds"


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    """scripts/generate_crds_chart.py as a module."""
    path = ROOT / "scripts" / "generate_crds_chart.py"
    spec = importlib.util.spec_from_file_location("generate_crds_chart", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def sources() -> list[dict[str, Any]]:
    """Every object of crds/."""
    texts = [path.read_text() for path in sorted(CRDS.rglob("*.yaml"))]
    return [item for text in texts for item in yaml.safe_load_all(text)]


def test_the_templates_are_generated_from_crds(generator: ModuleType, tmp_path: Path) -> None:
    generator.write(tmp_path)
    committed = CHARTS / "graphrun-crds" / "templates"
    names = {path.name for path in committed.iterdir()}
    assert {path.name for path in tmp_path.iterdir()} == names
    for name in names:
        assert (committed / name).read_text() == (tmp_path / name).read_text(), "run `make generate`"


def test_a_template_without_a_source_is_removed(generator: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "gone.yaml").write_text("x: 1\n")
    generator.write(tmp_path)
    assert not (tmp_path / "gone.yaml").exists()


def test_braces_of_helm_in_a_source_are_kept_as_text(generator: ModuleType, tmp_path: Path) -> None:
    text = generator.render("x.yaml", 'metadata:\n  name: x\nspec: "{{ .Values }}"\n')
    chart = tmp_path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: x\nversion: 0.1.0\n")
    (chart / "templates" / "x.yaml").write_text(text)
    (made,) = helm_4()("template", "x", str(chart)).objects
    assert made["spec"] == "{{ .Values }}"


def test_annotations_in_a_source_are_refused_rather_than_lost(generator: ModuleType) -> None:
    with pytest.raises(ValueError, match=r"metadata\.annotations is set here by the generator"):
        generator.render("x.yaml", "metadata:\n  annotations: {a: b}\n  name: x\n")


@pytest.mark.parametrize("helm", [helm_3, helm_4])
def test_the_chart_renders_what_is_in_crds_and_keeps_it_on_uninstall(helm: Callable[[], Helm]) -> None:
    assert helm().lint("graphrun-crds").succeeded
    made = helm().template("graphrun-crds").objects
    for item in made:
        assert item["metadata"].pop("annotations") == {"helm.sh/resource-policy": "keep"}
    assert sorted(made, key=repr) == sorted(sources(), key=repr)


def test_both_charts_have_the_same_version() -> None:
    charts = [
        yaml.safe_load((CHARTS / name / "Chart.yaml").read_text()) for name in ("graphrun", "graphrun-crds")
    ]
    assert len({(chart["version"], chart["appVersion"], chart["kubeVersion"]) for chart in charts}) == 1


# --- the models of core


def schema(kind: str) -> dict[str, Any]:
    (crd,) = [item for item in sources() if item["spec"].get("names", {}).get("kind") == kind]
    found: dict[str, Any] = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
    return found


def model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that a field's type holds, if any."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := model_in(part))), None)


def differences(model: type[BaseModel], part: dict[str, Any], path: str) -> list[str]:
    """Names that only one side knows."""
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    properties = part.get("properties", {})
    found = [f"{path}.{name}" for name in fields.keys() ^ properties.keys()]
    for name in fields.keys() & properties.keys():
        nested = model_in(fields[name].annotation)
        inner = properties[name].get("items", properties[name])
        if nested:
            found += differences(nested, inner, f"{path}.{name}")
    return found


@pytest.mark.parametrize(
    ("model", "kind", "half"),
    [
        (resources.WorkflowSpec, "Workflow", "spec"),
        (resources.WorkflowRunSpec, "WorkflowRun", "spec"),
        (resources.WorkflowRunStatus, "WorkflowRun", "status"),
    ],
)
def test_models_and_schemas_have_the_same_fields(model: type[BaseModel], kind: str, half: str) -> None:
    assert differences(model, schema(kind)[half], half) == []


def test_a_run_may_override_exactly_what_a_workflow_sets_as_defaults() -> None:
    defaults = schema("Workflow")["spec"]["properties"]["defaults"]["properties"]
    spec = schema("WorkflowRun")["spec"]["properties"]
    assert {name: spec[name] for name in defaults} == defaults


def test_nothing_but_the_state_has_a_default_in_a_schema() -> None:
    found = []

    def walk(part: Any, path: str) -> None:
        if isinstance(part, dict):
            if "default" in part:
                found.append(path)
            for name, inner in part.items():
                walk(inner, f"{path}.{name}")

    for kind in ("Workflow", "WorkflowRun"):
        walk(schema(kind), kind)
    assert found == ["WorkflowRun.spec.properties.state"]


def test_words_are_those_of_core() -> None:
    run = schema("WorkflowRun")
    status = run["status"]["properties"]
    assert set(run["spec"]["properties"]["state"]["enum"]) == {
        phases.STATE_PENDING,
        phases.STATE_RUNNING,
        phases.STATE_PAUSED,
        phases.STATE_CANCELLED,
    }
    assert set(status["phase"]["enum"]) == set(phases.REST_STATUS) - {""}
    assert set(status["conditions"]["items"]["properties"]["type"]["enum"]) == {
        reasons.CONDITION_ACCEPTED,
        reasons.CONDITION_RUNNING,
        reasons.CONDITION_PAUSED,
        reasons.CONDITION_COMPLETE,
    }
    assert max(map(len, reasons.REASONS)) <= status["reason"]["maxLength"]


def test_limits_that_core_states_are_those_of_the_schemas() -> None:
    run = schema("WorkflowRun")
    outcome = run["status"]["properties"]["runner"]["properties"]["outcome"]["properties"]
    assert outcome["message"]["maxLength"] >= protocol.MESSAGE_MAX_CHARS
    assert (
        run["spec"]["properties"]["workflowRef"]["properties"]["name"]["maxLength"] == names.MAX_NAME_LENGTH
    )
    policies = Path(CRDS / "admission" / "policies.yaml").read_text()
    assert f"size(bytes(variables.input)) <= {protocol.INPUT_INLINE_BYTES + 2} " in policies
