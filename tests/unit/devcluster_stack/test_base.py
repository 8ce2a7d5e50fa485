"""The base made from Debian's packages: small, and with nothing of the machine that it was made on."""

from pathlib import Path

import pytest

from graphrun_devcluster.images.base import BUILT_BASE, base_image, slim
from graphrun_devcluster.images.engines import Buildah


def test_slimmed_tree_keeps_no_trace_of_the_machine(tmp_path: Path) -> None:
    for name in (
        "etc/resolv.conf",
        "etc/hosts",
        "usr/share/doc/x/copyright",
        "var/lib/apt/lists/p",
        "usr/bin/x",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("nameserver 192.0.2.1")
    (tmp_path / "usr/share/man").mkdir()
    (tmp_path / "usr/share/man/link").symlink_to(tmp_path / "nowhere")

    slim(tmp_path)

    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()} == {
        "etc/hosts",
        "etc/hostname",
        "etc/resolv.conf",
        "usr/bin/x",
    }
    assert (tmp_path / "etc/resolv.conf").read_text() == ""
    assert not (tmp_path / "usr/share/man/link").is_symlink()


def test_named_base_wins(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GRAPHRUN_BASE_IMAGE", raising=False)
    assert base_image(Buildah(tmp_path)) == BUILT_BASE
    monkeypatch.setenv("GRAPHRUN_BASE_IMAGE", "registry.example/python:3.13")
    assert base_image(Buildah(tmp_path)) == "registry.example/python:3.13"
