"""What the local provider asks of its own API server, as administrator, by kubectl."""

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.errors import DevClusterError


@dataclass(frozen=True)
class Administration:
    """kubectl as administrator of one cluster.

    Attributes:
        kubectl: the command.
        kubeconfig: of the administrator, from outside the cluster's namespaces.
    """

    kubectl: Path
    kubeconfig: Path

    def call(self, *arguments: str, stdin: str = "") -> str:
        """Return what kubectl prints.

        Raises:
            DevClusterError: it failed.
        """
        command = [str(self.kubectl), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DevClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def apply(self, manifests: list[dict[str, object]]) -> None:
        """Apply objects."""
        bundle = {"apiVersion": "v1", "kind": "List", "items": manifests}
        flags = ("apply", "--server-side", "--force-conflicts", "--filename=-")
        self.call(*flags, stdin=json.dumps(bundle))

    def nodes(self) -> dict[str, bool]:
        """Return which nodes are known, and whether each is Ready; nothing when the API server is away."""
        row = "{.metadata.name} {.status.conditions[?(@.type=='Ready')].status}\n"
        try:
            text = self.call("get", "nodes", f"--output=jsonpath={{range .items[*]}}{row}{{end}}")
        except DevClusterError:
            return {}
        return {name: status == ["True"] for name, *status in map(str.split, text.splitlines())}

    def forget_node(self, name: str) -> None:
        """Remove a node that is gone, and the pods that were on it: nothing else would end them soon."""
        self.call("delete", "node", name, "--ignore-not-found")
        self.call(
            *("delete", "pods", "--all-namespaces", f"--field-selector=spec.nodeName={name}"),
            *("--force", "--grace-period=0"),
        )
