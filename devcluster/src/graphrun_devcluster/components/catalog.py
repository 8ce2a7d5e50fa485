"""Which components there are and how each is built. Versions live in the go.mod files alone."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.errors import DevClusterError


@dataclass(frozen=True)
class Component:
    """One ``go build``: its packages share most of their code, so they are linked in one go.

    Attributes:
        name: what people call it; the first part of its folder in the cache.
        module: the module whose version names this component; empty for our own code.
        packages: packages to build, as ``go build`` takes them.
        renames: binary as Go names it to binary as we call it.
        links: names to link to the (only) binary, which acts by the name it is called by.
        tags: build tags.
        variables: ``-X`` linker variables; ``{version}``, ``{major}`` and ``{minor}`` are filled in.
        folder: folder of its go.mod, below the components' sources.
    """

    name: str
    module: str
    packages: tuple[str, ...]
    renames: tuple[tuple[str, str], ...] = ()
    links: tuple[str, ...] = ()
    tags: str = ""
    variables: tuple[str, ...] = ()
    folder: str = "."


ETCD = Component(
    name="etcd",
    module="go.etcd.io/etcd/server/v3",
    packages=("go.etcd.io/etcd/server/v3",),
    renames=(("v3", "etcd"), ("server", "etcd")),
)
KUBERNETES = Component(
    name="kubernetes",
    module="k8s.io/kubernetes",
    packages=("./kube",),
    links=(
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kube-proxy",
        "kubelet",
        "kubectl",
    ),
    variables=(
        "k8s.io/component-base/version.gitVersion={version}",
        "k8s.io/component-base/version.gitMajor={major}",
        "k8s.io/component-base/version.gitMinor={minor}",
    ),
)
CONTAINERD = Component(
    name="containerd",
    module="github.com/containerd/containerd/v2",
    packages=(
        "github.com/containerd/containerd/v2/cmd/containerd",
        "github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2",
        "github.com/containerd/containerd/v2/cmd/ctr",
    ),
    tags="no_btrfs,no_devmapper,no_zfs",
    variables=("github.com/containerd/containerd/v2/version.Version={version}",),
)
COREDNS = Component(name="coredns", module="github.com/coredns/coredns", packages=("./coredns",))
PAUSE = Component(name="pause", module="", packages=("./pause",))
HELM = Component(
    name="helm",
    module="helm.sh/helm/v4",
    packages=("helm.sh/helm/v4/cmd/helm",),
    variables=("helm.sh/helm/v4/internal/version.version={version}",),
)
KIND = Component(name="kind", module="sigs.k8s.io/kind", packages=("sigs.k8s.io/kind",), folder="kind")
# MinIO's licence is the AGPL. It is built and run for our tests only, as a process that they talk to over HTTP: no code
# of ours is linked with it, and none of its code or binaries is in this repository, our wheels or our images.
MINIO = Component(
    name="minio", module="github.com/minio/minio", packages=("github.com/minio/minio",), folder="minio"
)

CONTROL_PLANE_COMPONENTS = (ETCD, KUBERNETES)
"""What the control-plane half needs."""

CLUSTER_COMPONENTS = (ETCD, KUBERNETES, PAUSE, CONTAINERD, COREDNS, HELM)
"""What a whole local cluster needs, the ones most waited for first."""

TEST_COMPONENTS = (MINIO,)
"""What tests alone need: no cluster waits for it."""

BUILT_AHEAD = (*CLUSTER_COMPONENTS, *TEST_COMPONENTS)
"""What is built when nobody says which."""

ALL_COMPONENTS = (*BUILT_AHEAD, KIND)


def module_version(go_mod: str, module: str) -> str:
    """Return the version of `module` that the text of a go.mod file requires.

    Raises:
        DevClusterError: the file does not require it.
    """
    found = re.search(rf"^\s*(?:require\s+)?{re.escape(module)}\s+(v\S+)", go_mod, re.MULTILINE)
    if found is None:
        raise DevClusterError(f"go.mod requires no {module}: add it with `go get {module}@VERSION`")
    return found[1]


def required_go(go_mod: str) -> tuple[int, ...]:
    """Return the least Go version that a go.mod file names, as numbers."""
    found = re.search(r"^go (\d+(?:\.\d+)+)", go_mod, re.MULTILINE)
    if found is None:
        raise DevClusterError("go.mod names no Go version: add a line such as `go 1.26.0`")
    return tuple(int(part) for part in found[1].split("."))


def linker_flags(component: Component, version: str) -> str:
    """Return the value of ``-ldflags``: no debug symbols, and the version where it is asked for."""
    numbers = re.match(r"v(\d+)\.(\d+)", version)
    major, minor = numbers.groups() if numbers else ("0", "0")
    filled = [text.format(version=version, major=major, minor=minor) for text in component.variables]
    return " ".join(["-s", "-w", *(f"-X {text}" for text in filled)])


def fingerprint(component: Component, sources: Path) -> str:
    """Return 12 hex digits that change when anything that decides the binary does.

    That is go.mod, go.sum, our own mains and the flags; not the Go release, so that an update of Go
    does not cost everybody a long build.
    """
    digest = hashlib.sha256(repr(component).encode())
    folder = sources / component.folder
    own = [
        path
        for package in component.packages
        if package.startswith("./")
        for path in sorted((folder / package).glob("*.go"))
    ]
    for path in (folder / "go.mod", folder / "go.sum", *own):
        digest.update(b"\0" + path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:12]
