"""Writes the cluster's configuration files. Each appears whole, so a killed `up` leaves none cut off."""

from graphrun_devcluster.needs import lacks_sys_resource, require_cni_folder, require_command
from graphrun_devcluster.pki import ADMIN, Pki, StaticUser, ensure_pki
from graphrun_devcluster.providers.local.layout import Layout
from graphrun_devcluster.rendering.control_plane import (
    KUBERNETES_SERVICE_IP,
    ControlPlaneSettings,
    Ports,
    render_audit_policy,
)
from graphrun_devcluster.rendering.kubeconfig import render_kubeconfig
from graphrun_devcluster.rendering.node import (
    NODE_IP,
    NODE_NAME,
    NodeSettings,
    render_cni,
    render_containerd,
    render_corefile,
    render_kubelet,
)
from graphrun_devcluster.whole_files import write_whole

KUBELET = StaticUser(f"system:node:{NODE_NAME}", ("system:nodes",))
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


def node_settings(layout: Layout) -> NodeSettings:
    """Return the node's settings on this machine.

    Raises:
        MissingNeedError: runc or the CNI plugins are missing.
    """
    return NodeSettings(
        state=layout.state,
        data=layout.data,
        pki=layout.pki,
        cni_plugins=require_cni_folder(),
        runc=require_command("runc"),
        cgroup=layout.cgroup,
        network=layout.netns_name,
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


def write_files(layout: Layout, node: NodeSettings) -> Pki:
    """Write all configuration, keys included, and return the keys."""
    for folder in (layout.state, layout.data, layout.audit, layout.state / "cni", node.pod_logs):
        folder.mkdir(parents=True, exist_ok=True)
    layout.state.chmod(0o700)
    layout.data.chmod(0o711)
    pki = ensure_pki(layout.pki, SERVER_NAMES, (ADMIN, KUBELET))
    ca = pki.ca.read_text()
    admin = render_kubeconfig(INNER_URL, ca, pki.token(ADMIN.name))
    kubelet = render_kubeconfig(INNER_URL, ca, pki.token(KUBELET.name))
    write_whole(layout.inner_kubeconfig, admin)
    write_whole(layout.kubelet_kubeconfig, kubelet)
    write_whole(layout.audit / "policy.yaml", render_audit_policy())
    write_whole(layout.state / "containerd.toml", render_containerd(node))
    write_whole(layout.state / "cni" / "10-graphrun.conflist", render_cni(node))
    write_whole(layout.state / "kubelet.yaml", render_kubelet(node))
    write_whole(layout.state / "Corefile", render_corefile(layout.inner_kubeconfig))
    return pki
