"""kind: a cluster whose nodes are Docker containers, by kind's own command."""

import subprocess
from pathlib import Path

import yaml

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


def render_kind(nodes: int) -> str:
    """Return kind's configuration of a cluster: a control plane, on which pods run too, and workers."""
    roles = ["control-plane"] + ["worker"] * (nodes - 1)
    untainted = yaml.safe_dump({"kind": "InitConfiguration", "nodeRegistration": {"taints": []}})
    config = {
        "kind": "Cluster",
        "apiVersion": "kind.x-k8s.io/v1alpha4",
        "nodes": [{"role": role} for role in roles],
        "kubeadmConfigPatches": [untainted],
    }
    return yaml.safe_dump(config, sort_keys=False)


class KindCluster:
    """The kind cluster ``graphrun-NAME``; see `providers.provider.Cluster`."""

    def __init__(self, name: str, progress: Progress) -> None:
        self.name = name
        self._progress = progress
        self._kind_name = f"graphrun-{name}"
        self._folder = cache_root() / "clusters" / self._kind_name
        self._cluster = KubectlCluster(self._kind_name, self._folder / "kubeconfig", progress)

    def up(self, nodes: int | None = None) -> None:
        """Create it unless kind knows it, and write its kubeconfig."""
        ensure_components([HELM], self._progress)
        with exclusive(self._folder / ".up.lock"):
            if self._kind_name not in self._kind("get", "clusters").split():
                with self._progress.step(f"creating the kind cluster {self._kind_name}"):
                    flags = (f"--wait={READY_TIMEOUT}", "--config=-")
                    self._kind("create", "cluster", *self._which(), *flags, stdin=render_kind(nodes or 1))
            else:
                self._kind("export", "kubeconfig", *self._which())
        self._cluster.kubectl("version")
        if nodes is not None and len(self._cluster.node_names()) != nodes:
            raise DevClusterError(
                f"the kind cluster {self._kind_name} has another number of nodes than {nodes}, "
                "and kind cannot change it: end it with `down` first"
            )

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

    def _kind(self, *arguments: str, stdin: str = "") -> str:
        binary = ensure_components([KIND], self._progress)["kind"]
        done = subprocess.run([binary, *arguments], input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DevClusterError(f"kind {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout
