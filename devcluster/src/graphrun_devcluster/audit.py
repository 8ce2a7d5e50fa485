"""Reads the API server's audit log: who wrote what, and when.

The log of a local cluster (`LocalCluster.audit_log`) or of a control plane (`ControlPlane.audit_log`)
has a line for each request that is no read and is not about leases.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

SERVICE_ACCOUNT = "system:serviceaccount:"

REVIEWS = frozenset({"tokenreviews", "subjectaccessreviews", "selfsubjectaccessreviews"})
"""Questions in the form of a create: nothing is stored."""

FIRST_ERROR = 400


@dataclass(frozen=True)
class Write:
    """A request that may change something.

    Attributes:
        at: when the API server received it.
        verb: create, update, patch, delete or deletecollection.
        user: who, in Kubernetes' words.
        agent: the client's name of itself.
        resource: with the subresource after a slash, as in ``pods/status``.
        namespace: empty for what is in none.
        name: empty where the server made it up (``generateName``), or for a collection.
        code: HTTP status of the answer.
        dry_run: whether it was only to be tried.
    """

    at: datetime
    verb: str
    user: str
    agent: str
    resource: str
    namespace: str
    name: str
    code: int
    dry_run: bool

    @property
    def writer(self) -> str:
        """Who, in short: the ServiceAccount's or the node's name, else the program's."""
        if self.user.startswith(SERVICE_ACCOUNT):
            return self.user.rpartition(":")[2]
        if self.user.startswith("system:node:"):
            return "kubelet"
        return self.agent.partition("/")[0] or self.user

    @property
    def stored(self) -> bool:
        """Whether it was accepted and changed what is stored; reviews and dry runs never do."""
        return self.code < FIRST_ERROR and not self.dry_run and self.resource not in REVIEWS

    def concerns(self, namespace: str, run: str) -> bool:
        """Tell whether it is about a run: the resource itself, its Jobs and pods, and events about them."""
        named = self.name == run or self.name.startswith((f"{run}-", f"{run}."))
        return self.namespace == namespace and named


class Kind(NamedTuple):
    """What writes are counted by."""

    writer: str
    verb: str
    resource: str


def counted(writes: Iterable[Write]) -> Counter[Kind]:
    """Return how many writes there are of each writer, verb and resource."""
    return Counter(Kind(write.writer, write.verb, write.resource) for write in writes)


@dataclass(frozen=True)
class Mark:
    """A place in an audit log: which file, and how many bytes of it are before."""

    inode: int
    offset: int


@dataclass(frozen=True)
class AuditLog:
    """An audit log; the API server begins a new file at 100 MB and keeps one old one."""

    path: Path

    def mark(self) -> Mark:
        """Return the present end of the log."""
        if not self.path.exists():
            return Mark(0, 0)
        stat = self.path.stat()
        return Mark(stat.st_ino, stat.st_size)

    def writes(self, since: Mark | None = None) -> list[Write]:
        """Return the writes after `since`, in the order in which they were answered; all when left out."""
        return [write for line in self._lines(since or Mark(0, 0)) if (write := parse_write(line))]

    def _lines(self, since: Mark) -> Iterator[str]:
        old = self.path.parent.glob(f"{self.path.stem}-*{self.path.suffix}")
        files = [path for path in (*sorted(old), self.path) if path.exists()]
        marked = next((place for place, path in enumerate(files) if path.stat().st_ino == since.inode), None)
        for path in files[marked or 0 :]:
            with path.open(encoding="utf-8") as text:
                if marked is not None and path.stat().st_ino == since.inode:
                    text.seek(since.offset)
                # The last line may be half written: it is read whole next time.
                yield from (line for line in text if line.endswith("\n"))


def parse_write(line: str) -> Write | None:
    """Return what a line of the log tells; None where it is not about a resource."""
    event: dict[str, Any] = json.loads(line)
    about = event.get("objectRef")
    if not about or "resource" not in about:
        return None
    subresource = f"/{about['subresource']}" if about.get("subresource") else ""
    return Write(
        at=datetime.fromisoformat(event["requestReceivedTimestamp"]),
        verb=event["verb"],
        user=event["user"]["username"],
        agent=event.get("userAgent", ""),
        resource=f"{about['resource']}{subresource}",
        namespace=about.get("namespace", ""),
        name=about.get("name", ""),
        code=int(event.get("responseStatus", {}).get("code", 0)),
        dry_run="dryRun=" in event.get("requestURI", ""),
    )
