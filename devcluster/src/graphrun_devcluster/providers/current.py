"""A cluster that somebody else runs, named by its kubeconfig. Never one out of the ambient context."""

from pathlib import Path

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.kubectl_cluster import KubectlCluster
from graphrun_devcluster.providers.provider import PartStatus, ServicePort


class CurrentCluster:
    """The cluster of a kubeconfig; see `providers.provider.Cluster`.

    Args:
        kubeconfig: value of ``GRAPHRUN_KUBECONFIG``.
        progress: told what is being built.

    Raises:
        DevClusterError: no kubeconfig is named, or it is no file.
    """

    name = "current"

    def __init__(self, kubeconfig: str, progress: Progress) -> None:
        if not kubeconfig:
            raise DevClusterError(
                "GRAPHRUN_CLUSTER=current needs GRAPHRUN_KUBECONFIG, the path of a kubeconfig: "
                "the current context of your own kubeconfig is never used by itself"
            )
        self._path = Path(kubeconfig).expanduser().absolute()
        if not self._path.is_file():
            raise DevClusterError(f"GRAPHRUN_KUBECONFIG={kubeconfig}: there is no such file")
        self._cluster = KubectlCluster(self.name, self._path, progress)

    def up(self, nodes: int | None = None) -> None:
        """Make sure that it answers and has nodes enough; it is up already or it is not ours to bring up."""
        self._cluster.kubectl("version")
        if nodes is not None and len(self._cluster.node_names()) < nodes:
            raise DevClusterError(f"the cluster of {self._path} has fewer than {nodes} nodes")

    def down(self) -> None:
        """End the forwarders; the cluster itself is not ours to end."""
        self._cluster.end_forwards()

    def status(self) -> list[PartStatus]:
        """Return how its nodes fare."""
        return self._cluster.status()

    def kubeconfig(self) -> Path:
        """Return the kubeconfig that was named."""
        return self._path

    def load_image(self, archive: Path) -> None:
        """Refuse: nodes of somebody else's cluster pull their images from a registry."""
        raise DevClusterError(
            f"{archive.name} cannot be loaded into a cluster that was not made here: "
            "push the image to a registry that the cluster pulls from, and name it in the chart's values"
        )

    def forward(self, target: ServicePort) -> str:
        """Return an address on this machine that leads to a Service."""
        return self._cluster.forward(target)
