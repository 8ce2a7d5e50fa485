"""The program itself: its settings, its migration, its start and its end."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO, Any

import httpx
import pytest

from support.ports import free_port
from support.waiting import eventually


def environment(plane: Any, dsn: str, storage: Any) -> dict[str, str]:
    return {
        "PATH": os.environ["PATH"],
        "KUBECONFIG": str(plane.kubeconfig),
        "GRAPHRUN_HOST": "127.0.0.1",
        "GRAPHRUN_PORT": "0",
        "GRAPHRUN_RUNNER_PORT": "0",
        "GRAPHRUN_POSTGRES_DSN": dsn,
        "GRAPHRUN_STORAGE_ENDPOINT": storage.endpoint,
        "GRAPHRUN_STORAGE_BUCKET": storage.bucket,
        "GRAPHRUN_STORAGE_ACCESS_KEY": "a",
        "GRAPHRUN_STORAGE_SECRET_KEY": "s",
    }


def run(environ: dict[str, str], *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-W", "error", "-m", "graphrun_api", *arguments]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def test_a_wrong_setting_is_named_with_its_meaning() -> None:
    done = run({"PATH": os.environ["PATH"], "GRAPHRUN_PORT": "many"})

    assert done.returncode == 1
    assert "GRAPHRUN_PORT" in done.stderr
    assert "GRAPHRUN_POSTGRES_DSN" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_command_is_told_the_usage(plane: Any, empty_database: str, storage: Any) -> None:
    done = run(environment(plane, empty_database, storage), "nonsense")

    assert done.returncode == 2
    assert "usage" in done.stderr


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
async def test_it_migrates_serves_and_ends_when_told(
    plane: Any, empty_database: str, storage: Any, tmp_path: Path, sign: signal.Signals
) -> None:
    environ = environment(plane, empty_database, storage)
    first, second = run(environ, "migrate"), run(environ, "migrate")
    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr

    environ["GRAPHRUN_PORT"] = str(free_port())
    with (tmp_path / "log").open("wb") as log:
        process = _started(environ, log)
    try:
        async with httpx.AsyncClient(trust_env=False) as http:

            async def ready() -> bool:
                assert process.poll() is None, (tmp_path / "log").read_text()
                try:
                    answer = await http.get(f"http://127.0.0.1:{environ['GRAPHRUN_PORT']}/readyz")
                except httpx.ConnectError:
                    return False
                return answer.status_code == 200

            await eventually(ready, seconds=40, what="the API is ready")
        process.send_signal(sign)
        assert process.wait(timeout=15) == 0, (tmp_path / "log").read_text()
    finally:
        process.kill()
        process.wait()
    assert '"level": "error"' not in (tmp_path / "log").read_text()


def _started(environ: dict[str, str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-W", "error", "-m", "graphrun_api"], env=environ, stderr=log)
