"""The OpenAPI document is whole, true to its own schemas, and the one that is committed."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from graphrun_api import errors
from graphrun_api.errors import FieldError
from graphrun_api.web.problem_answers import Problem
from graphrun_api.web.problems import MEDIA_TYPE, TABLE, document
from support import promises
from support.promises import breaches

Json = dict[str, Any]

DOCUMENT: Json = promises.document()
COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"
SLUGS = {kind.slug: kind for kind in TABLE.values()}
PUBLIC = {"read_client_config", "explain_problem"}


def operations() -> Iterator[tuple[str, Json]]:
    for path, item in DOCUMENT["paths"].items():
        for operation in item.values():
            yield path, operation


EACH = pytest.mark.parametrize(
    ("path", "operation"), [pytest.param(path, each, id=each["operationId"]) for path, each in operations()]
)


def problems_in(operation: Json, status: str) -> set[str]:
    """The kinds that an operation answers with a status, by slug."""
    return set(operation["responses"][status]["content"][MEDIA_TYPE]["examples"])


def examples_of(content: Json) -> list[Any]:
    """The examples of a body: its own, or those of its schema."""
    if "example" in content:
        return [content["example"]]
    options = [content["schema"], *content["schema"].get("anyOf", [])]
    names = [each["$ref"].rpartition("/")[2] for each in options if "$ref" in each]
    return [each for name in names for each in DOCUMENT["components"]["schemas"][name].get("examples", [])]


def test_operations_have_ids_of_their_own_that_can_be_said() -> None:
    ids = [operation["operationId"] for _, operation in operations()]

    assert len(set(ids)) == len(ids)
    assert [each for each in ids if not re.fullmatch(r"[a-z]+(_[a-z]+)+", each)] == []


@EACH
def test_an_operation_says_what_it_does(path: str, operation: Json) -> None:
    assert operation["summary"]
    assert operation["description"]
    assert operation["tags"][0] in {tag["name"] for tag in DOCUMENT["tags"]}
    described = {
        parameter["name"]: parameter.get("description") for parameter in operation.get("parameters", [])
    }
    assert [name for name, text in described.items() if not text] == []
    assert set(re.findall(r"{(\w+)}", path)) <= set(described)


@EACH
def test_every_refusal_of_an_operation_is_a_problem_of_its_status(path: str, operation: Json) -> None:
    assert path.startswith(("/api/", "/problems/"))
    refusals = {status: each for status, each in operation["responses"].items() if status >= "400"}

    assert refusals
    for status, answer in refusals.items():
        assert answer["description"]
        assert list(answer["content"]) == [MEDIA_TYPE]
        assert answer["content"][MEDIA_TYPE]["schema"] == {"$ref": "#/components/schemas/Problem"}
        assert {SLUGS[slug].status for slug in problems_in(operation, status)} == {int(status)}


@EACH
def test_what_all_of_a_sort_refuse_is_said_of_each(path: str, operation: Json) -> None:
    assert "internal" in problems_in(operation, "500")
    if operation["operationId"] in PUBLIC:
        assert operation["security"] == []
        assert "401" not in operation["responses"]
    else:
        assert problems_in(operation, "401") == {"not-authenticated"}
        assert {"cluster-unavailable", "issuer-unavailable"} <= problems_in(operation, "503")
    if "{project_id}" in path:
        assert "project-not-found" in problems_in(operation, "404")
        assert "right-missing" in problems_in(operation, "403")
    if "requestBody" in operation:
        assert "malformed-json" in problems_in(operation, "400")
        assert "body-too-large" in problems_in(operation, "413")
        assert "media-type" in problems_in(operation, "415")
        assert "invalid-request" in problems_in(operation, "422")
    if "{run_id}" in path:
        assert "run-not-found" in problems_in(operation, "404")


@EACH
def test_what_an_operation_takes_and_gives_is_shown_by_true_examples(path: str, operation: Json) -> None:
    bodies = [operation.get("requestBody", {})]
    bodies += [each for status, each in operation["responses"].items() if status.startswith("2")]

    for media, content in [pair for body in bodies for pair in body.get("content", {}).items()]:
        shown = examples_of(content)
        assert shown, f"{path}: no example of {media}"
        for example in shown:
            assert breaches(content["schema"], example) == []


def test_every_field_says_what_it_means() -> None:
    silent = [
        f"{name}.{field}"
        for name, schema in DOCUMENT["components"]["schemas"].items()
        for field, about in schema.get("properties", {}).items()
        if not about.get("description")
    ]

    assert silent == []


def test_every_schema_says_what_it_is() -> None:
    assert [
        name for name, each in DOCUMENT["components"]["schemas"].items() if not each.get("description")
    ] == []


def test_what_may_be_tried_again_has_its_header() -> None:
    for _, operation in operations():
        if "503" in operation["responses"]:
            assert "Retry-After" in operation["responses"]["503"]["headers"]
    assert set(DOCUMENT["components"]["headers"]) >= {"Retry-After", "WWW-Authenticate"}


def test_the_frameworks_own_errors_are_not_promised() -> None:
    assert not {"HTTPValidationError", "ValidationError"} & set(DOCUMENT["components"]["schemas"])


@pytest.mark.parametrize("slug", SLUGS)
def test_the_example_of_a_problem_is_one(slug: str) -> None:
    example = DOCUMENT["components"]["examples"][slug]["value"]

    assert breaches({"$ref": "#/components/schemas/Problem"}, example) == []
    assert example["type"] == f"/problems/{slug}"


def test_the_schema_of_problems_names_each_member_of_a_real_one() -> None:
    kind = TABLE[errors.InputInvalid]
    real = document(kind, "a: wrong", "/x", (FieldError("a", "wrong"),))

    assert real.keys() | {"request_id"} == Problem.model_fields.keys()
    assert breaches({"$ref": "#/components/schemas/Problem"}, {**real, "request_id": "r"}) == []
    assert breaches({"$ref": "#/components/schemas/Problem"}, {**real, "request_id": "r", "status": "422"})


def test_the_committed_document_is_the_present_one() -> None:
    assert json.loads(COMMITTED.read_text()) == DOCUMENT, "run 'make generate' and commit docs/openapi.json"
