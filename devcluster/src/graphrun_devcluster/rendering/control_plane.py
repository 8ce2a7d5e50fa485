"""Command lines of etcd, API server, controller manager and scheduler."""

from dataclasses import dataclass
from pathlib import Path

import yaml

SERVICE_RANGE = "10.96.0.0/16"
"""Cluster IPs of Services."""

KUBERNETES_SERVICE_IP = "10.96.0.1"
"""The first of them, by which pods reach the API server."""

ISSUER = "https://kubernetes.default.svc"
"""Issuer of service account tokens, and the audience of those made for the API server."""

UNWATCHED_NODES = (
    "node-lifecycle-controller",
    "taint-eviction-controller",
    "pod-garbage-collector-controller",
)
"""Controllers that undo what tests make by hand: nodes without a kubelet and pods bound to them."""

NO_LEADER_ELECTION = "--leader-elect=false"


@dataclass(frozen=True)
class Ports:
    """TCP ports of the control plane."""

    etcd: int = 2379
    etcd_peer: int = 2380
    apiserver: int = 6443
    controllers: int = 10257
    scheduler: int = 10259


@dataclass(frozen=True)
class ControlPlaneSettings:
    """What the command lines depend on.

    Attributes:
        address: the IP address that the API server listens on and announces.
        ports: see `Ports`.
        data: folder of etcd.
        pki: folder with keys and certificates.
        kubeconfig: of the controller manager and the scheduler.
        audit: folder with ``policy.yaml``, where ``audit.log`` is written; None for no audit.
        has_nodes: whether kubelets run; without them, controllers that miss them are left out.
    """

    address: str
    ports: Ports
    data: Path
    pki: Path
    kubeconfig: Path
    audit: Path | None = None
    has_nodes: bool = True


def etcd_argv(binary: Path, settings: ControlPlaneSettings) -> tuple[str, ...]:
    """Return etcd's command line. Nothing is flushed to disk: speed over a crash of the machine."""
    clients = f"http://127.0.0.1:{settings.ports.etcd}"
    return (
        str(binary),
        f"--data-dir={settings.data}",
        f"--listen-client-urls={clients}",
        f"--advertise-client-urls={clients}",
        f"--listen-peer-urls=http://127.0.0.1:{settings.ports.etcd_peer}",
        f"--initial-advertise-peer-urls=http://127.0.0.1:{settings.ports.etcd_peer}",
        f"--initial-cluster=default=http://127.0.0.1:{settings.ports.etcd_peer}",
        "--unsafe-no-fsync",
        "--log-level=warn",
    )


def apiserver_argv(binary: Path, settings: ControlPlaneSettings) -> tuple[str, ...]:
    """Return the API server's command line.

    Tokens for other audiences are made and reviewed all the same: ``--api-audiences`` (the issuer,
    when left out) only says which tokens the API server takes for itself.
    """
    pki = settings.pki
    return (
        str(binary),
        f"--etcd-servers=http://127.0.0.1:{settings.ports.etcd}",
        f"--bind-address={settings.address}",
        f"--advertise-address={settings.address}",
        f"--secure-port={settings.ports.apiserver}",
        f"--tls-cert-file={pki / 'apiserver.crt'}",
        f"--tls-private-key-file={pki / 'apiserver.key'}",
        f"--client-ca-file={pki / 'ca.crt'}",
        f"--token-auth-file={pki / 'tokens.csv'}",
        f"--service-account-key-file={pki / 'sa.pub'}",
        f"--service-account-signing-key-file={pki / 'sa.key'}",
        f"--service-account-issuer={ISSUER}",
        f"--api-audiences={ISSUER}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        "--allow-privileged",
        # Without a client certificate, logs and exec answer Unauthorized.
        f"--kubelet-client-certificate={pki / 'kubelet-client.crt'}",
        f"--kubelet-client-key={pki / 'kubelet-client.key'}",
        "--kubelet-preferred-address-types=InternalIP",
        "--profiling=false",
        *_audit_flags(settings.audit),
    )


def _audit_flags(audit: Path | None) -> tuple[str, ...]:
    if audit is None:
        return ()
    return (
        f"--audit-policy-file={audit / 'policy.yaml'}",
        f"--audit-log-path={audit / 'audit.log'}",
        "--audit-log-maxsize=100",  # megabytes; then a new file is begun, and one old one kept
        "--audit-log-maxbackup=1",
    )


def controllers_argv(binary: Path, settings: ControlPlaneSettings) -> tuple[str, ...]:
    """Return the controller manager's command line."""
    left_out = () if settings.has_nodes else UNWATCHED_NODES
    return (
        str(binary),
        f"--kubeconfig={settings.kubeconfig}",
        f"--secure-port={settings.ports.controllers}",
        "--bind-address=127.0.0.1",
        f"--controllers={','.join(['*', *(f'-{name}' for name in left_out)])}",
        f"--service-account-private-key-file={settings.pki / 'sa.key'}",
        f"--root-ca-file={settings.pki / 'ca.crt'}",
        f"--cluster-signing-cert-file={settings.pki / 'ca.crt'}",
        f"--cluster-signing-key-file={settings.pki / 'ca.key'}",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
        NO_LEADER_ELECTION,
    )


def scheduler_argv(binary: Path, settings: ControlPlaneSettings) -> tuple[str, ...]:
    """Return the scheduler's command line."""
    return (
        str(binary),
        f"--kubeconfig={settings.kubeconfig}",
        f"--secure-port={settings.ports.scheduler}",
        "--bind-address=127.0.0.1",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--profiling=false",
        NO_LEADER_ELECTION,
    )


def render_audit_policy() -> str:
    """Return an audit policy that writes one line for each request when it is answered: who, what, when.

    Reads are left out: the log is for counting writes.
    """
    policy = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived", "ResponseStarted"],
        "rules": [
            {"level": "None", "verbs": ["get", "list", "watch"]},
            {"level": "None", "resources": [{"group": "coordination.k8s.io", "resources": ["leases"]}]},
            {"level": "Metadata"},
        ],
    }
    return yaml.safe_dump(policy, sort_keys=False)
