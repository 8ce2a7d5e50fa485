"""The cache of finished images: one archive each, named by what is in it."""

import os
from dataclasses import dataclass
from pathlib import Path

from graphrun_devcluster.images.catalog import ImageSpec

KEPT_OF_EACH = 3
"""Archives kept of each image: going back and forth between two branches rebuilds nothing."""


@dataclass(frozen=True)
class Image:
    """An image as the present tree gives it, built or to be built.

    Attributes:
        spec: what it is built from.
        tag: hash over its inputs.
        archive: where it lies once built.
    """

    spec: ImageSpec
    tag: str
    archive: Path

    @property
    def reference(self) -> str:
        """Repository and tag: changes whenever the content does, so Deployments roll by it."""
        return f"{self.spec.repository}:{self.tag}"

    @property
    def built(self) -> bool:
        """Whether its archive is there."""
        return self.archive.is_file()

    @property
    def megabytes(self) -> float:
        """Size of the unpacked layers."""
        return self.archive.stat().st_size / 1e6


def image_at(spec: ImageSpec, tag: str, folder: Path) -> Image:
    """Return the image `spec` with `tag`, whose archive belongs into `folder`."""
    return Image(spec, tag, folder / f"{spec.name}-{tag}.tar")


def mark_used(image: Image) -> None:
    """Make `image` the newest of its kind, for `drop_old`."""
    os.utime(image.archive)


def drop_old(spec: ImageSpec, folder: Path, kept: int = KEPT_OF_EACH) -> list[str]:
    """Remove all but the newest archives of `spec`; return the references of those removed."""
    prefix = f"{spec.name}-"
    archives = [path for path in folder.glob(f"{prefix}*.tar") if "-" not in path.stem.removeprefix(prefix)]
    archives.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    for path in archives[kept:]:
        path.unlink()
    return [f"{spec.repository}:{path.stem.removeprefix(prefix)}" for path in archives[kept:]]
