"""An output as an answer: its head, and its bytes as they come from storage."""

from collections.abc import AsyncIterator

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from graphrun_api.runs.outputs import OpenedOutput
from graphrun_api.web.byte_ranges import Span, wanted_span

_MEDIA_TYPE = "application/json"


async def answer_with(output: OpenedOutput, request: Request) -> Response:
    """The whole, or the Range that is asked for; of HEAD the size alone.

    A failure of storage before the first byte is raised. A later one ends the connection short of Content-Length, so
    that nobody takes a part for the whole.
    """
    headers = {"Accept-Ranges": "bytes"}
    if request.method == "HEAD":
        return Response(headers={**headers, "Content-Length": str(output.size)}, media_type=_MEDIA_TYPE)
    # No version is given to compare with If-Range, so whoever sends one gets the whole.
    asked = "" if "if-range" in request.headers else request.headers.get("range", "")
    part = wanted_span(asked, output.size)
    span = part or Span(0, output.size)
    if part is not None:
        headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{output.size}"
    pieces = output.pieces(span.start, span.end)
    first = await anext(pieces)
    headers["Content-Length"] = str(span.end - span.start)
    return StreamingResponse(_all(first, pieces), 206 if part else 200, headers, _MEDIA_TYPE)


async def _all(first: bytes, pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield first
    async for piece in pieces:
        yield piece
