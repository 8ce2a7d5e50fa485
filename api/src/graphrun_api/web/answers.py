"""Answers that are made here, and sent as they are: the framework would check and copy them once more."""

from collections.abc import Mapping

from pydantic import BaseModel
from starlette.responses import Response


def answer(body: BaseModel, status_code: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """The body as JSON."""
    return Response(body.model_dump_json(), status_code, headers, media_type="application/json")
