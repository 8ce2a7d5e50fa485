"""The command `graphrun-checkpoints` as people call it, on a real S3 server."""

import asyncio
import base64
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from graphrun_checkpoints import Encryption, MinioStore, ObjectStoreSaver, StorageConfig
from support.checkpoints import config, put
from support.s3server import ACCESS_KEY, SECRET_KEY
from support.threads import tell

KEY = bytes(range(32))
_LONGEST = 60  # seconds that a call may take on a busy machine


@dataclass(frozen=True)
class Ended:
    code: int
    lines: list[str]
    errors: list[str]


@dataclass
class Caller:
    """Calls the command in a process of its own, its settings in the environment."""

    storage: StorageConfig
    keys_file: Path

    def environment(self, secret: str = SECRET_KEY) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "PYTHONPATH", "LANG") if name in os.environ}
        return {
            **kept,
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": secret,
            "GRAPHRUN_CHECKPOINTS_ENDPOINT": self.storage.endpoint,
            "GRAPHRUN_CHECKPOINTS_BUCKET": self.storage.bucket,
            "GRAPHRUN_CHECKPOINTS_PREFIX": f"{self.storage.prefix}/checkpoints",
            "GRAPHRUN_CHECKPOINTS_KEYS_FILE": str(self.keys_file),
        }

    def __call__(self, *argv: str, secret: str = SECRET_KEY) -> Ended:
        done = subprocess.run(
            [sys.executable, "-m", "graphrun_checkpoints.commands", *argv],
            env=self.environment(secret),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
        return Ended(done.returncode, done.stdout.splitlines(), done.stderr.splitlines())


@pytest.fixture
def call(storage: StorageConfig, tmp_path: Path) -> Caller:
    """On a bucket with an encrypted story and a small thread."""
    keys_file = tmp_path / "keys.json"
    keys_file.write_text(json.dumps({"current": "k", "keys": {"k": base64.b64encode(KEY).decode()}}))

    async def fill() -> None:
        async with ObjectStoreSaver.from_config(storage, encryption=Encryption({"k": KEY}, "k")) as saver:
            await tell(saver, "story", 8)
            await put(saver, config("small"), x=1)

    asyncio.run(fill())
    return Caller(storage, keys_file)


def test_each_verb_does_its_work_on_a_real_bucket(call: Caller) -> None:
    assert call("ls") == Ended(0, ["small", "story"], [])
    assert len(call("ls", "story", "--json").lines) == 10
    assert json.loads(call("show", "story", "--json").lines[0])["values"]["rounds"] == 8
    assert call("copy", "story", "tale").code == 0
    pruned = call("prune", "story", "--yes")
    assert (pruned.code, pruned.errors) == (0, [])
    assert "(9 checkpoints)" in pruned.lines[0]
    assert call("gc") == Ended(0, ["removed 0 objects (0 checkpoints), 0 B in all"], [])
    checked = call("verify")
    assert (checked.code, checked.errors) == (0, [])
    assert checked.lines[-1].startswith("3 threads")
    assert "all threads together" in call("stats").lines
    assert call("prune", "story", "tale", "--delete", "--yes").code == 0
    assert call("ls").lines == ["small"]


def test_damage_and_refusals_end_with_1_and_no_traceback(call: Caller) -> None:
    async def damage() -> str:
        store = MinioStore(call.storage)
        try:
            found = await store.list(f"{call.storage.prefix}/checkpoints/v1/story/d/")
            await store.put(found[0].key, b"damaged")
            return found[0].key
        finally:
            await store.aclose()

    key = asyncio.run(damage())
    checked = call("verify")
    assert (checked.code, checked.errors) == (1, [])
    assert key in checked.lines[0]
    for refused in (
        call("prune", "story"),
        call("copy", "story", "small"),
        call("stats", "story"),
        call("show", "story"),
        call("ls", secret="wrong"),  # noqa: S106 - meant to be refused
        call("--bucket", "no-such-bucket", "ls"),
    ):
        assert (refused.code, len(refused.errors)) == (1, 1), refused
        assert refused.errors[0].startswith("graphrun-checkpoints: ")


@pytest.mark.parametrize("argv", [("ls",), ("show", "story")], ids=["short output", "long output"])
def test_a_reader_that_goes_away_ends_the_command_quietly(call: Caller, argv: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", "graphrun_checkpoints.commands", *argv]
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command,
            env=call.environment(),
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")
