"""Runs that are claimed, and their runners' connections, for events."""

from datetime import UTC, datetime
from typing import Any

from benchmarks.api.site import Site
from graphrun_core import names
from graphrun_core.times import to_rfc3339


class Sender:
    """One runner: its events are numbered, as a runner numbers them."""

    def __init__(self, site: Site, run: str, token: str) -> None:
        self.run = run
        self._site = site
        self._headers = {"Authorization": f"Bearer {token}"}
        self._seq = 0

    async def call(self, path: str, body: dict[str, Any]) -> None:
        """One call of the runner protocol; fails on any refusal."""
        url = self._site.runner_url + path
        async with self._site.http.post(url, headers=self._headers, json=body) as answer:
            text = await answer.read()
            if not answer.ok:
                raise RuntimeError(f"{path}: {answer.status} {text.decode()}")

    async def send(self, count: int, data: dict[str, Any]) -> None:
        """A batch of so many events."""
        at = to_rfc3339(datetime.now(UTC))
        events = []
        for _ in range(count):
            self._seq += 1
            events.append({"seq": self._seq, "type": "custom", "at": at, "node_id": "work", "data": data})
        await self.call("/runner/v1/events", {"events": events})


async def claimed(site: Site, count: int) -> list[Sender]:
    """So many runs, each claimed by a pod of its own."""
    senders = []
    for _ in range(count):
        run = await site.create(execute=True)
        pod = await site.project.pod_for(run)
        token = await site.project.token("runner", pod, names.RUNNER_AUDIENCE)
        sender = Sender(site, run, token)
        await sender.call("/runner/v1/claim", {"protocol": 1})
        senders.append(sender)
    return senders
