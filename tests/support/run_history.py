"""Runs that have done something: their topology, their beginning, what they saved, and their timeline."""

from typing import Any

from support.api_world import Project, Rest, Runner, now

Json = dict[str, Any]
LINE: Json = {
    "nodes": ["plan", "work"],
    "edges": [["__start__", "plan"], ["plan", "work"], ["work", "__end__"]],
    "cyclic": False,
    "mermaid": "graph TD;",
    "input_schema": {"type": "object", "title": "Input"},
}


async def started(rest: Rest, project: Project) -> str:
    """A run of `flow` at work; its id."""
    run = await rest.create(params={"execute": "true"})
    await project.status(run, phase="Running", attempt=1, startTime=now())
    return run


def saved(runner: Runner, checkpoint: str, step: int, ns: str = "") -> Json:
    """The attempt's next event: a checkpoint."""
    return runner.event(
        "checkpoint_saved", data={"id": checkpoint, "ns": ns, "step": step, "source": "loop", "bytes": 9}
    )


async def every_visit(rest: Rest, run: str, limit: int) -> list[Json]:
    """The whole timeline, page by page."""
    found: list[Json] = []
    params: Json = {"limit": limit}
    while True:
        answer = await rest.send("GET", f"/runs/{run}/timeline", params=params)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += page["items"]
        assert ("next" in answer.links) == (page["next_cursor"] is not None)
        if page["next_cursor"] is None:
            return found
        params["cursor"] = page["next_cursor"]
