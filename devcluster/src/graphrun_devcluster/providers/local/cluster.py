"""The local provider: brings the parts up in order, mends what is missing, ends them."""

import json
import subprocess
import sys
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
from graphrun_devcluster.providers.local.cgroups import make_cgroup
from graphrun_devcluster.providers.local.files import node_settings, write_files
from graphrun_devcluster.providers.local.layout import Layout
from graphrun_devcluster.providers.local.network import make_network, network_stands
from graphrun_devcluster.providers.local.node_images import NodeImages
from graphrun_devcluster.providers.local.parts import LocalParts
from graphrun_devcluster.providers.local.teardown import end_processes, remove_all
from graphrun_devcluster.providers.provider import PartStatus, ServicePort
from graphrun_devcluster.rendering.kubeconfig import render_kubeconfig
from graphrun_devcluster.rendering.node import NODE_IP, NODE_NAME, PAUSE_IMAGE, dns_manifests
from graphrun_devcluster.waiting import wait_until
from graphrun_devcluster.whole_files import write_whole

NODE_READY_SECONDS = 90
"""How long the node may take to be Ready after its kubelet answers."""


class LocalCluster:
    """The cluster `name` as processes in a network namespace; see `providers.provider.Cluster`."""

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

    def up(self) -> None:
        """Bring it up, or mend it."""
        require_root_on_linux()
        ensure_packages(LOCAL_CLUSTER_PACKAGES, self._progress)
        binaries = ensure_components(CLUSTER_COMPONENTS, self._progress)
        with exclusive(self._layout.lock):
            self._finish_interrupted_down()
            with self._progress.step(f"cluster {self.name}: control plane and node"):
                parts = self._start(binaries)
            with self._progress.step(f"cluster {self.name}: node Ready, DNS"):
                self._open_to_host(parts.pki)
                self._apply(binaries, dns_manifests())
                self._await_node(binaries)

    def down(self) -> None:
        """End it and remove its data."""
        require_root_on_linux()
        with exclusive(self._layout.lock), self._progress.step(f"cluster {self.name}: ending it"):
            remove_all(self._layout, self._ledger)

    def status(self) -> list[PartStatus]:
        """Return how its parts fare."""
        require_root_on_linux()
        if not network_stands(self._layout):
            return [PartStatus("cluster", healthy=False, detail=f"{self.name} is not up")]
        parts = self._parts(self._binaries())
        statuses = []
        for part in (part for stage in parts.stages() for part in stage):
            record = self._ledger.record(part.spec.name)
            healthy = record is not None and record.alive() and part.ready()
            detail = f"pid {record.identity.pid}" if record and record.alive() else "does not run"
            statuses.append(PartStatus(part.spec.name, healthy, detail))
        ready = self._node_is_ready(parts.binaries)
        statuses.append(PartStatus("node", ready, f"{NODE_NAME} is {'' if ready else 'not '}Ready"))
        return statuses + [
            PartStatus("forward", healthy=True, detail=line) for line in self._forwards.running()
        ]

    def kubeconfig(self) -> Path:
        """Return the administrator's kubeconfig."""
        if not self._layout.host_kubeconfig.exists():
            raise DevClusterError(f"the cluster {self.name} is not up: bring it up with `up`")
        return self._layout.host_kubeconfig

    def load_image(self, archive: Path) -> None:
        """Import the images in `archive`."""
        self.kubeconfig()
        with self._progress.step(f"loading {archive.name}"):
            self._images(self._binaries()).load(archive)

    def forward(self, target: ServicePort) -> str:
        """Return an address on this machine that leads to a Service."""
        address = self._kubectl(
            self._binaries(),
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

    def _start(self, binaries: Binaries) -> LocalParts:
        layout = self._layout
        node = node_settings(layout)
        pki = write_files(layout, node)
        if not network_stands(layout):
            end_processes(layout, self._ledger)
            make_network(layout)
        make_cgroup(layout.cgroup)
        parts = LocalParts(layout, binaries, node, pki)
        *first, last = parts.stages()
        for stage in first:
            ensure_running(self._ledger, *stage)
        self._load_pause(binaries)
        ensure_running(self._ledger, *last)
        return parts

    def _open_to_host(self, pki: Pki) -> None:
        port = self._forward("apiserver", f"{NODE_IP}:6443")
        config = render_kubeconfig(f"https://127.0.0.1:{port}", pki.ca.read_text(), pki.token(ADMIN.name))
        write_whole(self._layout.host_kubeconfig, config)

    def _forward(self, label: str, to: str) -> int:
        program = (sys.executable, "-m", "graphrun_devcluster.forwarder")
        inside = (f"--netns={self._layout.netns}", f"--to={to}")
        return self._forwards.ensure(label, lambda port: (*program, f"--listen-port={port}", *inside))

    def _parts(self, binaries: Binaries) -> LocalParts:
        return LocalParts(self._layout, binaries, node_settings(self._layout), Pki(self._layout.pki))

    def _binaries(self) -> Binaries:
        return ensure_components(CLUSTER_COMPONENTS, self._progress)

    def _images(self, binaries: Binaries) -> NodeImages:
        return NodeImages(binaries["ctr"], node_settings(self._layout).containerd_socket)

    def _load_pause(self, binaries: Binaries) -> None:
        archive = self._layout.data / "pause.tar"
        write_binary_image(archive, BinaryImage(PAUSE_IMAGE, binaries["pause"], "pause"))
        self._images(binaries).load(archive)

    def _kubectl(self, binaries: Binaries, *arguments: str, stdin: str = "") -> str:
        command = [str(binaries["kubectl"]), f"--kubeconfig={self.kubeconfig()}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
        if done.returncode:
            raise DevClusterError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def _apply(self, binaries: Binaries, manifests: list[dict[str, object]]) -> None:
        bundle = {"apiVersion": "v1", "kind": "List", "items": manifests}
        flags = ("apply", "--server-side", "--force-conflicts", "--filename=-")
        self._kubectl(binaries, *flags, stdin=json.dumps(bundle))

    def _node_is_ready(self, binaries: Binaries) -> bool:
        condition = "jsonpath={.status.conditions[?(@.type=='Ready')].status}"
        query = ("get", "node", NODE_NAME, "--ignore-not-found", f"--output={condition}")
        try:
            return self._kubectl(binaries, *query) == "True"
        except DevClusterError:
            return False

    def _await_node(self, binaries: Binaries) -> None:
        if not wait_until(lambda: self._node_is_ready(binaries), NODE_READY_SECONDS, interval=0.3):
            tail = self._ledger.log_tail("kubelet")
            raise NotReadyError(
                f"the node is not Ready after {NODE_READY_SECONDS} s; the kubelet says:\n{tail}"
            )
