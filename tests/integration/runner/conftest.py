from collections.abc import Iterator
from pathlib import Path

import pytest

from graphrun_checkpoints import StorageConfig
from support.runner_api import RunnerApi, runner_api
from support.runner_process import Runner
from support.s3server import s3_server, storage

__all__ = ["s3_server", "storage"]


@pytest.fixture
def api() -> Iterator[RunnerApi]:
    with runner_api("the-token") as running:
        yield running


@pytest.fixture
def runner(api: RunnerApi, tmp_path: Path, storage: StorageConfig) -> Iterator[Runner]:
    here = Path(__file__).parent
    sources = {name: (here / name).read_text() for name in ("flows.py", "shapes.py")}
    made = Runner(api, tmp_path, storage, sources=sources)
    yield made
    for attempt in made.started:
        attempt.end()
