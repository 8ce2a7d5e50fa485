"""Every error has its row, and malformed JSON its place."""

import inspect
import json

import aiohttp
import pytest
from fastapi.exceptions import RequestValidationError
from hypothesis import given
from hypothesis import strategies as st

from graphrun_api import errors
from graphrun_api.errors import ApiError, FieldError
from graphrun_api.kube import errors as kube
from graphrun_api.kube.cluster import refusal, unanswered
from graphrun_api.web.problems import TABLE, describe_place, document, explain, kind_of, response_to

ALL = [
    found
    for module in (errors, kube)
    for _, found in inspect.getmembers(module, inspect.isclass)
    if issubclass(found, ApiError)
]


def test_the_instance_is_a_uri_reference_whatever_the_path_was() -> None:
    found = document(kind_of(errors.RunNotFound("x")), "x", "/runs/\u009a 𝛴%?/b@c:1")

    assert found["instance"] == "/runs/%C2%9A%20%F0%9D%9B%B4%25%3F/b@c:1"


@pytest.mark.parametrize("error", ALL)
def test_every_error_of_the_room_has_a_row(error: type[ApiError]) -> None:
    assert error in TABLE


def test_an_unlisted_kind_takes_the_row_of_its_parent() -> None:
    class Special(errors.RunNotFound):
        """Special."""

    assert kind_of(Special()) == TABLE[errors.RunNotFound]


def test_a_problem_has_the_members_of_rfc_9457_and_ours() -> None:
    response = response_to(errors.BodyInvalid("a: wrong", fields=[FieldError("a", "wrong")]), "/x")

    assert response.status_code == 422
    assert response.media_type == "application/problem+json"
    assert json.loads(bytes(response.body)) == {
        "type": "/problems/invalid-request",
        "title": "Invalid request",
        "status": 422,
        "detail": "a: wrong",
        "instance": "/x",
        "errors": [{"field": "a", "message": "wrong"}],
    }


def test_what_may_be_tried_again_says_when() -> None:
    assert response_to(errors.HistoryUnavailable(), "/x").headers["retry-after"] == "2"
    assert response_to(errors.NotAuthenticated(), "/x").headers["www-authenticate"] == "Bearer"


@given(st.text(alphabet="ab\n", max_size=40), st.integers(min_value=0, max_value=40))
def test_the_place_is_counted_as_editors_count(text: str, position: int) -> None:
    position = min(position, len(text))
    before = text[:position].split("\n")

    said = describe_place(text, position, "why")

    assert f"line {len(before)}, column {len(before[-1]) + 1}: why" in said


def test_malformed_json_is_another_problem_than_a_wrong_field() -> None:
    item = {"type": "json_invalid", "loc": ("body", 2), "msg": "JSON decode error", "ctx": {"error": "no"}}
    missing = {"type": "missing", "loc": ("body", "options", "a"), "msg": "Field required"}

    malformed = explain(RequestValidationError([item], body="{\n,"))
    invalid = explain(RequestValidationError([missing]))

    assert isinstance(malformed, errors.BodyMalformed)
    assert "line 2, column 1" in str(malformed)
    assert invalid.fields == (FieldError("options.a", "Field required"),)


@pytest.mark.parametrize(
    ("status", "reason", "error"),
    [
        (404, "NotFound", kube.Missing),
        (409, "AlreadyExists", kube.AlreadyExists),
        (409, "Conflict", kube.Conflict),
        (410, "Expired", kube.Gone),
        (422, "Invalid", kube.Invalid),
        (400, "BadRequest", kube.Invalid),
        (403, "Forbidden", errors.ClusterRefused),
        (401, "Unauthorized", errors.ClusterUnavailable),
        (429, "TooManyRequests", errors.ClusterUnavailable),
        (500, "", errors.ClusterUnavailable),
    ],
)
def test_the_api_servers_refusals_are_told_apart(status: int, reason: str, error: type[ApiError]) -> None:
    found = refusal(status, json.dumps({"reason": reason, "message": "m"}).encode())

    assert type(found) is error


@pytest.mark.parametrize(
    ("method", "path", "error", "may_be_made"),
    [
        ("PATCH", "/apis/graphrun.dev/v1alpha1/workflowruns/x", TimeoutError(), True),
        ("PATCH", "/apis/graphrun.dev/v1alpha1/workflowruns/x", aiohttp.ServerDisconnectedError(), True),
        ("GET", "/apis/graphrun.dev/v1alpha1/workflowruns/x", TimeoutError(), False),
        ("POST", "/apis/authentication.k8s.io/v1/tokenreviews", TimeoutError(), False),
    ],
)
def test_a_change_that_was_not_answered_is_said_to_be_possible(
    method: str, path: str, error: Exception, *, may_be_made: bool
) -> None:
    assert ("may still make" in str(unanswered(method, path, error))) is may_be_made


def test_a_refusal_without_json_is_still_one() -> None:
    assert isinstance(refusal(502, b"<html>"), errors.ClusterUnavailable)


def test_the_field_of_an_admission_policy_is_found_in_its_text() -> None:
    message = (
        "ValidatingAdmissionPolicy 'x' with binding 'x' denied request: spec.context: over 64 KiB; do less"
    )

    found = refusal(
        422, json.dumps({"details": {"causes": [{"message": message}]}, "message": message}).encode()
    )

    assert isinstance(found, kube.Invalid)
    assert found.fields == (FieldError("spec.context", "over 64 KiB; do less"),)
