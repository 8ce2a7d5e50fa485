"""The tag of an image: a hash over everything that decides its content."""

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from graphrun_devcluster.images.catalog import ImageSpec

HEX_DIGITS = 12
"""Length of a tag: enough that two trees never meet, short enough to read."""


def fingerprint(spec: ImageSpec, base_image: str, checkout: Path) -> str:
    """Return the tag for `spec` as the files in `checkout` are now.

    Names and contents count, times and bytecode do not.

    Args:
        spec: the image.
        base_image: reference that the Dockerfile gets as ``BASE_IMAGE``.
        checkout: root of the repository.
    """
    digest = hashlib.sha256(base_image.encode())
    for path in _inputs(spec, checkout):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(checkout)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:HEX_DIGITS]


def copy_inputs(spec: ImageSpec, checkout: Path, target: Path) -> None:
    """Copy what decides `spec` to `target`: what is built is then what was hashed, whoever edits meanwhile."""
    for path in _inputs(spec, checkout):
        copy = target / path.relative_to(checkout)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, copy)


def _inputs(spec: ImageSpec, checkout: Path) -> Iterator[Path]:
    for name in sorted({spec.dockerfile, *spec.inputs}):
        yield from _files(checkout / name)


def _files(path: Path) -> Iterator[Path]:
    if path.is_file():
        yield path
        return
    for inside in sorted(path.rglob("*")):
        if inside.is_file() and "__pycache__" not in inside.parts:
            yield inside
