"""Names, places and ports: what keeps two clusters apart, and what finds a cluster's leftovers."""

import socket
from pathlib import Path

import pytest

from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.needs import lacks_sys_resource
from graphrun_devcluster.processes.ledger import Ledger
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.providers.choice import Provider, choose_cluster, choose_provider
from graphrun_devcluster.providers.forwards import FIRST_PORT, PORT_COUNT, Forwards, port_candidates
from graphrun_devcluster.providers.local.layout import Layout
from graphrun_devcluster.providers.local.leftovers import mounts_below


def test_two_clusters_share_no_place_but_the_parents() -> None:
    one, two = Layout("one"), Layout("two")
    places = ("state", "data", "lock", "netns", "netns_name", "cgroup", "processes", "pki", "host_kubeconfig")

    assert all(getattr(one, place) != getattr(two, place) for place in places)


@pytest.mark.parametrize("name", ["", "Upper", "../up", "a" * 25, "-a", "a-", "a b", "a/b"])
def test_names_that_are_no_good_in_paths_are_refused(name: str) -> None:
    with pytest.raises(DevClusterError, match="cluster name"):
        Layout(name)


def test_sockets_fit_into_the_kernels_limit_for_the_longest_name() -> None:
    assert len(str(Layout("a" * 24).state / "containerd.sock.ttrpc")) < 108


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


@pytest.mark.parametrize("named", [{}, {"GRAPHRUN_KUBECONFIG": "/nowhere"}])
def test_a_cluster_of_others_must_be_named_by_an_existing_kubeconfig(named: dict[str, str]) -> None:
    ambient = {"KUBECONFIG": "/etc/passwd", "GRAPHRUN_CLUSTER": "current"}

    with pytest.raises(DevClusterError, match="GRAPHRUN_KUBECONFIG"):
        choose_cluster("x", Progress(), ambient | named)
