"""Routes for clients: how to sign in, who one is, what one may see."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, Field

from graphrun_api.auth.guard import Guard
from graphrun_api.auth.tokens import Identity

router = APIRouter(prefix="/api", tags=["clients"])
VERSION = "v1alpha1"


class ClientConfig(BaseModel):
    """What a client needs before it signs in."""

    version: str
    issuer: str = Field(description="of OpenID Connect; empty where tokens are the cluster's own alone")
    audience: str


class Me(BaseModel):
    """Who a token stands for."""

    username: str
    groups: list[str]


class Project(BaseModel):
    """A project of which one may see something."""

    project: str
    namespace: str


class ProjectList(BaseModel):
    """By name."""

    items: list[Project]
    next_cursor: str | None = None


def _guard(request: Request) -> Guard:
    found: Guard = request.app.state.guard
    return found


async def _identity(request: Request) -> Identity:
    return await _guard(request).identify(request)


Someone = Annotated[Identity, Depends(_identity)]


@router.get("/config", summary="How to sign in", openapi_extra={"security": []})
async def read_client_config(request: Request) -> ClientConfig:
    """Public: no token is needed."""
    found: ClientConfig = request.app.state.client_config
    return found


@router.get("/me", summary="Who I am")
async def read_me(who: Someone) -> Me:
    """The user and the groups that rights are given to."""
    return Me(username=who.username, groups=list(who.groups))


@router.get("/projects", summary="What I may see")
async def list_projects(request: Request, who: Someone) -> ProjectList:
    """The projects in which one may list runs or workflows."""
    guard = _guard(request)
    known = guard.projects()
    seen = await asyncio.gather(*(guard.sees(who, namespace) for namespace in known.values()))
    items = [
        Project(project=project, namespace=namespace)
        for (project, namespace), visible in zip(known.items(), seen, strict=True)
        if visible
    ]
    return ProjectList(items=items)
