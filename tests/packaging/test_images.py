"""What is in the product's images, and what must not be: built as for a development cluster, then laid open."""

import os
import re
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import certifi
import pytest

from graphrun_devcluster.images.build import ensure_images
from graphrun_devcluster.images.catalog import CONTROL_PLANE, PRODUCT, RUNNER
from graphrun_devcluster.images.pip_settings import certificate_bundle
from graphrun_devcluster.progress import Progress
from support.image_files import ImageFiles, unpacked

PYTHON = "opt/graphrun/bin/python"
UNCHECKED_HASH = 0b01
"""Flags of a .pyc that is valid whatever the times of its source."""

CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
LARGEST_BUNDLE = 4_000_000
"""Bytes; no bundle of certificates is larger."""
IMPORTS = {
    RUNNER.name: ["graphrun_core", "graphrun_checkpoints", "graphrun_runner", "langgraph.graph"],
    CONTROL_PLANE.name: ["graphrun_core", "graphrun_operator", "graphrun_api", "kopf", "fastapi", "asyncpg"],
}
ABSENT = {
    RUNNER.name: ["kopf", "kubernetes", "fastapi", "graphrun_operator", "graphrun_api", "pip", "setuptools"],
    CONTROL_PLANE.name: ["langgraph.graph", "graphrun_runner", "pip", "setuptools", "pytest"],
}

# Unpacking images as they are, and chroot.
pytestmark = pytest.mark.usefixtures("root")


@pytest.fixture(scope="module", params=PRODUCT, ids=lambda spec: spec.name)
def image(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, ImageFiles]]:
    (built,) = ensure_images([request.param], Progress())
    with unpacked(built.archive, tmp_path_factory.mktemp(request.param.name)) as files:
        yield request.param.name, files


def _site_packages(files: ImageFiles) -> Path:
    (found,) = files.root.glob("opt/graphrun/lib/python3.*/site-packages")
    return found


def _run(files: ImageFiles, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run the image's Python as its user, without Docker: in a chroot, with the image's environment."""
    environment = dict(entry.split("=", 1) for entry in files.config["Env"])
    user = ["--userspec=65532:65532", str(files.root)]
    return subprocess.run(
        ["chroot", *user, f"/{PYTHON}", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_image_runs_as_nobody_in_particular_with_a_name(image: tuple[str, ImageFiles]) -> None:
    _, files = image
    assert files.config["User"] == "65532:65532"
    asked = _run(files, "-c", "import getpass; print(getpass.getuser())")
    assert asked.stdout == "graphrun\n", asked.stderr


def test_environment_is_complete_and_nothing_of_the_builder(image: tuple[str, ImageFiles]) -> None:
    _, files = image
    environment = dict(entry.split("=", 1) for entry in files.config["Env"])
    assert environment["LANG"] == "C.UTF-8"
    assert environment["PYTHONUNBUFFERED"] == environment["PYTHONDONTWRITEBYTECODE"] == "1"
    leaked = [name for name in environment if re.search(r"proxy|cert|ssl|pip|index", name, re.IGNORECASE)]
    assert leaked == []
    assert not [
        line for line in files.history if re.search(r"_proxy=|PIP_CERT|index-url|://", line, re.IGNORECASE)
    ]


def test_title_and_version_are_labelled(image: tuple[str, ImageFiles]) -> None:
    name, files = image
    labels = files.config["Labels"]
    assert labels["org.opencontainers.image.title"] == f"graphrun-{name}"
    assert re.fullmatch(r"[0-9a-f]{12}", labels["org.opencontainers.image.version"])


def test_what_it_is_for_is_there_and_nothing_else(image: tuple[str, ImageFiles]) -> None:
    name, files = image
    question = f"""
import importlib.util
def there(name):
    try: return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError: return False
print([name for name in {IMPORTS[name] + ABSENT[name]} if there(name)])
"""
    asked = _run(files, "-c", question)
    assert asked.stdout.strip() == repr(IMPORTS[name]), asked.stderr


def test_every_module_has_bytecode_that_stays_valid(image: tuple[str, ImageFiles]) -> None:
    _, files = image
    sources = [path for path in _site_packages(files).rglob("*.py") if path.stem.isidentifier()]
    assert len(sources) > 500
    tag = _run(files, "-c", "import sys; print(sys.implementation.cache_tag)").stdout.strip()
    for source in sources:
        compiled = source.parent / "__pycache__" / f"{source.stem}.{tag}.pyc"
        assert compiled.is_file(), source
        with compiled.open("rb") as file:
            (flags,) = struct.unpack("<4xI", file.read(8))
        assert flags == UNCHECKED_HASH, source


def test_standard_library_has_bytecode(image: tuple[str, ImageFiles]) -> None:
    _, files = image
    asked = _run(files, "-c", "import json; print(json.__cached__)")
    assert (files.root / asked.stdout.strip().lstrip("/")).is_file()


def test_nothing_of_the_build_stays(image: tuple[str, ImageFiles]) -> None:
    _, files = image
    names = {path.relative_to(files.root).as_posix() for path in files.files()}
    unwanted = re.compile(
        r"(^|/)(pip\.conf|ca\.crt|uv-build|uv_build[^/]*|\.cache/.*)$|^(build|members|run/secrets)/|^root/[^.]"
        r"|^var/lib/apt/lists/.|site-packages/.*/tests?/|/bin/pip[0-9.]*$"
    )
    assert [name for name in names if unwanted.search(name)] == []
    for name in ("etc/resolv.conf", "etc/hosts", "etc/hostname"):
        assert name not in names or (files.root / name).read_text() == ""


def test_no_authority_that_only_the_builder_trusts_is_in_the_image(image: tuple[str, ImageFiles]) -> None:
    _, files = image
    bundle = certificate_bundle(os.environ)
    public = set(CERTIFICATE.findall(Path(certifi.where()).read_bytes()))
    for path in (files.root / "usr/share/ca-certificates").rglob("*.crt"):  # as Debian's package brought them
        public |= set(CERTIFICATE.findall(path.read_bytes()))
    private = set(CERTIFICATE.findall(bundle.read_bytes())) - public if bundle else set()
    for path in files.files():
        if path.stat().st_size < LARGEST_BUNDLE:
            assert not private & set(CERTIFICATE.findall(path.read_bytes())), path
