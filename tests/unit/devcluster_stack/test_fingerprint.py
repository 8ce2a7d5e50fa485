"""An image's tag changes with everything that decides its content, and with nothing else."""

import os
from pathlib import Path

import pytest

from graphrun_devcluster.images.catalog import ALL_IMAGES, PRODUCT, REPOSITORY, ImageSpec
from graphrun_devcluster.images.fingerprint import copy_inputs, fingerprint

SPEC = ImageSpec(name="thing", dockerfile="Dockerfile.thing", inputs=("locks/thing.txt", "member/src"))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    for name, content in {
        "Dockerfile.thing": "FROM scratch",
        "locks/thing.txt": "x==1",
        "member/src/pkg/__init__.py": "",
        "member/README.md": "not an input",
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    return tmp_path


@pytest.mark.parametrize("changed", ["Dockerfile.thing", "locks/thing.txt", "member/src/pkg/__init__.py"])
def test_changed_input_changes_the_tag(checkout: Path, changed: str) -> None:
    before = fingerprint(SPEC, "base:1", checkout)
    (checkout / changed).write_text("changed")
    assert fingerprint(SPEC, "base:1", checkout) != before


def test_new_and_renamed_files_change_the_tag(checkout: Path) -> None:
    tags = {fingerprint(SPEC, "base:1", checkout)}
    (checkout / "member/src/pkg/new.py").write_text("")
    tags.add(fingerprint(SPEC, "base:1", checkout))
    (checkout / "member/src/pkg/new.py").rename(checkout / "member/src/pkg/renamed.py")
    tags.add(fingerprint(SPEC, "base:1", checkout))
    assert len(tags) == 3


def test_another_base_changes_the_tag(checkout: Path) -> None:
    assert fingerprint(SPEC, "base:1", checkout) != fingerprint(SPEC, "base:2", checkout)


def test_times_bytecode_and_other_files_leave_the_tag_alone(checkout: Path) -> None:
    before = fingerprint(SPEC, "base:1", checkout)
    os.utime(checkout / "member/src/pkg/__init__.py", (1, 1))
    (checkout / "member/src/pkg/__pycache__").mkdir()
    (checkout / "member/src/pkg/__pycache__/x.pyc").write_text("")
    (checkout / "member/README.md").write_text("changed")
    assert fingerprint(SPEC, "base:1", checkout) == before


def test_copied_inputs_have_the_same_tag_and_nothing_else_is_copied(checkout: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_inputs(SPEC, checkout, copy)
    assert fingerprint(SPEC, "base:1", copy) == fingerprint(SPEC, "base:1", checkout)
    assert not (copy / "member/README.md").exists()


@pytest.mark.parametrize("spec", ALL_IMAGES, ids=lambda spec: spec.name)
def test_inputs_cover_all_that_the_dockerfile_copies(spec: ImageSpec) -> None:
    """A file that is copied but not hashed would be missing from the build's copy of the inputs, or go stale."""
    copied = [
        Path(spec.context, source).as_posix()
        for line in (REPOSITORY / spec.dockerfile).read_text().splitlines()
        if line.startswith("COPY ") and "--from" not in line
        for source in line.split()[1:-1]
    ]
    inputs = [Path(name) for name in spec.inputs]
    assert copied
    for source in copied:
        path = Path(source)
        assert any(path == name or path in name.parents or name in path.parents for name in inputs), source


@pytest.mark.parametrize("spec", PRODUCT, ids=lambda spec: spec.name)
def test_dockerignore_lets_every_input_through(spec: ImageSpec) -> None:
    """`docker build` by hand sends what .dockerignore lets through; our own builds send the inputs."""
    allowed = [
        line.removeprefix("!")
        for line in (REPOSITORY / ".dockerignore").read_text().splitlines()
        if line.startswith("!")
    ]
    for name in spec.inputs:
        assert any(Path(name).match(pattern) for pattern in allowed), name
