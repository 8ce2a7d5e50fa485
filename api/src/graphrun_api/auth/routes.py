"""Routes for clients: how to sign in, who one is, what one may see."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from graphrun_api.auth.guard import Guard
from graphrun_api.auth.tokens import Identity

router = APIRouter(prefix="/api", tags=["clients"])
VERSION = "v1alpha1"


class ClientConfig(BaseModel):
    """What a client needs before it signs in."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"version": VERSION, "issuer": "https://login.example.org", "audience": "graphrun"}]
        }
    )

    version: str = Field(description="of this API")
    issuer: str = Field(description="of OpenID Connect; empty where tokens are the cluster's own alone")
    audience: str = Field(description="for which the issuer's tokens must be; empty where there is no issuer")


class Me(BaseModel):
    """Who a token stands for."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"username": "ada@example.org", "groups": ["physics", "system:authenticated"]}]
        }
    )

    username: str = Field(description="as the cluster's roles name one")
    groups: list[str] = Field(description="that rights may be given to")


class Project(BaseModel):
    """A project of which one may see something."""

    project: str = Field(description="its id, as in paths")
    namespace: str = Field(description="where its runs are, for kubectl")


class ProjectList(BaseModel):
    """By name."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"items": [{"project": "demo", "namespace": "demo"}], "next_cursor": None}]
        }
    )

    items: list[Project] = Field(description="all of them")
    next_cursor: str | None = Field(default=None, description="null: there is one page")


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
