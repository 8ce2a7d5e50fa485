"""A control plane of its own, since the operator serves all of it, with every write audited."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from support.controlplane import apply_crds, fresh_namespace
from support.nodeless import Nodeless, nodeless
from support.operator_process import OperatorProcess, operator_process


@pytest.fixture(scope="session")
def plane() -> Iterator[ControlPlane]:
    """The API server and the controller manager."""
    with ControlPlane(audit=True) as plane:
        apply_crds(plane)
        yield plane


@pytest.fixture(scope="module")
def alone() -> Iterator[ControlPlane]:
    """A control plane whose only operators are those of the module that asks for it."""
    with ControlPlane(audit=True) as plane:
        apply_crds(plane)
        yield plane


@pytest.fixture(scope="session")
def operator(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """One operator for all tests that do not end it."""
    log: Path = tmp_path_factory.mktemp("operator") / "log"
    with operator_process(plane, log) as process:
        yield process


@pytest.fixture
async def cluster(plane: ControlPlane) -> AsyncIterator[Nodeless]:
    """A fresh namespace that holds its pods to the restricted Pod Security Standard."""
    labels = {
        "pod-security.kubernetes.io/enforce": "restricted",
        "pod-security.kubernetes.io/enforce-version": "latest",
    }
    async with nodeless(plane, fresh_namespace(plane, labels)) as cluster:
        yield cluster
