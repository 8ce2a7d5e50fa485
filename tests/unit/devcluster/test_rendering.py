"""Command lines and configuration files."""

import base64
import json
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from graphrun_devcluster.providers.kind import render_kind
from graphrun_devcluster.rendering.control_plane import (
    ControlPlaneSettings,
    Ports,
    apiserver_argv,
    controllers_argv,
    etcd_argv,
    render_audit_policy,
)
from graphrun_devcluster.rendering.kubeconfig import render_certificate_kubeconfig, render_kubeconfig
from graphrun_devcluster.rendering.node import (
    NodeSettings,
    dns_manifests,
    kube_proxy_argv,
    kubelet_argv,
    render_cni,
    render_containerd,
    render_corefile,
    render_kubelet,
)

PLANE = ControlPlaneSettings("127.0.0.1", Ports(apiserver=4443), Path("/d"), Path("/pki"), Path("/kc"))
NODE = NodeSettings(
    name="node1",
    address="10.77.1.2",
    pod_range="10.245.0.0/16",
    state=Path("/run/x"),
    data=Path("/var/x"),
    pki=Path("/pki"),
    cni_plugins=Path("/cni"),
    runc=Path("/usr/sbin/runc"),
    cgroup="/graphrun-x",
    network="graphrun-x",
    restrict_oom_score=True,
)


def test_the_api_server_takes_audit_flags_only_when_asked() -> None:
    plain = apiserver_argv(Path("/b"), PLANE)
    audited = apiserver_argv(Path("/b"), replace(PLANE, audit=Path("/a")))

    assert "--secure-port=4443" in plain
    assert set(audited) - set(plain) >= {
        "--audit-policy-file=/a/policy.yaml",
        "--audit-log-path=/a/audit.log",
    }
    assert not any(flag.startswith("--audit") for flag in plain)


def test_without_nodes_the_controllers_that_undo_hand_made_pods_are_left_out() -> None:
    lone = controllers_argv(Path("/b"), replace(PLANE, has_nodes=False))
    whole = controllers_argv(Path("/b"), PLANE)

    assert "--controllers=*" in whole
    assert any("-pod-garbage-collector-controller" in flag for flag in lone)


def test_etcd_listens_on_loopback_only() -> None:
    urls = [flag for flag in etcd_argv(Path("/b"), PLANE) if "://" in flag]

    assert urls
    assert all("http://127.0.0.1:" in url for url in urls)


def test_the_audit_policy_logs_writes_and_no_reads_or_leases() -> None:
    first, second, last = yaml.safe_load(render_audit_policy())["rules"]

    assert first == {"level": "None", "verbs": ["get", "list", "watch"]}
    assert second["resources"][0]["resources"] == ["leases"]
    assert last == {"level": "Metadata"}


def test_a_kubeconfig_needs_no_other_file() -> None:
    config = yaml.safe_load(render_kubeconfig("https://h:1", "PEM", "token"))

    assert base64.b64decode(config["clusters"][0]["cluster"]["certificate-authority-data"]) == b"PEM"
    assert config["users"][0]["user"] == {"token": "token"}
    assert config["current-context"] == config["contexts"][0]["name"]


def test_a_kubeconfig_of_a_client_certificate_holds_certificate_and_key() -> None:
    config = yaml.safe_load(render_certificate_kubeconfig("https://h:1", "PEM", "CERT", "KEY"))
    user = config["users"][0]["user"]

    assert base64.b64decode(user["client-certificate-data"]) == b"CERT"
    assert base64.b64decode(user["client-key-data"]) == b"KEY"
    assert "token" not in user


def test_the_nodes_programs_are_told_its_name_and_address() -> None:
    kubelet = kubelet_argv(Path("/b"), NODE, Path("/kc"))
    proxy = kube_proxy_argv(Path("/b"), NODE, Path("/kc"))

    assert {"--hostname-override=node1", "--node-ip=10.77.1.2"} <= set(kubelet)
    assert {"--hostname-override=node1", "--cluster-cidr=10.244.0.0/14"} <= set(proxy)
    assert json.loads(render_cni(NODE))["plugins"][0]["ipam"]["ranges"] == [[{"subnet": "10.245.0.0/16"}]]


def test_a_kind_cluster_of_more_nodes_runs_pods_on_all_of_them() -> None:
    config = yaml.safe_load(render_kind(3))

    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert yaml.safe_load(config["kubeadmConfigPatches"][0])["nodeRegistration"] == {"taints": []}


@pytest.mark.parametrize("restricted", [True, False])
def test_containerd_keeps_everything_in_the_clusters_own_folders(restricted: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    config = tomllib.loads(render_containerd(replace(NODE, restrict_oom_score=restricted)))
    runtime = config["plugins"]["io.containerd.cri.v1.runtime"]

    assert config["version"] == 3
    assert config["root"].startswith("/var/x/")
    assert config["state"].startswith("/run/x/")
    assert runtime["restrict_oom_score_adj"] is restricted
    assert runtime["netns_mounts_under_state_dir"] is True
    assert runtime["containerd"]["runtimes"]["runc"]["options"]["Root"].startswith("/run/x/")
    assert config["plugins"]["io.containerd.nri.v1.nri"]["disable"] is True


def test_the_kubelet_runs_pods_below_the_clusters_own_cgroup() -> None:
    config = yaml.safe_load(render_kubelet(NODE))

    assert config["cgroupRoot"] == "/graphrun-x"
    assert config["podLogsDir"].startswith("/var/x/")
    assert config["failCgroupV1"] is False


def test_pod_addresses_are_kept_apart_by_cluster() -> None:
    config = json.loads(render_cni(NODE))

    assert config["name"] == "graphrun-x"
    assert config["plugins"][0]["ipam"]["dataDir"].startswith("/run/x/")


def test_dns_leads_from_the_service_address_to_the_node() -> None:
    service, slice_ = dns_manifests()

    assert service["spec"]["clusterIP"] == "10.96.0.10"
    assert slice_["endpoints"][0]["addresses"][0] in render_corefile(Path("/kc"))
    assert slice_["metadata"]["labels"]["kubernetes.io/service-name"] == service["metadata"]["name"]
