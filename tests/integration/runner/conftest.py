from collections.abc import Iterator
from pathlib import Path

import pytest

from graphrun_checkpoints import StorageConfig
from support.event_schemas import check_sent_by_a_runner
from support.runner_api import RunnerApi, runner_api
from support.runner_process import Runner
from support.s3server import s3_server, storage

__all__ = ["s3_server", "storage"]


@pytest.fixture
def api() -> Iterator[RunnerApi]:
    """Whatever a test's runners tell must be documented."""
    with runner_api("the-token") as running:
        yield running
        check_sent_by_a_runner(running.ever_told)


@pytest.fixture
def runner(api: RunnerApi, tmp_path: Path, storage: StorageConfig) -> Iterator[Runner]:
    here = Path(__file__).parent
    sources = {name: (here / name).read_text() for name in ("flows.py", "shapes.py")}
    made = Runner(api, tmp_path, storage, sources=sources)
    yield made
    for attempt in made.started:
        attempt.end()
