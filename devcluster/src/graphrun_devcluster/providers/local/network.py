"""The cluster's network: a namespace for each node, no way out.

               host                │   namespace graphrun-NAME          │  namespace graphrun-NAME.1
                                   │                                    │
127.0.0.1:PORT ── forwarder ───────┼─▶ 10.77.0.1  node0 (API server,    │
                                   │              kubelet, CoreDNS)     │
                                   │   10.77.1.1 ─────── veth pair ─────┼─ 10.77.1.2  node1 (kubelet)
                                   │   10.244.0.0/16 pods, a link each  │  10.245.0.0/16 pods, a link each
                                   │   10.96.0.0/16  Services: kube-proxy's rules, in each namespace

Node 0 stands in the middle: what goes from one other node to another is routed by it.
"""

import subprocess
from pathlib import Path

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.netns import call_in_netns
from graphrun_devcluster.providers.local.layout import NodeLayout


def network_stands(node: NodeLayout) -> bool:
    """Tell whether the node's namespace is there, was set up to its end, and is joined with node 0's."""
    try:
        return _mark(node).read_text() == _identity(node)
    except OSError:
        return False


def make_network(node: NodeLayout) -> None:
    """Make the node's namespace anew; one that is there but not whole goes first. No process may be in it.

    Raises:
        DevClusterError: the kernel refuses.
    """
    remove_network(node)
    _run("ip", "netns", "add", node.netns_name)
    inside = ("ip", "-n", node.netns_name)
    _run(*inside, "link", "set", "lo", "up")
    if node.is_first:
        _stand_alone(node)
    else:
        _join(node)
    _run(*inside, "route", "add", "default", "via", node.gateway)
    call_in_netns(node.netns, lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1"))
    node.state.mkdir(parents=True, exist_ok=True)
    _mark(node).write_text(_identity(node))


def _stand_alone(node: NodeLayout) -> None:
    """Give the first node its address."""
    inside = ("ip", "-n", node.netns_name)
    # Both ends stay inside: the pair only carries the address (there may be no `dummy` device type).
    _run(*inside, "link", "add", node.name, "type", "veth", "peer", "name", f"{node.name}-peer")
    _run(*inside, "link", "set", f"{node.name}-peer", "up")
    _run(*inside, "addr", "add", f"{node.address}/24", "dev", node.name)
    _run(*inside, "link", "set", node.name, "up")


def _join(node: NodeLayout) -> None:
    """Give another node its address, on a link to the first one."""
    first = node.cluster.netns_name
    pair = ("type", "veth", "peer", "name", "uplink", "netns", node.netns_name)
    _run("ip", "-n", first, "link", "add", node.name, *pair)
    for netns, link, address in (
        (first, node.name, node.gateway),
        (node.netns_name, "uplink", node.address),
    ):
        _run("ip", "-n", netns, "addr", "add", f"{address}/24", "dev", link)
        _run("ip", "-n", netns, "link", "set", link, "up")
    _run("ip", "-n", first, "route", "add", node.pod_range, "via", node.address)


def remove_network(node: NodeLayout) -> None:
    """Remove the node's namespace and with it every link in it; nothing happens when there is none."""
    _mark(node).unlink(missing_ok=True)
    if not node.is_first and node.cluster.netns.exists():
        # The kernel takes its time to clear a namespace away: a new link of the same name must not wait for it.
        subprocess.run(
            ["ip", "-n", node.cluster.netns_name, "link", "del", node.name], capture_output=True, check=False
        )
    if not node.netns.exists():
        return
    subprocess.run(["ip", "netns", "del", node.netns_name], capture_output=True, check=False)
    # What a boot or a crash left is a plain file, which `ip netns` does not remove.
    node.netns.unlink(missing_ok=True)


def _mark(node: NodeLayout) -> Path:
    return node.state / "network"


def _identity(node: NodeLayout) -> str:
    # A plain file that a boot left has another device number than a mounted namespace. A node's link
    # goes with the first node's namespace, so that one is part of who it is.
    paths = [node.netns] if node.is_first else [node.cluster.netns, node.netns]
    stats = [path.stat() for path in paths]
    return " ".join(f"{stat.st_dev}:{stat.st_ino}" for stat in stats)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevClusterError(f"{' '.join(command)}: {done.stderr.strip()}")
