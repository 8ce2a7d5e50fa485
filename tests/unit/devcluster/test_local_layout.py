"""Names, places and ports: what keeps two clusters apart, and what finds a cluster's leftovers."""

import socket
from ipaddress import IPv4Network
from pathlib import Path

import pytest

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.needs import lacks_sys_resource
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.choice import Provider, choose_cluster, choose_provider, wanted_nodes
from graphrun_devcluster.providers.forwards import FIRST_PORT, PORT_COUNT, Forwards, port_candidates
from graphrun_devcluster.providers.local.layout import MAX_NODES, Layout
from graphrun_devcluster.providers.local.leftovers import mounts_below
from graphrun_devcluster.rendering.node import CLUSTER_RANGE


def test_two_clusters_share_no_place_but_the_parents() -> None:
    one, two = Layout("one"), Layout("two")
    places = ("state", "data", "lock", "netns", "netns_name", "processes", "pki", "host_kubeconfig")

    assert all(getattr(one, place) != getattr(two, place) for place in places)


def test_no_two_nodes_share_a_place_an_address_or_a_process_name() -> None:
    nodes = Layout("one").nodes()
    places = (
        "state",
        "data",
        "netns",
        "netns_name",
        "cgroup",
        "address",
        "gateway",
        "pod_range",
        "kubeconfig",
    )

    for place in places:
        assert len({getattr(node, place) for node in nodes}) == len(nodes), place
    assert len({node.process("kubelet") for node in nodes}) == len(nodes)


@pytest.mark.parametrize("other", ["one-1", "one1", "one-node1"])
def test_a_node_never_meets_a_cluster_of_a_like_name(other: str) -> None:
    node, first = Layout("one").node(1), Layout(other).node(0)

    for place in ("state", "data", "netns", "cgroup"):
        assert getattr(node, place) != getattr(first, place), place


def test_the_pods_of_all_nodes_are_within_the_clusters_range() -> None:
    whole = IPv4Network(CLUSTER_RANGE)

    assert all(IPv4Network(node.pod_range).subnet_of(whole) for node in Layout("one").nodes())
    assert not IPv4Network(Layout("one").node(MAX_NODES).pod_range).subnet_of(whole)


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a" * 25, "-a", "a-", "a b", "a/b"])
def test_names_that_are_no_good_in_paths_are_refused(name: str) -> None:
    with pytest.raises(DevClusterError, match="cluster name"):
        Layout(name)


def test_sockets_fit_into_the_kernels_limit_for_the_longest_name() -> None:
    assert len(str(Layout("a" * 24).node(1).state / "containerd.sock.ttrpc")) < 108


def test_port_candidates_are_stable_distinct_and_below_the_ephemeral_ones() -> None:
    first = port_candidates("one", "apiserver")

    assert first == port_candidates("one", "apiserver")
    assert first[0] != port_candidates("two", "apiserver")[0]
    assert len(set(first)) == 100
    assert all(FIRST_PORT <= port < FIRST_PORT + PORT_COUNT <= 32768 for port in first)


def test_a_taken_port_is_passed_over_and_the_found_one_is_kept(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "processes", tmp_path / "log")
    forwards = Forwards("unit", tmp_path / "forwards", ledger)
    listen = "import socket,sys; s=socket.create_server(('127.0.0.1',int(sys.argv[1])))\nwhile 1: s.accept()"
    candidates = port_candidates("unit", "label")
    with socket.create_server(("127.0.0.1", candidates[0])):
        try:
            port = forwards.ensure("label", lambda port: ("python3", "-c", listen, str(port)))
            again = forwards.ensure("label", lambda port: ("python3", "-c", listen, str(port)))
        finally:
            ledger.stop(["forward-label"], grace=0)

    assert port == candidates[1]
    assert again == port


def test_mounts_are_found_below_a_folder_but_not_beside_it() -> None:
    info = (
        "1 0 0:1 / /run/x rw - tmpfs t rw\n"
        "2 1 0:2 / /run/x/a\\040b rw - tmpfs t rw\n"
        "3 1 0:3 / /run/xy rw - tmpfs t rw\n"
    )

    assert mounts_below([Path("/run/x")], info) == [Path("/run/x/a b"), Path("/run/x")]


@pytest.mark.parametrize(("mask", "lacks"), [("000001fffeffffff", True), ("000001ffffffffff", False)])
def test_a_missing_capability_is_seen(mask: str, lacks: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    assert lacks_sys_resource(f"Name:\tx\nCapEff:\t{mask}\n") is lacks


def test_the_named_provider_is_taken_and_an_unknown_one_refused() -> None:
    assert choose_provider("local") is Provider.LOCAL
    with pytest.raises(DevClusterError, match="current, kind, local"):
        choose_provider("minikube")


def test_the_number_of_nodes_comes_from_the_environment_and_must_be_one() -> None:
    assert wanted_nodes({}) is None
    assert wanted_nodes({"GRAPHRUN_NODES": "2"}) == 2
    with pytest.raises(DevClusterError, match="give a number"):
        wanted_nodes({"GRAPHRUN_NODES": "two"})


@pytest.mark.parametrize("named", [{}, {"GRAPHRUN_KUBECONFIG": "/nowhere"}])
def test_a_cluster_of_others_must_be_named_by_an_existing_kubeconfig(named: dict[str, str]) -> None:
    ambient = {"KUBECONFIG": "/etc/passwd", "GRAPHRUN_CLUSTER": "current"}

    with pytest.raises(DevClusterError, match="GRAPHRUN_KUBECONFIG"):
        choose_cluster("x", Progress(), ambient | named)
