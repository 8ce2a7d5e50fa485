"""kubectl and helm against one cluster."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.components.build import ensure_components, handy_folder
from graphrun_devcluster.components.catalog import HELM, KUBERNETES
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.progress import Progress


class ToolError(DevClusterError):
    """kubectl or helm refused; its own words are the message."""


def search_path() -> str:
    """Return a PATH on which our own kubectl, helm and ctr come first."""
    return f"{handy_folder()}:{os.environ.get('PATH', os.defpath)}"


def ensure_tools(progress: Progress) -> None:
    """Build kubectl and helm where the machine has neither its own nor ours."""
    wanted = {"helm": HELM, "kubectl": KUBERNETES}
    missing = [component for name, component in wanted.items() if not shutil.which(name, path=search_path())]
    ensure_components(missing, progress)


@dataclass(frozen=True)
class Tools:
    """kubectl and helm for the cluster of `kubeconfig`."""

    kubeconfig: Path

    def kubectl(self, *arguments: str, stdin: str = "") -> str:
        """Run kubectl and return what it prints.

        Raises:
            ToolError: its exit code was not 0.
        """
        return self._run("kubectl", arguments, stdin)

    def helm(self, *arguments: str, stdin: str = "") -> str:
        """Run helm and return what it prints.

        Raises:
            ToolError: its exit code was not 0.
        """
        return self._run("helm", arguments, stdin)

    def apply(self, manifests: str) -> None:
        """Apply YAML documents."""
        self.kubectl("apply", "--server-side", "--force-conflicts", "--filename=-", stdin=manifests)

    def _run(self, tool: str, arguments: tuple[str, ...], stdin: str) -> str:
        found = shutil.which(tool, path=search_path())
        if found is None:
            raise ToolError(f"{tool} is missing: `python -m graphrun_devcluster components` builds it")
        done = subprocess.run(
            [found, *arguments],
            env=self._environment(os.environ),
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise ToolError(f"{tool} {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def _environment(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Name the cluster by the kubeconfig alone: nothing of a person's own kubectl or helm settings."""
        kept = {name: value for name, value in environ.items() if not name.startswith(("HELM_", "KUBE"))}
        return kept | {"KUBECONFIG": str(self.kubeconfig)}
