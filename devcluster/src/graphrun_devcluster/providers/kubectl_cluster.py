"""What kind clusters and clusters of others have in common: they are reached by kubectl alone."""

import shutil
import subprocess
from pathlib import Path

from graphrun_devcluster.components.build import ensure_components
from graphrun_devcluster.components.catalog import KUBERNETES
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.paths import cache_root
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.forwards import Forwards
from graphrun_devcluster.providers.provider import PartStatus, ServicePort


class KubectlCluster:
    """A cluster behind a kubeconfig.

    Args:
        name: the cluster's name.
        kubeconfig: of an administrator.
        progress: told what is being built.
    """

    def __init__(self, name: str, kubeconfig: Path, progress: Progress) -> None:
        self._kubeconfig = kubeconfig
        self._progress = progress
        self._folder = cache_root() / "clusters" / name
        self._ledger = Ledger(self._folder / "processes", self._folder / "log")
        self._forwards = Forwards(name, self._folder / "forwards", self._ledger)

    def kubectl_binary(self) -> str:
        """Return the machine's kubectl, else our own, built where it is missing."""
        return shutil.which("kubectl") or str(ensure_components([KUBERNETES], self._progress)["kubectl"])

    def kubectl(self, *arguments: str) -> str:
        """Run kubectl and return what it prints.

        Raises:
            DevClusterError: it failed.
        """
        command = [self.kubectl_binary(), f"--kubeconfig={self._kubeconfig}", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DevClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def forward(self, target: ServicePort) -> str:
        """Return an address on this machine that leads to a Service, by ``kubectl port-forward``."""
        program = (self.kubectl_binary(), f"--kubeconfig={self._kubeconfig}", "port-forward")
        service = (f"--namespace={target.namespace}", "--address=127.0.0.1", f"service/{target.service}")
        label = f"{target.namespace}-{target.service}-{target.port}"
        with exclusive(self._folder / ".lock"):
            port = self._forwards.ensure(label, lambda port: (*program, *service, f"{port}:{target.port}"))
        return f"127.0.0.1:{port}"

    def end_forwards(self) -> None:
        """End all forwarders."""
        self._ledger.stop([record.name for record in self._ledger.records()])

    def node_names(self) -> list[str]:
        """Return the names of the nodes."""
        return self.kubectl("get", "nodes", "--output=jsonpath={.items[*].metadata.name}").split()

    def status(self) -> list[PartStatus]:
        """Return how the nodes fare."""
        columns = "jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=='Ready')].status}\n{end}"
        rows = [line.split() for line in self.kubectl("get", "nodes", f"--output={columns}").splitlines()]
        nodes = [PartStatus(f"node {name}", ready == "True", f"Ready: {ready}") for name, ready in rows]
        return nodes + [PartStatus("forward", healthy=True, detail=line) for line in self._forwards.running()]
