"""The OpenAPI document and the server say the same, whatever is sent: schemathesis over all of it, as an editor.

GRAPHRUN_SCHEMATHESIS_EXAMPLES says how many requests are made up for each operation (`make fuzz-api EXAMPLES=…`).
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from graphrun_checkpoints import StorageConfig
from support.api_world import Api, Rest, now
from support.full_run import allow_logs, full_run
from support.fuzzed_document import Things, narrowed

Json = dict[str, Any]
ASKED = os.environ.get("GRAPHRUN_SCHEMATHESIS_EXAMPLES", "")
EXAMPLES = int(ASKED or 5)
# By default the same each time: what comes to light by chance comes to light where somebody looks for it.
SEEDED = [] if ASKED else ["--seed", "1"]
HOOKS = {"SCHEMATHESIS_HOOKS": "support.schemathesis_hooks", "PYTHONPATH": str(Path(__file__).parents[2])}
SETTINGS = Path(__file__).with_name("schemathesis.toml")


@pytest.fixture
async def things(api: Api, rest: Rest, storage: StorageConfig) -> Things:
    """A project with runs in every state."""
    project = rest.project
    for name in ("flow", "spare"):
        await project.workflow(name)
    await allow_logs(project, "editor")
    full = await full_run(api, rest, storage)
    pending, running, paused, spare = [
        await rest.create(params={"execute": execute}) for execute in ("false", "true", "true", "false")
    ]
    await project.status(running, phase="Running", attempt=1, startTime=now())
    await project.ask(paused, state="Paused")
    await project.status(paused, phase="Paused", attempt=1, startTime=now(), pausedTime=now())
    await rest.until_status(paused, "PAUSED")
    runs = [full.run, pending, running, paused]
    return Things(project.name, "flow", runs, full.checkpoints, full.run, "spare", spare)


@pytest.mark.timeout(600 + 60 * EXAMPLES)
async def test_no_request_breaks_the_server_or_is_answered_otherwise_than_the_document_says(
    api: Api, rest: Rest, things: Things, tmp_path: Path
) -> None:
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as anyone:
        document = (await anyone.get("/openapi.json")).json()
    place = tmp_path / "openapi.json"
    place.write_text(json.dumps(narrowed(document, things)))
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(SETTINGS), "run", str(place)]
    options = ["--url", api.url, "--max-examples", str(EXAMPLES), "--no-color", *SEEDED]
    report = await run_to_its_end(
        [*command, *options, "--header", f"Authorization: Bearer {rest.token}"], tmp_path
    )

    assert report.returncode == 0, report.stdout


async def run_to_its_end(command: list[str], directory: Path) -> "subprocess.CompletedProcess[str]":
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=directory,
        env=os.environ | HOOKS,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode or 0, output.decode())
