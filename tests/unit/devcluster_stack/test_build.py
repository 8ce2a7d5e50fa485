"""Images are built once for what is in them, and a failed build leaves nothing behind."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from graphrun_devcluster.images import build
from graphrun_devcluster.images.catalog import CONTROL_PLANE, REPOSITORY, RUNNER
from graphrun_devcluster.images.engines import BuildRequest, ImageBuildError
from graphrun_devcluster.images.fingerprint import fingerprint
from graphrun_devcluster.progress import Progress

BASE = "registry.example/python:3.13"


class RecordingEngine:
    """Keeps what it was asked for, and writes the reference where an image is to be saved."""

    def __init__(self) -> None:
        self.requests: list[BuildRequest] = []
        self.inputs_seen: set[str] = set()
        self.failing = False

    def has(self, reference: str) -> bool:
        return any(request.reference == reference for request in self.requests)

    def build(self, request: BuildRequest, log: Path) -> None:  # noqa: ARG002 - the interface asks for it
        if self.failing:
            raise ImageBuildError("no space left")
        self.inputs_seen |= {path.name for path in request.context.rglob("*")}
        self.requests.append(request)

    def save(self, reference: str, archive: Path, log: Path) -> None:  # noqa: ARG002 - the interface asks for it
        archive.write_text(reference)

    def forget(self, references: Sequence[str], log: Path) -> None:  # noqa: ARG002 - the interface asks for it
        self.requests = [request for request in self.requests if request.reference not in references]


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> RecordingEngine:
    made = RecordingEngine()
    monkeypatch.setenv("GRAPHRUN_CACHE", str(tmp_path))
    monkeypatch.setenv("GRAPHRUN_BASE_IMAGE", BASE)
    monkeypatch.setattr(build, "choose_engine", lambda: made)
    return made


def test_what_is_there_is_not_built_again(engine: RecordingEngine) -> None:
    first = build.ensure_images([RUNNER, CONTROL_PLANE], Progress())
    asked = len(engine.requests)
    assert build.ensure_images([RUNNER, CONTROL_PLANE], Progress()) == first
    assert (
        asked == len(engine.requests) == 4
    )  # of each image the dependencies, which have a name of their own, and all
    assert [image.archive.read_text() for image in first] == [image.reference for image in first]


def test_image_is_tagged_by_its_inputs_and_gets_the_base(engine: RecordingEngine) -> None:
    (image,) = build.ensure_images([RUNNER], Progress())
    assert image.reference == f"localhost/graphrun-runner:{fingerprint(RUNNER, BASE, REPOSITORY)}"
    assert [request.arguments["BASE_IMAGE"] for request in engine.requests] == [BASE, BASE]
    assert engine.requests[0].reference == "localhost/graphrun-runner-dependencies:current"


def test_build_sees_copies_of_the_inputs_alone(engine: RecordingEngine) -> None:
    build.ensure_images([RUNNER], Progress())
    assert {"runner.txt", "graphrun_runner", "graphrun_core"} <= engine.inputs_seen
    assert not {"graphrun_api", "tests", ".git", "__pycache__"} & engine.inputs_seen


def test_failed_build_is_told_and_tried_again(engine: RecordingEngine, tmp_path: Path) -> None:
    engine.failing = True
    with pytest.raises(ImageBuildError, match="no space left"):
        build.ensure_images([RUNNER], Progress())
    assert not list(tmp_path.rglob("*.tar*"))
    engine.failing = False
    (image,) = build.ensure_images([RUNNER], Progress())
    assert image.built
