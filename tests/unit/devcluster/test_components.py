"""What decides a component's place in the cache, and its flags."""

import shutil
from pathlib import Path

import pytest

from graphrun_devcluster.components.catalog import (
    ALL_COMPONENTS,
    BUILT_AHEAD,
    CLUSTER_COMPONENTS,
    COREDNS,
    ETCD,
    KUBERNETES,
    MINIO,
    fingerprint,
    linker_flags,
    module_version,
    required_go,
)
from graphrun_devcluster.components.toolchain import parse_go_version
from graphrun_devcluster.errors import DevClusterError
from graphrun_devcluster.paths import component_sources


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    copy = tmp_path / "components"
    shutil.copytree(component_sources(), copy)
    return copy


def test_every_component_has_a_pinned_version_and_a_place_of_its_own() -> None:
    sources = component_sources()
    prints = {fingerprint(component, sources) for component in ALL_COMPONENTS}

    assert len(prints) == len(ALL_COMPONENTS)
    for component in ALL_COMPONENTS:
        if component.module:
            assert module_version((sources / component.folder / "go.mod").read_text(), component.module)


def test_minio_is_built_ahead_for_the_tests_but_no_cluster_waits_for_it() -> None:
    assert MINIO in BUILT_AHEAD
    assert MINIO not in CLUSTER_COMPONENTS


def test_a_new_pin_gives_a_new_place(sources: Path) -> None:
    before = fingerprint(ETCD, sources)
    (sources / "go.mod").write_text((sources / "go.mod").read_text() + "\n")

    assert fingerprint(ETCD, sources) != before


def test_a_change_of_our_own_main_touches_its_component_only(sources: Path) -> None:
    before = fingerprint(KUBERNETES, sources), fingerprint(COREDNS, sources)
    (sources / "kube" / "main.go").write_text("package main\n")

    assert fingerprint(KUBERNETES, sources) != before[0]
    assert fingerprint(COREDNS, sources) == before[1]


def test_the_kubernetes_version_is_linked_in() -> None:
    flags = linker_flags(KUBERNETES, "v1.36.3")

    assert "-X k8s.io/component-base/version.gitVersion=v1.36.3" in flags
    assert "-X k8s.io/component-base/version.gitMinor=36" in flags


def test_versions_are_read_from_either_form_of_require() -> None:
    text = "go 1.26.3\n\nrequire example.org/a v1.2.3\nrequire (\n\texample.org/b v0.1.0 // indirect\n)\n"

    assert module_version(text, "example.org/a") == "v1.2.3"
    assert module_version(text, "example.org/b") == "v0.1.0"
    assert required_go(text) == (1, 26, 3)
    with pytest.raises(DevClusterError, match=r"example\.org/c"):
        module_version(text, "example.org/c")


def test_the_sources_name_no_registry_host() -> None:
    for path in component_sources().rglob("go.*"):
        assert "://" not in path.read_text()


@pytest.mark.parametrize(
    ("text", "version"), [("go1.26.8\n", (1, 26, 8)), ("go1.27", (1, 27)), ("devel go1.28-abc", ())]
)
def test_go_versions_are_compared_as_numbers(text: str, version: tuple[int, ...]) -> None:
    assert parse_go_version(text) == version
