"""The local provider: brings the parts up in order, mends what is missing, ends them."""

import sys
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from graphrun_devcluster.components.build import Binaries, ensure_components
from graphrun_devcluster.components.catalog import CLUSTER_COMPONENTS
from graphrun_devcluster.errors import DevClusterError, NotReadyError
from graphrun_devcluster.launch import ensure_running
from graphrun_devcluster.locking import exclusive
from graphrun_devcluster.needs import LOCAL_CLUSTER_PACKAGES, ensure_packages, require_root_on_linux
from graphrun_devcluster.oci_archive import BinaryImage, write_binary_image
from graphrun_devcluster.pki import ADMIN, Pki
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.forwards import Forwards
from graphrun_devcluster.providers.local.administration import Administration
from graphrun_devcluster.providers.local.cgroups import make_cgroup
from graphrun_devcluster.providers.local.files import node_settings, write_files, write_node_files
from graphrun_devcluster.providers.local.frozen import Frozen
from graphrun_devcluster.providers.local.layout import MAX_NODES, Layout, NodeLayout
from graphrun_devcluster.providers.local.network import make_network, network_stands
from graphrun_devcluster.providers.local.node_images import NodeImages
from graphrun_devcluster.providers.local.parts import LocalParts, Means
from graphrun_devcluster.providers.local.teardown import (
    end_node_processes,
    end_processes,
    remove_all,
    remove_node,
    what_is_left,
)
from graphrun_devcluster.providers.provider import PartStatus, ServicePort
from graphrun_devcluster.rendering.kubeconfig import render_kubeconfig
from graphrun_devcluster.rendering.node import NODE_IP, PAUSE_IMAGE, dns_manifests
from graphrun_devcluster.waiting import wait_until
from graphrun_devcluster.whole_files import write_whole

NODE_READY_SECONDS = 90
"""How long nodes may take to be Ready after their kubelets answer."""


class LocalCluster:
    """The cluster `name` as processes in network namespaces; see `providers.provider.Cluster`."""

    def __init__(self, name: str, progress: Progress) -> None:
        self._progress = progress
        self._layout = Layout(name)
        self._ledger = Ledger(self._layout.processes, self._layout.logs)
        self._forwards = Forwards(name, self._layout.forwards, self._ledger)

    @property
    def name(self) -> str:
        """Its name."""
        return self._layout.name

    @property
    def audit_log(self) -> Path:
        """One JSON line for every write that the API server answered, leases left out."""
        return self._layout.audit / "audit.log"

    def up(self, nodes: int | None = None) -> None:
        """Bring it up, or mend it: what is missing, frozen, changed or too much."""
        require_root_on_linux()
        ensure_packages(LOCAL_CLUSTER_PACKAGES, self._progress)
        binaries = ensure_components(CLUSTER_COMPONENTS, self._progress)
        with exclusive(self._layout.lock):
            self._finish_interrupted_down()
            count = self._settle_count(nodes)
            noun = "node" if count == 1 else f"{count} nodes"
            with self._progress.step(f"cluster {self.name}: control plane and {noun}"):
                self._thaw()
                self._remove_surplus(count)
                means = self._start(binaries, self._layout.nodes(count))
            with self._progress.step(f"cluster {self.name}: {noun} Ready, DNS"):
                self._open_to_host(means.pki)
                administration = self._administration(binaries)
                administration.apply(dns_manifests())
                self._await_nodes(administration, count)

    def down(self) -> None:
        """End it and remove its data."""
        require_root_on_linux()
        with exclusive(self._layout.lock), self._progress.step(f"cluster {self.name}: ending it"):
            remove_all(self._layout, self._ledger)

    def mend(self, names: Collection[str]) -> None:
        """Start those of the parts called `names` that do not run well, and wait for them; no other part.

        Raises:
            DevClusterError: the cluster is not up.
            NotReadyError: a part does not come up.
        """
        self.kubeconfig()
        binaries = self._binaries()
        with exclusive(self._layout.lock):
            for stage in self._parts(self._means(binaries)).stages():
                ensure_running(self._ledger, *(part for part in stage if part.spec.name in names))

    def status(self) -> list[PartStatus]:
        """Return how its parts fare."""
        require_root_on_linux()
        if not network_stands(self._layout.node(0)):
            return [PartStatus("cluster", healthy=False, detail=f"{self.name} is not up")]
        binaries = self._binaries()
        statuses = []
        for part in (part for stage in self._parts(self._means(binaries)).stages() for part in stage):
            record = self._ledger.record(part.spec.name)
            healthy = record is not None and record.alive() and part.ready()
            detail = f"pid {record.identity.pid}" if record and record.alive() else "does not run"
            statuses.append(PartStatus(part.spec.name, healthy, detail))
        seen = self._administration(binaries).nodes()
        for node in self._nodes():
            ready = seen.get(node.name, False)
            statuses.append(PartStatus(f"node {node.name}", ready, "Ready" if ready else "not Ready"))
        return statuses + [
            PartStatus("forward", healthy=True, detail=line) for line in self._forwards.running()
        ]

    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig."""
        if not self._layout.host_kubeconfig.exists():
            raise DevClusterError(f"the cluster {self.name} is not up: bring it up with `up`")
        return self._layout.host_kubeconfig

    def load_image(self, archive: Path) -> None:
        """Import the images in `archive` on all nodes at once."""
        self.kubeconfig()
        with self._progress.step(f"loading {archive.name}"):
            self._load(self._binaries(), self._nodes(), archive)

    def forward(self, target: ServicePort) -> str:
        """Return an address on this machine that leads to a Service."""
        address = self._administration(self._binaries()).call(
            *("get", "service", target.service, f"--namespace={target.namespace}"),
            "--output=jsonpath={.spec.clusterIP}",
        )
        if address in {"", "None"}:
            raise DevClusterError(f"the Service {target.namespace}/{target.service} has no cluster IP")
        label = f"{target.namespace}-{target.service}-{target.port}"
        with exclusive(self._layout.lock):
            port = self._forward(label, f"{address}:{target.port}")
        return f"127.0.0.1:{port}"

    def _finish_interrupted_down(self) -> None:
        if self._layout.ending.exists():
            self._progress.note(f"cluster {self.name}: an earlier `down` was interrupted; finishing it")
            remove_all(self._layout, self._ledger)

    def _settle_count(self, wanted: int | None) -> int:
        """Return how many nodes there are to be, and keep it: as asked for, else as before, else one."""
        count = self._kept_count() if wanted is None else wanted
        if not 1 <= count <= MAX_NODES:
            raise DevClusterError(f"{count} nodes: a local cluster can have 1 to {MAX_NODES}")
        self._layout.data.mkdir(parents=True, exist_ok=True)
        write_whole(self._layout.node_count, str(count))
        return count

    def _kept_count(self) -> int:
        try:
            return int(self._layout.node_count.read_text())
        except (OSError, ValueError):
            return 1

    def _nodes(self) -> list[NodeLayout]:
        return self._layout.nodes(self._kept_count())

    def _thaw(self) -> None:
        for name in Frozen(self._layout, self._ledger).thaw_all():
            self._progress.note(f"cluster {self.name}: {name} was frozen; it goes on")

    def _remove_surplus(self, count: int) -> None:
        for node in self._layout.nodes()[count:]:
            if what_is_left(node, [node]):
                remove_node(node, self._ledger)

    def _start(self, binaries: Binaries, nodes: list[NodeLayout]) -> Means:
        pki = write_files(self._layout)
        if not network_stands(nodes[0]):
            end_processes(self._layout, self._ledger)
        for node in nodes:
            write_node_files(node, pki)
            if not network_stands(node):
                if not node.is_first:
                    end_node_processes(node, self._ledger)
                make_network(node)
            make_cgroup(node.cgroup)
        means = Means(binaries, pki)
        *first, last = LocalParts(self._layout, nodes, means).stages()
        for stage in first:
            ensure_running(self._ledger, *stage)
        self._load_pause(binaries, nodes)
        ensure_running(self._ledger, *last)
        return means

    def _open_to_host(self, pki: Pki) -> None:
        port = self._forward("apiserver", f"{NODE_IP}:6443")
        config = render_kubeconfig(f"https://127.0.0.1:{port}", pki.ca.read_text(), pki.token(ADMIN.name))
        write_whole(self._layout.host_kubeconfig, config)

    def _forward(self, label: str, to: str) -> int:
        program = (sys.executable, "-m", "graphrun_devcluster.forwarder")
        inside = (f"--netns={self._layout.netns}", f"--to={to}")
        return self._forwards.ensure(label, lambda port: (*program, f"--listen-port={port}", *inside))

    def _parts(self, means: Means) -> LocalParts:
        return LocalParts(self._layout, self._nodes(), means)

    def _means(self, binaries: Binaries) -> Means:
        return Means(binaries, Pki(self._layout.pki))

    def _binaries(self) -> Binaries:
        return ensure_components(CLUSTER_COMPONENTS, self._progress)

    def _administration(self, binaries: Binaries) -> Administration:
        return Administration(binaries["kubectl"], self.kubeconfig())

    def _load_pause(self, binaries: Binaries, nodes: list[NodeLayout]) -> None:
        archive = self._layout.data / "pause.tar"
        write_binary_image(archive, BinaryImage(PAUSE_IMAGE, binaries["pause"], "pause"))
        self._load(binaries, nodes, archive)

    def _load(self, binaries: Binaries, nodes: list[NodeLayout], archive: Path) -> None:
        images = [NodeImages(binaries["ctr"], node_settings(node).containerd_socket) for node in nodes]
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda one: one.load(archive), images))

    def _await_nodes(self, administration: Administration, count: int) -> None:
        wanted = {node.name for node in self._layout.nodes(count)}
        for name in administration.nodes().keys() - wanted:
            administration.forget_node(name)

        def unready() -> list[str]:
            seen = administration.nodes()
            return sorted(name for name in wanted if not seen.get(name))

        if not wait_until(lambda: not unready(), NODE_READY_SECONDS, interval=0.3):
            node = next(node for node in self._layout.nodes() if node.name in unready())
            raise NotReadyError(
                f"{node.name} is not Ready after {NODE_READY_SECONDS} s; its kubelet says:\n"
                f"{self._ledger.log_tail(node.process('kubelet'))}"
            )
