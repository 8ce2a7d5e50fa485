"""The processes of a local cluster, in the order in which they need each other."""

import subprocess
from dataclasses import dataclass

from graphrun_devcluster.components.build import Binaries
from graphrun_devcluster.launch import Part
from graphrun_devcluster.needs import SYSTEM_PATH
from graphrun_devcluster.pki import ADMIN, Pki
from graphrun_devcluster.probes import HttpProbe
from graphrun_devcluster.processes.ledger import ProcessSpec
from graphrun_devcluster.providers.local.files import (
    INNER_URL,
    control_plane_settings,
)
from graphrun_devcluster.providers.local.layout import Layout
from graphrun_devcluster.rendering.control_plane import (
    apiserver_argv,
    controllers_argv,
    etcd_argv,
    scheduler_argv,
)
from graphrun_devcluster.rendering.node import (
    NodeSettings,
    kube_proxy_argv,
    kubelet_argv,
    render_cni,
    render_containerd,
    render_corefile,
    render_kubelet,
)

CTR_SECONDS = 10
"""How long containerd may take to answer."""


@dataclass(frozen=True)
class LocalParts:
    """Makes the parts of one cluster.

    Attributes:
        layout: its places.
        binaries: the built components.
        node: its node's settings.
        pki: its keys.
    """

    layout: Layout
    binaries: Binaries
    node: NodeSettings
    pki: Pki

    def stages(self) -> list[list[Part]]:
        """Return the parts: those of one stage start together, after the stage before is ready."""
        return [
            [self._etcd()],
            [self._apiserver(), self._containerd()],
            [self._controllers(), self._scheduler(), self._kubelet(), self._kube_proxy(), self._coredns()],
        ]

    def _spec(self, name: str, argv: tuple[str, ...], *inputs: str) -> ProcessSpec:
        # The authority's certificate is in every digest: with new keys everything starts anew.
        return ProcessSpec(
            name=name,
            argv=argv,
            netns=self.layout.netns,
            env={"PATH": f"{self.binaries['containerd'].parent}:{SYSTEM_PATH}"},
            inputs=(self.pki.ca.read_text(), *inputs),
        )

    def _http(self, url: str) -> HttpProbe:
        return HttpProbe(url, netns=self.layout.netns)

    def _etcd(self) -> Part:
        argv = etcd_argv(self.binaries["etcd"], control_plane_settings(self.layout))
        return Part(self._spec("etcd", argv), self._http("http://127.0.0.1:2379/health").holds)

    def _apiserver(self) -> Part:
        argv = apiserver_argv(self.binaries["kube-apiserver"], control_plane_settings(self.layout))
        probe = HttpProbe(f"{INNER_URL}/readyz", self.pki.token(ADMIN.name), self.layout.netns)
        return Part(self._spec("kube-apiserver", argv), probe.holds)

    def _controllers(self) -> Part:
        name = "kube-controller-manager"
        argv = controllers_argv(self.binaries[name], control_plane_settings(self.layout))
        return Part(self._spec(name, argv), self._http("https://127.0.0.1:10257/healthz").holds)

    def _scheduler(self) -> Part:
        argv = scheduler_argv(self.binaries["kube-scheduler"], control_plane_settings(self.layout))
        return Part(self._spec("kube-scheduler", argv), self._http("https://127.0.0.1:10259/healthz").holds)

    def _containerd(self) -> Part:
        argv = (str(self.binaries["containerd"]), f"--config={self.layout.state}/containerd.toml")
        return Part(self._spec("containerd", argv, render_containerd(self.node)), self._containerd_answers)

    def _containerd_answers(self) -> bool:
        ask = [str(self.binaries["ctr"]), f"--address={self.node.containerd_socket}", "version"]
        try:
            done = subprocess.run(ask, capture_output=True, timeout=CTR_SECONDS, check=False)
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _kubelet(self) -> Part:
        argv = kubelet_argv(self.binaries["kubelet"], self.node, self.layout.kubelet_kubeconfig)
        spec = self._spec("kubelet", argv, render_kubelet(self.node), render_cni(self.node))
        return Part(spec, self._http("http://127.0.0.1:10248/healthz").holds)

    def _kube_proxy(self) -> Part:
        argv = kube_proxy_argv(self.binaries["kube-proxy"], self.layout.inner_kubeconfig)
        return Part(self._spec("kube-proxy", argv), self._http("http://127.0.0.1:10256/healthz").holds)

    def _coredns(self) -> Part:
        argv = (str(self.binaries["coredns"]), f"-conf={self.layout.state}/Corefile")
        spec = self._spec("coredns", argv, render_corefile(self.layout.inner_kubeconfig))
        return Part(spec, self._http("http://127.0.0.1:8181/ready").holds)
