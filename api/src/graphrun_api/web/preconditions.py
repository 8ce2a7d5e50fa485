"""ETag, If-Match, If-None-Match, Idempotency-Key and Prefer, as HTTP means them."""

import re
from typing import Annotated, Any, Final

from fastapi import Header
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from graphrun_api.errors import BodyInvalid
from graphrun_api.web.answers import answer
from graphrun_api.web.headers import ETAG, LINK, with_headers

_TAG: Final = re.compile(r'(?:W/)?"([^"]+)"')
_WAIT: Final = re.compile(r"(?:^|[,;\s])wait\s*=\s*\"?(\d{1,6})\"?(?=$|[,;\s])")
# Nobody is made to wait for longer than proxies do, in seconds.
LONGEST_WAIT: Final = 300.0

IdempotencyKey = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        max_length=255,
        description="any text of yours: the same request with the same key is carried out once",
    ),
]
IfMatch = Annotated[
    str,
    Header(
        alias="If-Match",
        max_length=256,
        description="the ETag that it must still have; else 412",
        # Told, and not checked by it: our own words for what is wrong help more.
        json_schema_extra={"pattern": r'^(|\*|(W/)?"[^"]+")$'},
    ),
]
Prefer = Annotated[
    str,
    Header(alias="Prefer", max_length=256, description="`wait=N`: up to N seconds for the end (RFC 7240)"),
]
# For the document: of answers with an ETag, for whose request FastAPI needs to know no more.
IF_NONE_MATCH: Final[dict[str, Any]] = {
    "parameters": [
        {
            "name": "If-None-Match",
            "in": "header",
            "required": False,
            "description": "ETags of what you have already: 304 without a body where it has not changed since",
            "schema": {"type": "string"},
        }
    ]
}
VERSIONED: Final[dict[int | str, dict[str, Any]]] = {
    200: with_headers(ETAG),
    304: {"description": "not changed since the ETag of If-None-Match", **with_headers(ETAG)},
}


def etag_of(version: str) -> str:
    """The ETag of an object in this resourceVersion."""
    return f'"{version}"'


def wanted_version(if_match: str) -> str:
    """The resourceVersion that If-Match asks for; empty for any.

    Raises:
        BodyInvalid: it is no ETag, or more than one.
    """
    text = if_match.strip()
    if text in {"", "*"}:
        return ""
    found = _TAG.fullmatch(text)
    if not found:
        raise BodyInvalid('If-Match: send one ETag as it was given, with its quotes: "12345"')
    return found[1]


def is_known(request: Request, tag: str) -> bool:
    """Whether the client has this version already (If-None-Match)."""
    sent = request.headers.get("if-none-match", "")
    return sent.strip() == "*" or tag.strip('"') in _TAG.findall(sent)


def unless_known(request: Request, found: BaseModel, version: str) -> Response:
    """What was found, with its ETag; 304 and nothing where the client has it already."""
    headers = {ETAG: etag_of(version)}
    if is_known(request, headers[ETAG]):
        return Response(status_code=304, headers=headers)
    return answer(found, headers=headers)


def seconds_to_wait(prefer: str) -> float:
    """What `Prefer: wait=N` asks for; 0 where it does not."""
    found = _WAIT.search(prefer)
    return min(float(found[1]), LONGEST_WAIT) if found else 0.0


def link_next(request: Request, cursor: str | None) -> dict[str, str]:
    """The Link header of a page that is not the last (RFC 8288); none of the last one."""
    if not cursor:
        return {}
    url = request.url.include_query_params(cursor=cursor)
    return {LINK: f'<{url.path}?{url.query}>; rel="next"'}
