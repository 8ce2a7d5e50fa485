"""The locks: every pin hashed, no host in them, and all of them of one mind."""

import re
import tomllib
from pathlib import Path

import pytest

from graphrun_devcluster.images.catalog import REPOSITORY

LOCKS = sorted((REPOSITORY / "locks").glob("*.txt"))
MEMBERS = ("core", "checkpoints", "operator", "runner", "api", "devcluster")


def _pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", (REPOSITORY / name).read_text(), re.MULTILINE))


@pytest.mark.parametrize(
    "name", ["locks/runner.txt", "locks/control-plane.txt", "devcluster/images/s3/requirements.txt"]
)
def test_pins_are_those_that_the_tests_run_with(name: str) -> None:
    pins = _pins(name)
    assert pins
    assert pins.items() <= _pins("locks/dev.txt").items()


@pytest.mark.parametrize("lock", LOCKS, ids=lambda path: path.stem)
def test_every_pin_has_hashes_and_no_host_is_named(lock: Path) -> None:
    text = lock.read_text()
    assert "://" not in text
    assert not re.search(r"^-", text, re.MULTILINE)
    for requirement in re.split(r"\n(?=\S)", text.strip()):
        assert requirement.startswith("#") or "--hash=sha256:" in requirement, requirement


def test_no_member_is_pinned() -> None:
    assert not [name for lock in LOCKS for name in _pins(f"locks/{lock.name}") if name.startswith("graphrun")]


def test_every_requirement_of_every_member_is_locked() -> None:
    locked = _pins("locks/dev.txt")
    for member in MEMBERS:
        project = tomllib.loads((REPOSITORY / member / "pyproject.toml").read_text())["project"]
        for requirement in project["dependencies"]:
            name = re.split(r"[\s\[=<>~!;]", requirement)[0]
            assert name in locked or name.startswith("graphrun-"), f"{member} needs {name}: run `make lock`"


def test_build_lock_holds_what_the_members_are_built_with() -> None:
    asked = {
        tuple(tomllib.loads((REPOSITORY / member / "pyproject.toml").read_text())["build-system"]["requires"])
        for member in MEMBERS
    }
    assert asked == {tuple((REPOSITORY / "locks/build.in").read_text().split("\n")[:-1])}
