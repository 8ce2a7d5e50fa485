"""Whether an answer is one that the OpenAPI document promises: its status, its kind of problem, its body's shape."""

import json
import re
from functools import cache
from typing import Any

import httpx
from jsonschema import Draft202012Validator

from graphrun_api.app import public_api

Json = dict[str, Any]
_PROBLEM = "application/problem+json"


@cache
def document() -> Json:
    """The OpenAPI document of the public application."""
    return public_api().openapi()


def breaches(schema: Json, value: Any) -> list[str]:
    """What of a value breaks a schema of the document."""
    whole = {**schema, "components": document()["components"]}
    found = Draft202012Validator(whole).iter_errors(value)
    return [f"{'/'.join(map(str, error.absolute_path))}: {error.message[:300]}" for error in found]


async def kept(answer: httpx.Response) -> None:
    """For clients' event hooks: fails on an answer of a documented operation that the document does not promise."""
    request = answer.request
    operation = _operation(request.method.lower(), request.url.path)
    if operation is None:
        return
    what = f"{operation['operationId']} answered {answer.status_code}"
    promised = operation["responses"].get(str(answer.status_code))
    assert promised is not None, f"{what}, which the document does not promise"
    media = answer.headers.get("content-type", "").partition(";")[0]
    if not media or answer.status_code in {204, 206, 304}:  # a part is no whole JSON
        return
    assert media in promised.get("content", {}), f"{what} as {media}, which the document does not promise"
    if media not in {"application/json", _PROBLEM}:
        return
    body = json.loads(await answer.aread())
    wrong = breaches(promised["content"][media].get("schema", {}), body)
    assert wrong == [], f"{what} with a body that breaks its schema"
    if media == _PROBLEM:
        slug = body["type"].rpartition("/")[2]
        assert slug in promised["content"][media]["examples"], f"{what} with an unpromised {body}"


def _operation(method: str, path: str) -> Json | None:
    """The operation of a request; of several paths that fit, the one with the fewest parameters, as routes are tried."""
    fitting = [
        (template.count("{"), item[method])
        for template, item in document()["paths"].items()
        if method in item and _pattern(template).fullmatch(path)
    ]
    return min(fitting, key=lambda each: each[0])[1] if fitting else None


@cache
def _pattern(template: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)))
