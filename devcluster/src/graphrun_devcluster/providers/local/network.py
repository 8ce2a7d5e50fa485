"""The cluster's network namespace: loopback, one address for the node, forwarding on, no way out.

               host                │   namespace graphrun-NAME
                                   │
127.0.0.1:PORT ── forwarder ───────┼──▶ 10.77.0.1   node (API server, kubelet, CoreDNS)
                                   │    10.96.0.0/16 Services (kube-proxy)
                                   │    10.244.0.0/16 pods, a link each
"""

import subprocess
from pathlib import Path

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.netns import call_in_netns
from graphrun_devcluster.providers.local.layout import Layout
from graphrun_devcluster.rendering.node import NODE_IP

GATEWAY = "10.77.0.254"
"""The default route's next hop. Nobody has this address: it only gives the node's own packets a source."""


def network_stands(layout: Layout) -> bool:
    """Tell whether the namespace is there and was set up to its end."""
    try:
        return _mark(layout).read_text() == _identity(layout)
    except OSError:
        return False


def make_network(layout: Layout) -> None:
    """Make the namespace anew; one that is there but not whole goes first. No process may be in it.

    Raises:
        DevClusterError: the kernel refuses.
    """
    remove_network(layout)
    _run("ip", "netns", "add", layout.netns_name)
    inside = ("ip", "-n", layout.netns_name)
    _run(*inside, "link", "set", "lo", "up")
    # Both ends stay inside: the pair only carries the address (there may be no `dummy` device type).
    _run(*inside, "link", "add", "node0", "type", "veth", "peer", "name", "node0-peer")
    _run(*inside, "link", "set", "node0-peer", "up")
    _run(*inside, "addr", "add", f"{NODE_IP}/24", "dev", "node0")
    _run(*inside, "link", "set", "node0", "up")
    _run(*inside, "route", "add", "default", "via", GATEWAY)
    call_in_netns(layout.netns, lambda: Path("/proc/sys/net/ipv4/ip_forward").write_text("1"))
    _mark(layout).write_text(_identity(layout))


def remove_network(layout: Layout) -> None:
    """Remove the namespace and with it every link in it; nothing happens when there is none."""
    _mark(layout).unlink(missing_ok=True)
    if not layout.netns.exists():
        return
    subprocess.run(["ip", "netns", "del", layout.netns_name], capture_output=True, check=False)
    # What a boot or a crash left is a plain file, which `ip netns` does not remove.
    layout.netns.unlink(missing_ok=True)


def _mark(layout: Layout) -> Path:
    return layout.state / "network"


def _identity(layout: Layout) -> str:
    # A plain file that a boot left has another device number than a mounted namespace.
    stat = layout.netns.stat()
    return f"{stat.st_dev}:{stat.st_ino}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise DevClusterError(f"{' '.join(command)}: {done.stderr.strip()}")
