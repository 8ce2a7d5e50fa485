"""The examples as a reader would run them."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from support.client import Client
from support.script_pods import PORT, script_server
from support.waiting import eventually

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SCRIPT = [429, 500, "SEARCH: SIGKILL session", "Only its checkpoint [pause-2]; every process [cancel-1]."]


async def apply_example(client: Client, folder: str) -> dict[str, Any]:
    """Apply the example's Workflow and create its run by kubectl; the run."""
    await client.kubectl("apply", "-f", str(EXAMPLES / folder / "workflow.yaml"))
    made = await client.kubectl("create", "-o", "json", "-f", str(EXAMPLES / folder / "run.yaml"))
    run: dict[str, Any] = json.loads(made)
    return run


async def asked(client: Client, run: str) -> dict[str, Any]:
    """Wait until the run asks, and return its question."""
    status = await client.until_status(run, "INTERRUPTED")
    await client.until_nothing_runs(run)
    question: dict[str, Any] = status["interrupts"][0]["value"]
    return question


async def test_the_audit_reports_on_the_library_of_the_runner(client: Client) -> None:
    run = (await apply_example(client, "01-stdlib-audit"))["metadata"]["name"]

    await client.until_status(run, "COMPLETED", seconds=120)

    output = await client.rest.output(run)
    assert output["totals"]["modules"] == 96
    assert output["totals"]["python"].startswith("3.13")
    assert "paths" in output["report"]


async def test_an_approval_is_given_over_rest(client: Client) -> None:
    run = (await apply_example(client, "02-approval"))["metadata"]["name"]
    question = await asked(client, run)

    await client.rest.verb(run, "resume", {"value": "approve"})

    await client.until_status(run, "COMPLETED")
    assert question["question"] == "Pay 250.00 for a chair?"
    assert (await client.rest.output(run)) == {"paid": True, "note": "paid 250.00 for a chair"}


async def test_an_approval_is_refused_by_kubectl_after_an_unclear_answer(client: Client) -> None:
    run = (await apply_example(client, "02-approval"))["metadata"]["name"]
    await asked(client, run)

    await client.kubectl.patch_run(run, {"resume": {"id": "first", "value": "perhaps"}})
    await client.until_phase(run, "Starting", "Running")
    again = await eventually(
        lambda: client.rest.status(run),
        lambda seen: seen["status"] == "INTERRUPTED" and seen["interrupts"][0]["value"]["hint"],
        what="the run asks again",
    )
    await client.kubectl.patch_run(run, {"resume": {"id": "second", "value": "reject"}})
    done = await client.until_phase(run, "Succeeded")

    assert "perhaps" in again["interrupts"][0]["value"]["hint"]
    assert done["attempt"] == 3
    assert done["runner"]["outcome"]["output"]["paid"] is False


@pytest.fixture
async def scripted_endpoint(client: Client, images: dict[str, str]) -> None:
    """An OpenAI-compatible server in the cluster, and the Secret that names it."""
    arguments = [json.dumps(SCRIPT), "--port", str(PORT), "--key", "sk-e2e"]
    server = script_server(
        "llm", images["control-plane"], ROOT / "tests" / "support" / "scripted_llm.py", arguments
    )
    secret = yaml.safe_load((EXAMPLES / "03-research-agent" / "secret.yaml").read_text(encoding="utf-8"))
    secret["stringData"] = {"base-url": f"http://llm:{PORT}/v1", "api-key": "sk-e2e"}
    server["items"].append(secret)
    await client.kubectl("apply", "-f", "-", stdin=json.dumps(server))
    await client.kubectl("wait", "pod/llm", "--for=condition=Ready", "--timeout=60s")


@pytest.mark.usefixtures("scripted_endpoint")
async def test_the_research_agent_searches_and_answers_through_a_busy_endpoint(client: Client) -> None:
    run = (await apply_example(client, "03-research-agent"))["metadata"]["name"]

    async with client.watch(run) as watcher:
        await watcher.until(lambda: watcher.view.word in ("completed", "failed"), 90, "ends")

    output = await client.rest.output(run)
    calls = await client.ask_service("llm", "/calls")
    assert output["sources"] == ["pause-2", "cancel-1"]
    assert len(calls) == len(SCRIPT)
    assert watcher.view.completed("retrieve") == 2
    assert (await client.resource_status(run))["attempt"] == 1
