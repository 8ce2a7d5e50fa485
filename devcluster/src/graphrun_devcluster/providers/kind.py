"""kind: a cluster whose nodes are Docker containers, by kind's own command."""

import subprocess
from pathlib import Path

from graphrun_devcluster.components.build import ensure_components
from graphrun_devcluster.components.catalog import HELM, KIND
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.paths import cache_root
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.kubectl_cluster import KubectlCluster
from graphrun_devcluster.providers.provider import PartStatus, ServicePort

READY_TIMEOUT = "180s"
"""How long kind waits for the control plane, the pull of its node image not counted."""


class KindCluster:
    """The kind cluster ``graphrun-NAME``; see `providers.provider.Cluster`."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name = name
        self._progress = progress
        self._kind_name = f"graphrun-{name}"
        self._folder = cache_root() / "clusters" / self._kind_name
        self._cluster = KubectlCluster(self._kind_name, self._folder / "kubeconfig", progress)

    def up(self) -> None:
        """Create it unless kind knows it, and write its kubeconfig."""
        ensure_components([HELM], self._progress)
        with exclusive(self._folder / ".up.lock"):
            if self._kind_name not in self._kind("get", "clusters").split():
                with self._progress.step(f"creating the kind cluster {self._kind_name}"):
                    self._kind("create", "cluster", *self._which(), f"--wait={READY_TIMEOUT}")
            else:
                self._kind("export", "kubeconfig", *self._which())
        self._cluster.kubectl("version")

    def down(self) -> None:
        """Delete it."""
        self._cluster.end_forwards()
        with self._progress.step(f"deleting the kind cluster {self._kind_name}"):
            self._kind("delete", "cluster", *self._which())

    def status(self) -> list[PartStatus]:
        """Return how its nodes fare."""
        return self._cluster.status()

    def kubeconfig(self) -> Path:
        """Return its kubeconfig."""
        path = self._folder / "kubeconfig"
        if not path.exists():
            raise DevClusterError(f"the cluster {self.name} is not up: bring it up with `up`")
        return path

    def load_image(self, archive: Path) -> None:
        """Load the images in `archive` on every node."""
        with self._progress.step(f"loading {archive.name}"):
            self._kind("load", "image-archive", str(archive), f"--name={self._kind_name}")

    def forward(self, target: ServicePort) -> str:
        """Return an address on this machine that leads to a Service."""
        return self._cluster.forward(target)

    def _which(self) -> tuple[str, str]:
        return f"--name={self._kind_name}", f"--kubeconfig={self._folder / 'kubeconfig'}"

    def _kind(self, *arguments: str) -> str:
        binary = ensure_components([KIND], self._progress)["kind"]
        done = subprocess.run([binary, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise DevClusterError(f"kind {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout
