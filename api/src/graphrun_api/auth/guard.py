"""The one gate in front of every call: token, project, right, in this order, telling nobody more than they may know."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from starlette.requests import HTTPConnection

from graphrun_api.auth.projects import Projects
from graphrun_api.auth.rights import Right, Rights
from graphrun_api.auth.tokens import Identity, Tokens, bearer_of
from graphrun_api.errors import ProjectNotFound, RightMissing
from graphrun_core import names

# Where a path names one object of a resource; what a call creates has no name yet, whatever object it begins from.
_NAMES: Final = {names.WORKFLOW_RUNS: "run_id", names.WORKFLOWS: "workflow_name"}


@dataclass(frozen=True)
class Access:
    """Someone with the right that the call needs, in the namespace of the project."""

    who: Identity
    project: str
    namespace: str


class Guard:
    """Composes tokens, projects and rights."""

    def __init__(self, tokens: Tokens, projects: Projects, rights: Rights) -> None:
        self._tokens = tokens
        self._projects = projects
        self._rights = rights

    async def identify(self, connection: HTTPConnection) -> Identity:
        """Who asks; raises NotAuthenticated."""
        return await self.identify_token(bearer_of(connection.headers.get("authorization", "")))

    async def identify_token(self, token: str) -> Identity:
        """Whose token this is; raises NotAuthenticated."""
        return await self._tokens.identify(token)

    def projects(self) -> dict[str, str]:
        """Every project and its namespace, by name."""
        return dict(sorted(self._projects.all().items()))

    async def sees(self, who: Identity, namespace: str) -> bool:
        """Whether someone may read anything of ours there."""
        return await self._rights.sees(who, namespace)

    async def admit(self, connection: HTTPConnection, verb: str, resource: str) -> Access:
        """Let through who may do `verb` on `resource` in the project of the path.

        Raises:
            NotAuthenticated: no valid token.
            ProjectNotFound: no such project, or one in which they may not even look.
            RightMissing: they may look, but not do this.
        """
        name = "" if verb == "create" else connection.path_params.get(_NAMES[resource.partition("/")[0]], "")
        who = await self.identify(connection)
        return await self.admit_as(who, connection.path_params["project_id"], verb, resource, name)

    async def admit_as(self, who: Identity, project: str, verb: str, resource: str, name: str = "") -> Access:
        """The same for someone who is known already; `name` narrows it to one object. Raises as `admit` does."""
        namespace = self._projects.namespace_of(project)
        # Asked for all the same where there is none: how long a refusal takes must not tell which projects exist.
        right = Right(verb, resource, namespace or project, name)
        if await self._rights.allowed(who, right):
            if namespace is None:
                raise ProjectNotFound
            return Access(who, project, namespace)
        if await self._rights.sees(who, right.namespace) and namespace is not None:
            raise RightMissing(f"{who.username} lacks the right to {right}")
        raise ProjectNotFound


def needs(verb: str, resource: str) -> Callable[[HTTPConnection], Awaitable[Access]]:
    """A dependency for routes: the caller's Access, once the Guard has let them through."""

    async def admitted(connection: HTTPConnection) -> Access:
        guard: Guard = connection.app.state.guard
        return await guard.admit(connection, verb, resource)

    return admitted
