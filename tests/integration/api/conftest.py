"""The API on a real API server, Postgres and S3 server. There is no operator: tests write what it would."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from graphrun_checkpoints import StorageConfig
from graphrun_core import names
from graphrun_devcluster.controlplane import ControlPlane
from support.api_world import (
    Api,
    Kube,
    Project,
    Rest,
    Runner,
    kube_of,
    rest_of,
    runner_of,
    running_api,
    settings_for,
)
from support.controlplane import control_plane
from support.history_world import world
from support.postgres import _migrated, database, empty_database, postgres
from support.s3server import s3_server, storage
from support.streams import custom

__all__ = ["_migrated", "database", "empty_database", "postgres", "s3_server", "storage", "world"]


@pytest.fixture(scope="session")
def plane() -> ControlPlane:
    return control_plane()


@pytest.fixture
async def kube(plane: ControlPlane) -> AsyncIterator[Kube]:
    async with kube_of(plane) as kube:
        yield kube


@pytest.fixture
async def project(kube: Kube) -> Project:
    return await Project.make(kube)


@pytest.fixture
async def api(plane: ControlPlane, database: str, storage: StorageConfig) -> AsyncIterator[Api]:
    async with running_api(plane, settings_for(database, storage)) as api:
        yield api


@pytest.fixture
async def rest(api: Api, project: Project) -> AsyncIterator[Rest]:
    async with rest_of(api, project) as rest:
        yield rest


@pytest.fixture
async def other(plane: ControlPlane, database: str, storage: StorageConfig) -> AsyncIterator[Api]:
    """A second replica."""
    async with running_api(plane, settings_for(database, storage)) as other:
        yield other


@pytest.fixture
async def runners(api: Api, rest: Rest, project: Project) -> AsyncIterator[list[Runner]]:
    """Of two runs that have two events each."""
    async with AsyncExitStack() as stack:
        found = []
        for _ in range(2):
            pod = await project.pod_for(await rest.create(params={"execute": "true"}))
            runner = await stack.enter_async_context(runner_of(api, project, pod))
            await runner.claimed()
            await runner.sent(custom(runner, 0))
            found.append(runner)
        yield found


@pytest.fixture
def runs(runners: list[Runner]) -> list[str]:
    return [runner.pod["metadata"]["labels"][names.LABEL_RUN] for runner in runners]
