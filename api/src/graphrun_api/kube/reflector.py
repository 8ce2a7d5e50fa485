"""List, then watch, for ever: keeps a sink true to one kind of object.

Each watch request lasts a few seconds, so that an idle watch still proves that it is alive: no line and no end
within `SILENCE_SECONDS` means a dead connection. Bookmarks carry the resourceVersion over to the next request.
"""

import asyncio
import logging
import time
from typing import Any, Final, Protocol

from graphrun_api.errors import ApiError
from graphrun_api.kube.cluster import Cluster
from graphrun_api.kube.errors import Gone

log = logging.getLogger(__name__)

WATCH_SECONDS: Final = 10
SILENCE_SECONDS: Final = 15.0
_PAGE: Final = "500"
_FIRST_BACKOFF: Final = 0.2
# For as long after an outage the views may be old, beside the watch itself.
_MAX_BACKOFF: Final = 2.0
_GONE: Final = 410

Json = dict[str, Any]


class Sink(Protocol):
    """What keeps the objects."""

    def replace(self, manifests: list[Json], resource_version: int) -> None:
        """The full list, true at `resource_version`."""

    def changed(self, manifest: Json) -> None:
        """One object was added or modified."""

    def removed(self, manifest: Json) -> None:
        """One object is gone; this is its last state."""


class Reflector:
    """Keeps `sink` true to the objects under `path` that `selector` picks."""

    def __init__(self, cluster: Cluster, path: str, sink: Sink, *, selector: str = "") -> None:
        self._cluster = cluster
        self._path = path
        self._sink = sink
        self._query = {"labelSelector": selector} if selector else {}
        self._version = ""
        self._last_sign = 0.0
        self.synced = asyncio.Event()

    @property
    def is_current(self) -> bool:
        """Whether the server gave a sign of life lately."""
        return self.synced.is_set() and time.monotonic() - self._last_sign < 2 * SILENCE_SECONDS

    async def run(self) -> None:
        """Until cancelled."""
        backoff = _FIRST_BACKOFF
        while True:
            try:
                await self._pass()
                backoff = _FIRST_BACKOFF
            except Gone:
                log.info("watch is too old, listing again", extra={"path": self._path})
                self._version = ""
            except ApiError as error:
                log.warning(
                    "watch broke", extra={"path": self._path, "error": str(error), "retry_in": backoff}
                )
                await asyncio.sleep(backoff)
                backoff = min(backoff * 2, _MAX_BACKOFF)

    async def _pass(self) -> None:
        if not self._version:
            await self._list()
        await self._watch()

    async def _list(self) -> None:
        manifests: list[Json] = []
        query = {**self._query, "limit": _PAGE}
        while True:
            page = await self._cluster.get(self._path, query)
            manifests += page.get("items") or []
            if not (following := page["metadata"].get("continue")):
                break
            query["continue"] = following
        version = page["metadata"]["resourceVersion"]
        self._sink.replace(manifests, int(version))
        self._version = version
        self._alive()
        self.synced.set()

    async def _watch(self) -> None:
        query = {
            **self._query,
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        async for event in self._cluster.watch_lines(self._path, query, SILENCE_SECONDS):
            self._take(event)
        self._alive()

    def _take(self, event: Json) -> None:
        manifest = event["object"]
        if event["type"] == "ERROR":
            if manifest.get("code") == _GONE:
                raise Gone
            raise ApiError(str(manifest.get("message")))
        if event["type"] == "DELETED":
            self._sink.removed(manifest)
        elif event["type"] != "BOOKMARK":
            self._sink.changed(manifest)
        self._version = manifest["metadata"]["resourceVersion"]
        self._alive()

    def _alive(self) -> None:
        self._last_sign = time.monotonic()
