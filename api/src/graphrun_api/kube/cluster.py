"""The API server over raw responses: paths in, JSON out, refusals as errors by meaning.

A typed client could raise a validation error after its call took effect; JSON cannot.
"""

import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final
from urllib.parse import urlencode

import aiohttp
from kubernetes.aio.client.api_client import ApiClient

from graphrun_api.errors import ClusterRefused, ClusterUnavailable, FieldError
from graphrun_api.kube.errors import AlreadyExists, Conflict, Gone, Invalid, Missing

Json = dict[str, Any]

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

_CALL_SECONDS: Final = 10.0
# Admission policies name the field only in their text: "…denied request: spec.input: over 64 KiB".
_FIELD_IN_TEXT: Final = re.compile(
    r"(?:denied request: )?((?:spec|metadata|status)(?:\.[A-Za-z]+)*): (.*)", re.DOTALL
)


class Cluster:
    """One connection pool to the API server, with the account of this program."""

    def __init__(self, client: ApiClient) -> None:
        # kubernetes.aio types its models, but neither its transport nor its configuration
        self._client: Any = client

    async def aclose(self) -> None:
        """Close the pool."""
        await self._client.close()

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> Json:
        """Read one object or one page of a list."""
        return await self.call("GET", path, query=query)

    async def create(self, path: str, body: Json) -> Json:
        """POST an object; of reviews the answer carries the verdict."""
        return await self.call("POST", path, body=body)

    async def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Any = None,  # noqa: ANN401 - any JSON, a patch is a list
        content_type: str = JSON,
    ) -> Json:
        """One request; answers its JSON.

        Raises:
            Missing, AlreadyExists, Conflict, Invalid, Gone, ClusterRefused: what the API server said.
            ClusterUnavailable: no answer, or one that means: later.
        """
        timeout = aiohttp.ClientTimeout(total=_CALL_SECONDS)
        try:
            response = await self._send(method, path, query, (body, content_type), timeout)
            data = await response.read()
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise unanswered(method, path, error) from error
        if response.status >= 400:  # noqa: PLR2004 - HTTP's number
            raise refusal(response.status, data)
        answer: Json = json.loads(data) if data else {}
        return answer

    async def watch_lines(self, path: str, query: Mapping[str, str], silence: float) -> AsyncIterator[Json]:
        """The events of one watch request until the server ends it.

        Raises:
            ClusterUnavailable: the connection broke or was silent for `silence` seconds.
            Gone: the resourceVersion is too old.
        """
        try:
            async with self._opened(path, query, silence) as body:
                while line := await body.readline():
                    yield json.loads(line)
        except ValueError as error:
            raise ClusterUnavailable from error

    async def pieces(
        self, path: str, query: Mapping[str, str], silence: float | None
    ) -> AsyncGenerator[bytes, None]:
        """A long answer's body as it comes; before it, once it has begun, one empty piece.

        Raises:
            Missing, Invalid, ClusterRefused: what the API server said.
            ClusterUnavailable: no answer, or the connection broke or was silent for `silence` seconds.
        """
        async with self._opened(path, query, silence) as body:
            yield b""
            async for piece in body.iter_any():
                yield piece

    @asynccontextmanager
    async def _opened(
        self, path: str, query: Mapping[str, str], silence: float | None
    ) -> AsyncIterator[aiohttp.StreamReader]:
        """A long answer's body, read for as long as it is open; raises as `pieces` does, also while it is read."""
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=_CALL_SECONDS, sock_read=silence)
        response: aiohttp.ClientResponse | None = None
        try:
            raw = await self._send("GET", path, query, (None, JSON), timeout)
            response = raw.response
            if raw.status >= 400:  # noqa: PLR2004 - HTTP's number
                raise refusal(raw.status, await raw.read())
            yield response.content
        except (TimeoutError, aiohttp.ClientError, OSError) as error:
            raise ClusterUnavailable from error
        finally:
            if response is not None:
                response.close()

    async def _send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] | None,
        payload: tuple[Any, str],
        limits: aiohttp.ClientTimeout,
    ) -> Any:  # noqa: ANN401 - kubernetes.aio ships no types
        body, content_type = payload
        url = f"{self._client.configuration.host}{path}"
        if query:
            url = f"{url}?{urlencode(query)}"
        headers = {"Accept": JSON, "Content-Type": content_type, "User-Agent": "graphrun-api"}
        await self._client.update_params_for_auth(headers, None, ["BearerToken"], path, method, body)
        return await self._client.rest_client.request(
            method, url, headers=headers, body=body, _request_timeout=limits
        )


def unanswered(method: str, path: str, error: Exception) -> ClusterUnavailable:
    """What to say where no answer came: a change that was sent may still be made, by a server that only hung."""
    is_change = method != "GET" and not path.endswith("reviews")
    if is_change and not isinstance(error, aiohttp.ClientConnectorError):
        return ClusterUnavailable(
            "the Kubernetes API server did not answer, and may still make this change; "
            "look again, or send the same request once more"
        )
    return ClusterUnavailable()


def refusal(status: int, data: bytes) -> Exception:  # noqa: PLR0911 - one line a meaning
    """The error that a status document of the API server stands for."""
    document = _status_document(data)
    message = str(document.get("message") or f"the API server answered {status}")
    match status, document.get("reason"):
        case 404, _:
            return Missing(message)
        case 409, "AlreadyExists":
            return AlreadyExists(message)
        case 409, _:
            return Conflict(message)
        case 410, _:
            return Gone(message)
        case 400 | 422, _:
            return _invalid(document, message)
        case 403, _:
            return ClusterRefused(message)
        case _:
            return ClusterUnavailable(f"the API server answered {status}: {message}")


def _status_document(data: bytes) -> Json:
    try:
        document = json.loads(data)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _invalid(document: Json, message: str) -> Invalid:
    causes = (document.get("details") or {}).get("causes") or [{"message": message}]
    fields = tuple(_field_error(cause) for cause in causes)
    summary = "; ".join(f"{item.field}: {item.message}" if item.field else item.message for item in fields)
    return Invalid(summary, fields=fields)


def _field_error(cause: Json) -> FieldError:
    field, text = str(cause.get("field") or ""), str(cause.get("message") or "")
    found = _FIELD_IN_TEXT.search(text)
    if found and (not field or field.startswith("<")):
        return FieldError(found.group(1), found.group(2))
    # CEL messages begin with the field's own name; once is enough
    return FieldError(field, text.removeprefix("Invalid value: ").removeprefix(f"{field}: "))
