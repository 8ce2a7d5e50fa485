"""Looks into an image's archive: its configuration, and its files as a container would see them."""

import json
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any


@dataclass(frozen=True)
class ImageFiles:
    """An image laid open.

    Attributes:
        config: what Docker calls Config: user, environment, entry point.
        history: the commands that made its layers.
        root: its file system.
    """

    config: dict[str, Any]
    history: list[str]
    root: Path

    def files(self) -> Iterator[Path]:
        """Return all regular files."""
        return (path for path in self.root.rglob("*") if path.is_file() and not path.is_symlink())


@contextmanager
def unpacked(archive: Path, target: Path) -> Iterator[ImageFiles]:
    """Unpack `archive`, layer by layer, into `target`."""
    target.chmod(0o755)  # it becomes the root of everybody's file system
    with tarfile.open(archive) as tar:

        def read(name: str) -> IO[bytes]:
            file = tar.extractfile(name)
            assert file, name
            return file

        (manifest,) = json.load(read("manifest.json"))
        described = json.load(read(manifest["Config"]))
        for layer in manifest["Layers"]:
            with tarfile.open(fileobj=read(layer)) as content:
                _add_layer(content, target)
    history = [entry.get("created_by", "") for entry in described["history"]]
    yield ImageFiles(described["config"], history, target)


def _add_layer(layer: tarfile.TarFile, target: Path) -> None:
    for member in layer:
        path = Path(member.name)
        if path.name.startswith(".wh."):
            gone = target / path.with_name(path.name.removeprefix(".wh."))
            gone.unlink(missing_ok=True)
        elif not (member.isdev() or member.isfifo()):
            place = target / path
            if place.is_symlink() or (place.exists() and not place.is_dir()):
                place.unlink()
            layer.extract(member, target, filter="fully_trusted")
