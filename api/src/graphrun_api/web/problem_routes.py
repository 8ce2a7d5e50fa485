"""The pages that the `type` of a problem links to: one for each kind of problem, public."""

from typing import Annotated

from fastapi import APIRouter, Path, Response

from graphrun_api.errors import NotFound
from graphrun_api.web.problem_answers import problems_of
from graphrun_api.web.problems import PAGES, PAGES_PATH

router = APIRouter(prefix=PAGES_PATH, tags=["problems"])

Slug = Annotated[
    str,
    Path(max_length=64, pattern="^[a-z0-9-]+$", description="the last part of a problem's `type`"),
]


class Page(Response):
    """A page in Markdown."""

    media_type = "text/markdown"


@router.get(
    "/{slug}",
    summary="Explain a problem",
    response_class=Page,
    responses={
        200: {"content": {Page.media_type: {"example": (PAGES / "run-not-found.md").read_text()}}},
        **problems_of(NotFound),
    },
    openapi_extra={"security": []},
)
async def explain_problem(slug: Slug) -> Page:
    """What a problem means, what leads to it and what to do, in Markdown. Public: no token is needed."""
    found = PAGES / f"{slug}.md"
    if not found.is_file():
        raise NotFound(f"there is no problem {slug!r}")
    return Page(found.read_bytes())
