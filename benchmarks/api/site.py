"""One replica of the API on one core, with a real API server, Postgres and S3 server behind it."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field

import aiohttp

from benchmarks.api.process import LOAD_CORE, Server, pinned
from graphrun_api.db.migrate import migrate
from graphrun_checkpoints import Credentials
from graphrun_devcluster.controlplane import ControlPlane
from support.api_world import Kube, Project, kube_of
from support.controlplane import apply_crds
from support.ports import free_port
from support.postgres import Postgres, running_postgres
from support.s3server import running_server
from support.waiting import eventually


@dataclass
class Site:
    """What is measured, and how to reach it.

    Attributes:
        postgres: Where databases for others can be made.
        dsn: Of the replica's database, for what is made in bulk.
        headers: Of a person who may do everything in the project.
    """

    url: str
    runner_url: str
    server: Server
    postgres: Postgres
    dsn: str
    kube: Kube
    project: Project
    http: aiohttp.ClientSession
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def runs(self) -> str:
        """Where the runs of the project are."""
        return f"{self.url}/api/projects/{self.project.name}/workflows/runs"

    async def create(self, *, execute: bool = False) -> str:
        """A run of the workflow; its id."""
        body = {"workflow": "flow", "input_data": {}}
        params = {"execute": "true"} if execute else {}
        async with self.http.post(self.runs, headers=self.headers, json=body, params=params) as answer:
            answer.raise_for_status()
            run: str = (await answer.json())["run_id"]
            return run


@asynccontextmanager
async def open_site() -> AsyncIterator[Site]:
    """Bring it all up, with a project and a workflow, and end it."""
    os.sched_setaffinity(0, {LOAD_CORE})  # what is started from here on, too
    async with AsyncExitStack() as held:
        plane = held.enter_context(ControlPlane())
        apply_crds(plane)
        postgres = held.enter_context(running_postgres(durable=True))
        storage = held.enter_context(running_server("seaweedfs")).storage()
        assert isinstance(storage.credentials, Credentials)  # noqa: S101 - for the type checker: the tests' server has them
        dsn = await postgres.make_database()
        await migrate(dsn)
        ports = free_port(), free_port()
        environ = {
            "PATH": os.environ["PATH"],
            "KUBECONFIG": str(plane.kubeconfig),
            "GRAPHRUN_HOST": "127.0.0.1",
            "GRAPHRUN_PORT": str(ports[0]),
            "GRAPHRUN_RUNNER_PORT": str(ports[1]),
            "GRAPHRUN_POSTGRES_DSN": dsn,
            "GRAPHRUN_STORAGE_ENDPOINT": storage.endpoint,
            "GRAPHRUN_STORAGE_BUCKET": storage.bucket,
            "GRAPHRUN_STORAGE_PREFIX": storage.prefix,
            "GRAPHRUN_STORAGE_ACCESS_KEY": storage.credentials.access_key,
            "GRAPHRUN_STORAGE_SECRET_KEY": storage.credentials.secret_key,
        }
        replica = held.enter_context(pinned([sys.executable, "-m", "graphrun_api"], environ))
        kube = await held.enter_async_context(kube_of(plane))
        project = await Project.make(kube)
        await project.workflow()
        http = await held.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), trust_env=False)
        )
        urls = [f"http://127.0.0.1:{port}" for port in ports]
        site = Site(urls[0], urls[1], replica, postgres, dsn, kube, project, http)
        site.headers = {"Authorization": f"Bearer {await project.token('editor')}"}
        await _until_ready(site)
        yield site


async def _until_ready(site: Site) -> None:
    async def ready() -> bool:
        site.server.ensure_running()
        try:
            async with site.http.get(f"{site.url}/readyz") as answer:
                return answer.ok
        except aiohttp.ClientError:
            return False

    await eventually(ready, seconds=60, what="the replica is ready")

    async def listed() -> bool:
        async with site.http.get(site.runs, headers=site.headers) as answer:
            return answer.ok

    await eventually(listed, seconds=60, what="the project is known")
