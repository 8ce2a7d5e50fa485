"""Options of a run: the document's bounds are the resource's, and what breaks them is told by the client's names."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from pydantic import TypeAdapter, ValidationError

from graphrun_api.app import public_api
from graphrun_api.runs.options import Options
from graphrun_api.web.parameters import Labels, Moment

Json = dict[str, Any]
CRD = Path(__file__).parents[3] / "crds" / "workflowruns.yaml"
BOUNDS = ("minimum", "maximum", "maxLength", "maxItems", "maxProperties", "enum")


def in_the_resource() -> Json:
    schema = yaml.safe_load(CRD.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    found: Json = schema["properties"]["spec"]["properties"]
    return {"revision": found["workflowRef"]["properties"]["revision"], **found}


def camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(part.capitalize() for part in others)


def bounds(schema: Json) -> Json:
    """The bounds at a place, without those of what is inside."""
    return {key: schema[key] for key in BOUNDS if key in schema}


def pairs(ours: Json, theirs: Json, definitions: Json, place: str) -> list[tuple[str, Json, Json]]:
    """Our schema and the resource's at each place that both have, by the place's name."""
    if "$ref" in ours:
        ours = definitions[ours["$ref"].rpartition("/")[2]]
    if "anyOf" in ours and not theirs.get("x-kubernetes-int-or-string"):
        [ours] = [option for option in ours["anyOf"] if option.get("type") != "null"]
        return pairs(ours, theirs, definitions, place)
    found = [(place, bounds(ours), bounds(theirs))]
    for name, inner in ours.get("properties", {}).items():
        found += pairs(inner, theirs["properties"][camel(name)], definitions, f"{place}.{name}")
    if "items" in ours:
        found += pairs(ours["items"], theirs["items"], definitions, f"{place}[]")
    if isinstance(theirs.get("additionalProperties"), dict) and "int" not in str(theirs):
        found += pairs(
            ours["additionalProperties"], theirs["additionalProperties"], definitions, f"{place}{{}}"
        )
    return found


def test_the_bounds_of_the_document_are_those_of_the_resource() -> None:
    schema, resource = Options.model_json_schema(), in_the_resource()
    checked = 0
    for name, ours in schema["properties"].items():
        if name == "labels":  # of the object, not of its spec
            continue
        for place, told, kept in pairs(ours, resource[camel(name)], schema["$defs"], name):
            assert told == kept, place
            checked += bool(kept)
    assert checked > 20


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"timeouts": {"start_seconds": 0}}, "timeouts.start_seconds"),
        ({"timeouts": {"start_seconds": "5"}}, "timeouts.start_seconds"),
        ({"ttl_seconds_after_finished": False}, "ttl_seconds_after_finished"),
        ({"retries": {"limit": 1.5}}, "retries.limit"),
        ({"resources": {"limits": {"memory": "-1Gi"}}}, "resources.limits.memory"),
        ({"resources": {"limits": {"memory": "1 Gi"}}}, "resources.limits.memory"),
        ({"resources": {"limits": {"cpu": True}}}, "resources.limits.cpu"),
        ({"resources": {"limits": {"cpu": -1}}}, "resources.limits.cpu"),
        ({"tolerations": [{"effect": "Never"}]}, "tolerations.0.effect"),
        ({"labels": {"team": "a b"}}, "labels.team"),
        ({"labels": {"a b": "x"}}, "labels.a b.[key]"),
    ],
)
def test_what_breaks_a_bound_is_told_once_by_the_name_that_was_sent(options: Json, place: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Options.model_validate(options)
    assert [".".join(map(str, item["loc"])) for item in refused.value.errors()] == [place]


def test_quantities_and_labels_are_taken_as_kubernetes_takes_them() -> None:
    amounts = ["500m", "2", "1.5", ".5", "+1", "1e3", "1E-3", "1Gi", 2, 0, 3.0]
    for amount in amounts:
        assert Options.model_validate({"resources": {"requests": {"cpu": amount}}})
    labels = {"app.kubernetes.io/name": "a", "A_b.c-d": "", "x": "a" * 63}
    assert TypeAdapter(Labels).validate_python(labels) == labels


def test_a_whole_number_may_have_a_point_as_json_has_it() -> None:
    told = Options.model_validate({"retries": {"limit": 5.0}, "resources": {"limits": {"cpu": 2.0}}})
    assert told.model_dump(exclude_unset=True) == {
        "retries": {"limit": 5},
        "resources": {"limits": {"cpu": 2}},
    }


@pytest.mark.parametrize("text", ["0.5", "1700000000", "2026-01-31", "2026-01-31T12:00:00", "now", ""])
def test_a_time_that_is_not_written_out_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValidationError, match="2026-01-31T12:00:00Z"):
        TypeAdapter(Moment).validate_python(text)


@pytest.mark.parametrize(
    ("path", "methods"),
    [
        ("/workflows", "GET, POST"),
        ("/workflows/runs", "GET, POST"),
        ("/workflows/flow", "DELETE, GET, PUT"),
        ("/workflows/runs/a-run", "DELETE, GET"),
    ],
)
def test_who_uses_a_method_that_a_path_does_not_have_is_told_all_that_it_has(path: str, methods: str) -> None:
    client = TestClient(public_api())
    for method in ("PATCH", "OPTIONS"):
        answer = client.request(method, f"/api/projects/p{path}")
        assert (answer.status_code, answer.headers["allow"]) == (405, methods)


def test_runs_is_no_workflow_whatever_the_method() -> None:
    client = TestClient(public_api())
    for method in ("PUT", "DELETE"):
        assert client.request(method, "/api/projects/p/workflows/runs").status_code == 405
