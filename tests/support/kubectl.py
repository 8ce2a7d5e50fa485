"""The custom resources as a person meets them: kubectl, its refusals, and small manifests to try."""

import json
import subprocess
from dataclasses import dataclass
from typing import Any

from graphrun_devcluster.controlplane import ControlPlane

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What kubectl said; `text` is its output, or its error without the object's name in front."""

    accepted: bool
    text: str

    @property
    def stored(self) -> Manifest:
        """The object as JSON; fails with the refusal where there is none."""
        assert self.accepted, self.text
        parsed: Manifest = json.loads(self.text)
        return parsed


@dataclass(frozen=True)
class Kubectl:
    """kubectl as administrator in one namespace."""

    plane: ControlPlane
    namespace: str

    def __call__(self, *arguments: str, stdin: str | None = None) -> Answer:
        done = subprocess.run(
            [self.plane.kubectl, f"--kubeconfig={self.plane.kubeconfig}", "-n", self.namespace, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        return Answer(done.returncode == 0, done.stdout if done.returncode == 0 else _reason(done.stderr))

    def create(self, manifest: Manifest | str, *, dry_run: bool = False) -> Answer:
        """Create an object; a dry run goes through all checks of the server and stores nothing."""
        text = manifest if isinstance(manifest, str) else json.dumps(manifest)
        extra = ("--dry-run=server",) if dry_run else ()
        return self("create", "-o", "json", "-f", "-", *extra, stdin=text)

    def patch(self, name: str, patch: Manifest, *, status: bool = False) -> Answer:
        """Change a run by a JSON merge patch."""
        extra = ("--subresource=status",) if status else ()
        return self(
            "patch", "workflowrun", name, "--type=merge", "-o", "json", "-p", json.dumps(patch), *extra
        )

    def read_run(self, name: str = "r") -> Manifest:
        """A run as it is stored."""
        return self("get", "workflowrun", name, "-o", "json").stored


def _reason(stderr: str) -> str:
    """The error less its beginning, which names the object."""
    _, marker, rest = stderr.partition(" is invalid: ")
    return (rest if marker else stderr).strip()


def new_run(name: str = "r", **spec: Any) -> Manifest:
    """A WorkflowRun of the Workflow `w`."""
    return {
        "apiVersion": "graphrun.dev/v1alpha1",
        "kind": "WorkflowRun",
        "metadata": {"name": name},
        "spec": {"workflowRef": {"name": "w"}, **spec},
    }


def new_workflow(name: str = "w", **spec: Any) -> Manifest:
    """A Workflow."""
    return {
        "apiVersion": "graphrun.dev/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": name},
        "spec": {"graph": {"entrypoint": "research.graph:graph"}, **spec},
    }
