"""graphrun's REST API as the demo uses it: one project, one bearer token."""

from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

import httpx

from graphrun_devcluster.demo.errors import RefusedError

TIMEOUT_SECONDS = 30.0


class Options(TypedDict, total=False):
    """What a request may carry, under httpx's names."""

    json: object
    content: bytes
    params: dict[str, str]
    headers: dict[str, str]


class Rest:
    """Calls below /api/projects/{project}.

    Args:
        url: where the API listens, for example http://127.0.0.1:18080.
        token: the bearer token; empty sends none.
        project: the project id.
    """

    def __init__(self, url: str, token: str, project: str) -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # The address is on this machine: a proxy from the environment must not come between.
        self._client = httpx.AsyncClient(
            base_url=f"{url}/api/projects/{project}",
            headers=headers,
            timeout=TIMEOUT_SECONDS,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        """Open."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close all connections."""
        await self._client.aclose()

    async def send(self, method: str, path: str, **options: Unpack[Options]) -> httpx.Response:
        """The plain answer, a refusal included."""
        return await self._client.request(method, path, **options)

    async def call(self, method: str, path: str, **options: Unpack[Options]) -> dict[str, Any]:
        """The answer's JSON object.

        Raises:
            RefusedError: the API answered 4xx or 5xx.
        """
        response = await self.send(method, path, **options)
        body = _object(response)
        if response.is_error:
            raise RefusedError(f"{method} {path}", response.status_code, body)
        return body

    async def create(self, workflow: str, input_data: dict[str, Any], **params: str) -> dict[str, Any]:
        """Make a run; `execute="true"` starts it at once."""
        body = {"workflow": workflow, "input_data": input_data}
        return await self.call("POST", "/workflows/runs", json=body, params=params)

    async def verb(
        self, run: str, verb: str, body: dict[str, Any] | None = None, **params: str
    ) -> dict[str, Any]:
        """One of execute, pause, resume, cancel."""
        return await self.call("POST", f"/workflows/runs/{run}/{verb}", json=body, params=params)

    async def status(self, run: str) -> dict[str, Any]:
        """The live view: status, phase, progress, node_states, last_seq and more."""
        return await self.call("GET", f"/workflows/runs/{run}/status")

    async def run(self, run: str) -> dict[str, Any]:
        """Everything known."""
        return await self.call("GET", f"/workflows/runs/{run}")

    async def output(self, run: str) -> dict[str, Any]:
        """What the graph answered, of any size."""
        return await self.call("GET", f"/workflows/runs/{run}/output")

    async def delete(self, run: str, **params: str) -> dict[str, Any]:
        """Remove the run; `cancel="true"` cancels it first."""
        return await self.call("DELETE", f"/workflows/runs/{run}", params=params)


def _object(response: httpx.Response) -> dict[str, Any]:
    if not response.content:
        return {}
    try:
        body = response.json()
    except ValueError:
        return {"detail": response.text[:500]}
    return body if isinstance(body, dict) else {"items": body}
