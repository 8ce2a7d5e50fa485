"""Texts that JSON can write and hardly anything else can hold: taken or refused, and nothing breaks by them."""

import json
from typing import Any

import pytest

from support.api_world import Project, Rest

Json = dict[str, Any]
# A NUL, half of a pair of surrogates, a path that leads elsewhere, a line's end.
AS_JSON = {"Content-Type": "application/json"}
ODD = ["\0", "\ud800", "../x", "a\nb", "\u2028", "é" * 20]


@pytest.fixture(autouse=True)
async def workflow(project: Project) -> None:
    await project.workflow()


@pytest.mark.parametrize("text", ODD, ids=ascii)
async def test_an_odd_text_in_a_body_is_taken_or_refused_and_the_lists_go_on(
    rest: Rest, project: Project, text: str
) -> None:
    paused = await rest.create(params={"execute": "true"})
    await project.ask(paused, state="Paused")
    await project.status(paused, phase="Paused", attempt=1)
    await rest.until_status(paused, "PAUSED")
    bodies: list[tuple[str, Json]] = [
        ("/runs", {"workflow": text}),
        ("/runs", {"workflow": "flow", "input_data": {text: text}}),
        ("/runs", {"workflow": "flow", "options": {"context": {text: text}}}),
        ("/runs", {"workflow": "flow", "options": {"config": {"tags": [text]}}}),
        ("/runs", {"workflow": "flow", "options": {"node_selector": {text: text}}}),
        ("/runs", {"workflow": "flow", "options": {"queue_name": text, "revision": text}}),
        ("/runs", {"workflow": "flow", "options": {"labels": {text: text}}}),
        ("/runs", {"workflow": "flow", text: text}),
        (f"/runs/{paused}/fork", {"checkpoint_id": text, "revision": text}),
        (f"/runs/{paused}/fork", {"update": {"values": {text: text}, "as_node": text}}),
        ("/runs/bulk", {"action": "cancel", "run_ids": [text]}),
        (f"/runs/{paused}/pause", {"on_deadline": text}),
        (f"/runs/{paused}/resume", {"checkpoint_id": text, "revision": text, "value": {text: text}}),
        ("", {"name": text, "spec": {"graph": {"entrypoint": "a:graph"}}}),
        ("", {"name": "odd", "spec": {"graph": {"entrypoint": text}, text: text}}),
        ("/../../../stream-tickets", {"project": text}),
        ("/../../../stream-tickets", {"project": project.name, "run_id": text}),
    ]
    for path, body in bodies:
        answer = await rest.send("POST", path, content=json.dumps(body), headers=AS_JSON)
        assert answer.status_code < 500, (path, body, answer.text)
        assert answer.is_success or answer.headers["content-type"] == "application/problem+json"
    for item in (await rest.ok("GET", "/runs"))["items"]:
        await rest.ok("GET", f"/runs/{item['run_id']}")
        await rest.ok("GET", f"/runs/{item['run_id']}/status")
