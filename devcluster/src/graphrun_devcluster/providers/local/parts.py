"""The processes of a local cluster, in the order in which they need each other."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.components.build import Binaries
from graphrun_devcluster.launch import Part
from graphrun_devcluster.needs import SYSTEM_PATH
from graphrun_devcluster.pki import ADMIN, Pki
from graphrun_devcluster.probes import HttpProbe
from graphrun_devcluster.processes.ledger import ProcessSpec
from graphrun_devcluster.providers.local.files import (
    INNER_URL,
    control_plane_settings,
    node_settings,
)
from graphrun_devcluster.providers.local.layout import Layout, NodeLayout
from graphrun_devcluster.rendering.control_plane import (
    apiserver_argv,
    controllers_argv,
    etcd_argv,
    scheduler_argv,
)
from graphrun_devcluster.rendering.node import (
    kube_proxy_argv,
    kubelet_argv,
    render_cni,
    render_containerd,
    render_corefile,
    render_kubelet,
)

CTR_SECONDS = 10
"""How long containerd may take to answer."""

CONTROL_PLANE = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "coredns")
"""Names of the parts that belong to no node, though they run beside the first one."""


@dataclass(frozen=True)
class Means:
    """What all parts of one cluster are made from: its built components and its keys."""

    binaries: Binaries
    pki: Pki

    def spec(self, name: str, argv: tuple[str, ...], netns: Path, *inputs: str) -> ProcessSpec:
        """Return how the process `name` is to run."""
        return ProcessSpec(
            name=name,
            argv=argv,
            netns=netns,
            env={"PATH": f"{self.binaries['containerd'].parent}:{SYSTEM_PATH}"},
            # The authority's certificate is in every digest: with new keys everything starts anew.
            inputs=(self.pki.ca.read_text(), *inputs),
        )


@dataclass(frozen=True)
class LocalParts:
    """Makes the parts of one cluster.

    Attributes:
        layout: its places.
        nodes: the places of its nodes.
        means: see `Means`.
    """

    layout: Layout
    nodes: Sequence[NodeLayout]
    means: Means

    def stages(self) -> list[list[Part]]:
        """Return the parts: those of one stage start together, after the stage before is ready."""
        nodes = [NodeParts(node, self.means) for node in self.nodes]
        return [
            [self._etcd()],
            [self._apiserver(), *(node.containerd() for node in nodes)],
            [
                *(self._controllers(), self._scheduler(), self._coredns()),
                *(part for node in nodes for part in (node.kubelet(), node.kube_proxy())),
            ],
        ]

    def _spec(self, name: str, argv: tuple[str, ...], *inputs: str) -> ProcessSpec:
        return self.means.spec(name, argv, self.layout.netns, *inputs)

    def _http(self, url: str) -> HttpProbe:
        return HttpProbe(url, netns=self.layout.netns)

    def _etcd(self) -> Part:
        argv = etcd_argv(self.means.binaries["etcd"], control_plane_settings(self.layout))
        return Part(self._spec("etcd", argv), self._http("http://127.0.0.1:2379/health").holds)

    def _apiserver(self) -> Part:
        argv = apiserver_argv(self.means.binaries["kube-apiserver"], control_plane_settings(self.layout))
        probe = HttpProbe(f"{INNER_URL}/readyz", self.means.pki.token(ADMIN.name), self.layout.netns)
        return Part(self._spec("kube-apiserver", argv), probe.holds)

    def _controllers(self) -> Part:
        name = "kube-controller-manager"
        argv = controllers_argv(self.means.binaries[name], control_plane_settings(self.layout))
        return Part(self._spec(name, argv), self._http("https://127.0.0.1:10257/healthz").holds)

    def _scheduler(self) -> Part:
        argv = scheduler_argv(self.means.binaries["kube-scheduler"], control_plane_settings(self.layout))
        return Part(self._spec("kube-scheduler", argv), self._http("https://127.0.0.1:10259/healthz").holds)

    def _coredns(self) -> Part:
        argv = (str(self.means.binaries["coredns"]), f"-conf={self.layout.state}/Corefile")
        spec = self._spec("coredns", argv, render_corefile(self.layout.inner_kubeconfig))
        return Part(spec, self._http("http://127.0.0.1:8181/ready").holds)


@dataclass(frozen=True)
class NodeParts:
    """Makes the parts of one node."""

    layout: NodeLayout
    means: Means

    def _spec(self, program: str, argv: tuple[str, ...], *inputs: str) -> ProcessSpec:
        return self.means.spec(self.layout.process(program), argv, self.layout.netns, *inputs)

    def _healthy(self, port: int) -> HttpProbe:
        return HttpProbe(f"http://127.0.0.1:{port}/healthz", netns=self.layout.netns)

    def containerd(self) -> Part:
        """Return the node's containerd."""
        node = node_settings(self.layout)
        argv = (str(self.means.binaries["containerd"]), f"--config={node.state}/containerd.toml")
        return Part(self._spec("containerd", argv, render_containerd(node)), self._containerd_answers)

    def _containerd_answers(self) -> bool:
        socket = node_settings(self.layout).containerd_socket
        ask = [str(self.means.binaries["ctr"]), f"--address={socket}", "version"]
        try:
            done = subprocess.run(ask, capture_output=True, timeout=CTR_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def kubelet(self) -> Part:
        """Return the node's kubelet."""
        node = node_settings(self.layout)
        argv = kubelet_argv(self.means.binaries["kubelet"], node, self.layout.kubeconfig)
        spec = self._spec("kubelet", argv, render_kubelet(node), render_cni(node))
        return Part(spec, self._healthy(10248).holds)

    def kube_proxy(self) -> Part:
        """Return the node's kube-proxy."""
        node = node_settings(self.layout)
        kubeconfig = self.layout.cluster.inner_kubeconfig
        argv = kube_proxy_argv(self.means.binaries["kube-proxy"], node, kubeconfig)
        return Part(self._spec("kube-proxy", argv), self._healthy(10256).holds)
