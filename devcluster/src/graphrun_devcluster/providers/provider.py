"""What every kind of development cluster can do."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class ServicePort:
    """A port of a Service in the cluster."""

    namespace: str
    service: str
    port: int


@dataclass(frozen=True)
class PartStatus:
    """How a part of the cluster fares, in words for people."""

    part: str
    healthy: bool
    detail: str


class Cluster(Protocol):
    """A development cluster; `providers.choice.choose_cluster` picks the kind."""

    @property
    def name(self) -> str:
        """Its name: two clusters of different names never meet."""
        ...

    def up(self, nodes: int | None = None) -> None:
        """Bring it up, or mend it; nothing happens to what already runs well.

        Args:
            nodes: how many it is to have. Left out: as many as it has, one where it is new.

        Raises:
            DevClusterError: it cannot be brought up, or not with so many nodes.
        """
        ...

    def down(self) -> None:
        """End it, if it was brought up here; the cache of components stays."""
        ...

    def status(self) -> list[PartStatus]:
        """Return how its parts fare, without changing anything."""
        ...

    def kubeconfig(self) -> Path:
        """Return a cluster administrator's kubeconfig that works from this machine."""
        ...

    def load_image(self, archive: Path) -> None:
        """Make the images in an OCI or Docker archive known to every node; quick when they already are."""
        ...

    def forward(self, target: ServicePort) -> str:
        """Return an address on this machine, ``127.0.0.1:PORT``, that leads to a Service."""
        ...
