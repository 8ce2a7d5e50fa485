"""Writes the cluster's configuration files. Each appears whole, so a killed `up` leaves none cut off."""

from graphrun_devcluster.needs import lacks_sys_resource, require_cni_folder, require_command
from graphrun_devcluster.pki import ADMIN, Pki, StaticUser, ensure_client_certificate, ensure_pki
from graphrun_devcluster.providers.local.layout import Layout, NodeLayout
from graphrun_devcluster.rendering.control_plane import (
    KUBERNETES_SERVICE_IP,
    ControlPlaneSettings,
    Ports,
    render_audit_policy,
)
from graphrun_devcluster.rendering.kubeconfig import render_certificate_kubeconfig, render_kubeconfig
from graphrun_devcluster.rendering.node import (
    NODE_IP,
    NodeSettings,
    render_cni,
    render_containerd,
    render_corefile,
    render_kubelet,
)
from graphrun_devcluster.whole_files import write_whole

SERVER_NAMES = (
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    "DNS:localhost",
    f"IP:{NODE_IP}",
    f"IP:{KUBERNETES_SERVICE_IP}",
    "IP:127.0.0.1",
)
INNER_URL = f"https://{NODE_IP}:6443"


def node_settings(node: NodeLayout) -> NodeSettings:
    """Return a node's settings on this machine.

    Raises:
        MissingNeedError: runc or the CNI plugins are missing.
    """
    return NodeSettings(
        name=node.name,
        address=node.address,
        pod_range=node.pod_range,
        state=node.state,
        data=node.data,
        pki=node.cluster.pki,
        cni_plugins=require_cni_folder(),
        runc=require_command("runc"),
        cgroup=node.cgroup,
        network=node.netns_name,
        restrict_oom_score=lacks_sys_resource(),
    )


def control_plane_settings(layout: Layout) -> ControlPlaneSettings:
    """Return the control plane's settings; its ports are fixed, for the namespace is its own."""
    return ControlPlaneSettings(
        address=NODE_IP,
        ports=Ports(),
        data=layout.data / "etcd",
        pki=layout.pki,
        kubeconfig=layout.inner_kubeconfig,
        audit=layout.audit,
    )


def write_files(layout: Layout) -> Pki:
    """Write the configuration of the control plane and of DNS, keys included, and return the keys."""
    for folder in (layout.state, layout.data, layout.audit):
        folder.mkdir(parents=True, exist_ok=True)
    layout.state.chmod(0o700)
    layout.data.chmod(0o711)
    pki = ensure_pki(layout.pki, SERVER_NAMES, (ADMIN,))
    admin = render_kubeconfig(INNER_URL, pki.ca.read_text(), pki.token(ADMIN.name))
    write_whole(layout.inner_kubeconfig, admin)
    write_whole(layout.audit / "policy.yaml", render_audit_policy())
    write_whole(layout.state / "Corefile", render_corefile(layout.inner_kubeconfig))
    return pki


def write_node_files(layout: NodeLayout, pki: Pki) -> None:
    """Write the configuration of one node."""
    node = node_settings(layout)
    for folder in (node.state, node.data, node.state / "cni", node.pod_logs):
        folder.mkdir(parents=True, exist_ok=True)
    layout.data.chmod(0o711)
    made = ensure_client_certificate(pki, StaticUser(f"system:node:{layout.name}", ("system:nodes",)))
    kubelet = render_certificate_kubeconfig(INNER_URL, pki.ca.read_text(), made.certificate, made.key)
    write_whole(layout.kubeconfig, kubelet)
    write_whole(node.state / "containerd.toml", render_containerd(node))
    write_whole(node.state / "cni" / "10-graphrun.conflist", render_cni(node))
    write_whole(node.state / "kubelet.yaml", render_kubelet(node))
