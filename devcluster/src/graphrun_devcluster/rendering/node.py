"""Configuration of a node: containerd, kubelet, pod network, kube-proxy, DNS."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

NODE_IP = "10.77.0.1"
"""Address of the first node, where the control plane and CoreDNS listen too."""

CLUSTER_RANGE = "10.244.0.0/14"
"""Addresses of all pods: each node has a /16 of it, so there can be four nodes."""

DNS_IP = "10.96.0.10"
PAUSE_IMAGE = "localhost/graphrun-pause:1"


@dataclass(frozen=True)
class NodeSettings:
    """What a node's configuration depends on.

    Attributes:
        name: the node's name.
        address: its IP address.
        pod_range: addresses of its pods.
        state: folder for sockets, containers' state and pod logs; its path must be short, for sockets.
        data: folder for images, containers' and pods' files.
        pki: folder with keys and certificates.
        cni_plugins: folder with the CNI plugins.
        runc: the runtime.
        cgroup: cgroup below which its pods run, such as ``/graphrun-x``. One for each node: a
            kubelet kills what it does not know below its root.
        network: name of the pod network: its addresses and results are kept under this name.
        restrict_oom_score: whether OOM scores cannot be lowered here (no CAP_SYS_RESOURCE).
    """

    name: str
    address: str
    pod_range: str
    state: Path
    data: Path
    pki: Path
    cni_plugins: Path
    runc: Path
    cgroup: str
    network: str
    restrict_oom_score: bool

    @property
    def containerd_socket(self) -> Path:
        """Where containerd listens."""
        return self.state / "containerd.sock"

    @property
    def pod_logs(self) -> Path:
        """Where the containers' logs lie."""
        return self.data / "pod-logs"


def render_containerd(node: NodeSettings) -> str:
    """Return containerd's configuration (TOML, version 3)."""
    return f"""\
version = 3
root = "{node.data}/containerd"
state = "{node.state}/containerd"

[grpc]
  address = "{node.containerd_socket}"

[plugins.'io.containerd.internal.v1.opt']
  path = "{node.data}/containerd-opt"

# Its socket has one place on a machine: two clusters would fight for it.
[plugins.'io.containerd.nri.v1.nri']
  disable = true

[plugins.'io.containerd.cri.v1.images']
  snapshotter = "overlayfs"
  [plugins.'io.containerd.cri.v1.images'.pinned_images]
    sandbox = "{PAUSE_IMAGE}"

[plugins.'io.containerd.cri.v1.runtime']
  # Without CAP_SYS_RESOURCE sandboxes fail with "can't get final child's PID" unless this is set.
  restrict_oom_score_adj = {str(node.restrict_oom_score).lower()}
  # Pods' network namespaces are found, and removed, by where they are mounted.
  netns_mounts_under_state_dir = true
  [plugins.'io.containerd.cri.v1.runtime'.cni]
    bin_dirs = ["{node.cni_plugins}"]
    conf_dir = "{node.state}/cni"
  [plugins.'io.containerd.cri.v1.runtime'.containerd]
    default_runtime_name = "runc"
    [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
        BinaryName = "{node.runc}"
        Root = "{node.state}/runc"
        SystemdCgroup = false
"""


def render_cni(node: NodeSettings) -> str:
    """Return the pod network: each pod on a link of its own to the node, everything routed.

    No bridge: replies between pods behind a Service would then bypass the node's address
    translation, except where the module br_netfilter is loaded.
    """
    plugins: list[dict[str, Any]] = [
        {
            "type": "ptp",
            "ipMasq": False,
            "ipam": {
                "type": "host-local",
                "dataDir": f"{node.state}/cni-addresses",
                "ranges": [[{"subnet": node.pod_range}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        },
        {"type": "portmap", "capabilities": {"portMappings": True}},
    ]
    return json.dumps({"cniVersion": "1.0.0", "name": node.network, "plugins": plugins}, indent=1)


def render_kubelet(node: NodeSettings) -> str:
    """Return the kubelet's configuration."""
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "failCgroupV1": False,
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": node.cgroup,
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(node.pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "clusterDNS": [DNS_IP],
        "clusterDomain": "cluster.local",
        "containerRuntimeEndpoint": f"unix://{node.containerd_socket}",
        "failSwapOn": False,
        "resolvConf": "/dev/null",
        "maxPods": 500,
        "evictionHard": {"memory.available": "100Mi"},
        # Images cannot be pulled again: never collect them.
        "imageGCHighThresholdPercent": 100,
        "imageGCLowThresholdPercent": 99,
        "podLogsDir": str(node.pod_logs),
        "volumePluginDir": f"{node.data}/volume-plugins",
        "registerWithTaints": [],
    }
    return yaml.safe_dump(config, sort_keys=False)


def kubelet_argv(binary: Path, node: NodeSettings, kubeconfig: Path) -> tuple[str, ...]:
    """Return the kubelet's command line."""
    return (
        str(binary),
        f"--config={node.state}/kubelet.yaml",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={node.name}",
        f"--node-ip={node.address}",
        f"--root-dir={node.data}/kubelet",
        f"--cert-dir={node.data}/kubelet-pki",
    )


def kube_proxy_argv(binary: Path, node: NodeSettings, kubeconfig: Path) -> tuple[str, ...]:
    """Return kube-proxy's command line; it leaves the conntrack sysctls alone, often not writable."""
    return (
        str(binary),
        f"--kubeconfig={kubeconfig}",
        "--proxy-mode=iptables",
        "--conntrack-max-per-core=0",
        "--conntrack-min=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        f"--cluster-cidr={CLUSTER_RANGE}",
        f"--hostname-override={node.name}",
        "--healthz-bind-address=127.0.0.1:10256",
        "--metrics-bind-address=127.0.0.1:10249",
    )


def render_corefile(kubeconfig: Path) -> str:
    """Return CoreDNS's configuration: cluster names only, for nothing leaves the cluster."""
    return f"""\
.:53 {{
  bind {NODE_IP}
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local {{
    kubeconfig {kubeconfig} graphrun
    pods insecure
  }}
  cache 5
}}
"""


def dns_manifests() -> list[dict[str, Any]]:
    """Return the Service kube-dns, and the EndpointSlice that leads it to CoreDNS on the node."""
    ports = [
        {"name": "dns", "port": 53, "protocol": "UDP"},
        {"name": "dns-tcp", "port": 53, "protocol": "TCP"},
    ]
    return [
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "kube-dns", "namespace": "kube-system"},
            "spec": {"clusterIP": DNS_IP, "ports": ports},
        },
        {
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": "kube-dns-devcluster",
                "namespace": "kube-system",
                "labels": {"kubernetes.io/service-name": "kube-dns"},
            },
            "addressType": "IPv4",
            "ports": ports,
            "endpoints": [{"addresses": [NODE_IP]}],
        },
    ]
