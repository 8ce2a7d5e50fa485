"""The cache keeps the newest archives of each image, and only of that image."""

import os
from pathlib import Path

from graphrun_devcluster.images.archives import drop_old, image_at, mark_used
from graphrun_devcluster.images.catalog import RUNNER, ImageSpec


def _archive(folder: Path, name: str, age: int) -> Path:
    path = folder / f"{name}.tar"
    path.write_text(name)
    os.utime(path, (1_000_000 - age, 1_000_000 - age))
    return path


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    old = _archive(tmp_path, "runner-aaa", age=3)
    kept = [_archive(tmp_path, "runner-bbb", age=2), _archive(tmp_path, "runner-ccc", age=1)]
    assert drop_old(RUNNER, tmp_path, kept=2) == ["localhost/graphrun-runner:aaa"]
    assert not old.exists()
    assert all(path.exists() for path in kept)


def test_images_whose_name_begins_alike_are_left_alone(tmp_path: Path) -> None:
    other = _archive(tmp_path, "runner-extra-aaa", age=9)
    _archive(tmp_path, "runner-bbb", age=1)
    assert drop_old(RUNNER, tmp_path, kept=1) == []
    assert other.exists()


def test_used_image_is_the_newest(tmp_path: Path) -> None:
    image = image_at(RUNNER, "aaa", tmp_path)
    _archive(tmp_path, "runner-aaa", age=9)
    _archive(tmp_path, "runner-bbb", age=1)
    mark_used(image)
    assert drop_old(RUNNER, tmp_path, kept=1) == ["localhost/graphrun-runner:bbb"]
    assert image.built


def test_reference_names_repository_and_tag(tmp_path: Path) -> None:
    image = image_at(ImageSpec("x", "Dockerfile", ()), "abc", tmp_path)
    assert image.reference == "localhost/graphrun-x:abc"
    assert not image.built
