"""Helm 4 (the development cluster's) and Helm 3, each built once into the per-user cache, and what charts render to."""

import json
import os
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from graphrun_devcluster.components.build import ensure_components
from graphrun_devcluster.components.catalog import HELM
from graphrun_devcluster.components.toolchain import find_go
from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.paths import cache_root, component_sources
from graphrun_devcluster.progress import Progress

Manifest = dict[str, Any]

CHARTS = Path(__file__).resolve().parents[2] / "charts"
HELM_3_VERSION = "v3.22.0"
# Said, since a helm built by plain `go install` takes Kubernetes 1.20 for granted.
_FOR_KUBERNETES = ("--kube-version", "1.36.3")
# The least that graphrun's chart can be rendered with.
REQUIRED_VALUES: Manifest = {
    "postgres": {"dsn": "postgresql://graphrun:secret@postgres.db:5432/graphrun"},
    "storage": {"endpoint": "http://s3.storage:8333", "accessKey": "ak", "secretKey": "sk"},
}


@dataclass(frozen=True)
class Rendered:
    """What helm printed: manifests, or an error."""

    succeeded: bool
    text: str

    @property
    def objects(self) -> list[Manifest]:
        """All objects; fails with helm's message where it refused."""
        assert self.succeeded, self.text
        return [item for item in yaml.safe_load_all(self.text) if item]

    def one(self, kind: str, name: str) -> Manifest:
        """The object of that kind and name."""
        found = [item for item in self.objects if (item["kind"], item["metadata"]["name"]) == (kind, name)]
        assert len(found) == 1, f"{len(found)} objects {kind} {name}"
        return found[0]


@dataclass(frozen=True)
class Helm:
    """One helm command."""

    binary: Path

    def __call__(self, *arguments: str, stdin: str = "") -> Rendered:
        done = subprocess.run(
            [self.binary, *arguments], input=stdin, capture_output=True, text=True, check=False, timeout=120
        )
        return Rendered(
            done.returncode == 0, done.stdout if done.returncode == 0 else done.stdout + done.stderr
        )

    def template(self, chart: str, values: Manifest | None = None, *, release: str = "graphrun") -> Rendered:
        """Render charts/<chart> for the namespace graphrun-system."""
        given = json.dumps(values or {})
        where = (release, str(CHARTS / chart), "--namespace", "graphrun-system")
        return self("template", *where, *_FOR_KUBERNETES, "--values", "-", stdin=given)

    def lint(self, chart: str, values: Manifest | None = None) -> Rendered:
        """Check charts/<chart>; warnings count as errors."""
        what = (str(CHARTS / chart), "--strict", *_FOR_KUBERNETES)
        return self("lint", *what, "--values", "-", stdin=json.dumps(values or {}))


def merged(*layers: Manifest) -> Manifest:
    """Values laid over each other, as helm does."""
    result: Manifest = {}
    for layer in layers:
        for key, value in layer.items():
            below = result.get(key)
            nested = isinstance(below, dict) and isinstance(value, dict)
            result[key] = merged(result[key], value) if nested else value
    return result


@cache
def helm_4() -> Helm:
    """The development cluster's helm."""
    return Helm(ensure_components([HELM], Progress())["helm"])


@cache
def helm_3() -> Helm:
    """Helm 3, which many people still run: built from its Go module on first use (2 minutes)."""
    home = cache_root() / "tools" / f"helm-{HELM_3_VERSION}"
    home.parent.mkdir(parents=True, exist_ok=True)
    with exclusive(home.parent / ".helm-3.lock"):
        if not (home / "helm").is_file():
            _install_helm_3(home)
    return Helm(home / "helm")


def _install_helm_3(home: Path) -> None:
    progress = Progress()
    go = find_go((1, 26), component_sources(), progress)
    environment = {**os.environ, "GOBIN": str(home), "CGO_ENABLED": "0", "GOWORK": "off"}
    module = f"helm.sh/helm/v3/cmd/helm@{HELM_3_VERSION}"
    with progress.step(f"building helm {HELM_3_VERSION}"):
        subprocess.run(
            [go, "install", "-trimpath", "-ldflags=-s -w", module], env=environment, check=True, cwd="/"
        )
