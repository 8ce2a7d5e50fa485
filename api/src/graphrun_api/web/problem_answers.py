"""How the OpenAPI document shows errors: by their kinds in the table, each with the example of its page."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel, Field

from graphrun_api.errors import ApiError
from graphrun_api.web.headers import AUTHENTICATE, RETRY_AFTER, with_headers
from graphrun_api.web.problems import MEDIA_TYPE, PAGES, TABLE, Kind

Json = dict[str, Any]
# As FastAPI's routes take them, by status.
Responses = dict[int | str, Json]

_REFERENCE: Final = {"$ref": "#/components/schemas/Problem"}
_EXAMPLE: Final = re.compile(r"```json\n(.*?)```", re.DOTALL)
# Where a status has a header that tells how to go on.
_WAYS_ON: Final = {401: AUTHENTICATE, 503: RETRY_AFTER}


class WrongField(BaseModel):
    """One thing that is wrong with what was sent."""

    field: str = Field(description="dotted path of the field or name of the parameter; empty for the whole")
    message: str = Field(description="what is wrong with it, and how to mend it")


class Problem(BaseModel):
    """Why a request was refused (RFC 9457). A refused request has changed nothing."""

    type: str = Field(
        description="kind of the problem, `/problems/<slug>`: a link relative to the API's address, where a page "
        "says what it means, what leads to it and what to do (no token is needed)",
        json_schema_extra={"format": "uri-reference"},
    )
    title: str = Field(description="the kind in words; the same for each problem of the kind")
    status: int = Field(ge=400, le=599, description="the answer's HTTP status")
    detail: str = Field(description="what went wrong this time, and how to mend it")
    instance: str = Field(description="path of the request", json_schema_extra={"format": "uri-reference"})
    request_id: str = Field(description="as in the answer's `X-Request-ID`; the API's log has it too")
    errors: list[WrongField] = Field(
        default_factory=list, description="each wrong field; left out where no field is to blame"
    )


def problems_of(*errors: type[ApiError]) -> Responses:
    """The answers of a route that may raise these; what all of a sort share is added by `web.document`."""
    responses: Responses = {}
    for error in errors:
        add_problem(responses, TABLE[error])
    return responses


def add_problem(responses: Json | Responses, kind: Kind, *, as_text: bool = False) -> None:
    """Put one more kind of problem among an operation's answers; `as_text`: whose keys are texts."""
    key: Any = str(kind.status) if as_text else kind.status
    answer = responses.setdefault(key, {"content": {MEDIA_TYPE: {"schema": _REFERENCE, "examples": {}}}})
    examples = answer["content"][MEDIA_TYPE]["examples"]
    examples[kind.slug] = {"$ref": f"#/components/examples/{kind.slug}"}
    titles = {each.slug: each.title for each in TABLE.values()}
    answer["description"] = "; ".join(f"{titles[slug]} (`{slug}`)" for slug in sorted(examples))
    if kind.status in _WAYS_ON:
        answer |= with_headers(_WAYS_ON[kind.status])


def problem_schemas() -> Json:
    """The components that problems are made of."""
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**problem.pop("$defs"), Problem.__name__: problem}


def problem_examples() -> Json:
    """The example of each kind's page, by slug."""
    return dict(sorted(_examples()))


def _examples() -> Iterator[tuple[str, Json]]:
    for slug, title in {kind.slug: kind.title for kind in TABLE.values()}.items():
        found = _EXAMPLE.search((PAGES / f"{slug}.md").read_text())
        assert found  # noqa: S101 - a test holds that every page has one
        yield slug, {"summary": title, "value": json.loads(found[1])}
