"""A run with something of everything that can be asked for: events, visits, checkpoints, a log, an output."""

from dataclasses import dataclass
from typing import Any, TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.graph import END, START, StateGraph

from graphrun_checkpoints import ObjectStoreSaver, StorageConfig
from graphrun_core import names
from support.api_world import Api, Project, Rest, now, runner_of
from support.run_history import LINE, saved
from support.waiting import eventually


class _Draft(TypedDict, total=False):
    text: str


@dataclass(frozen=True)
class FullRun:
    """What of it has a name of its own."""

    run: str
    uid: str
    revision: str
    checkpoints: list[str]


async def allow_logs(project: Project, account: str) -> None:
    """Let an account read logs, as the chart's roles do."""
    meta = {"metadata": {"name": f"{account}-logs"}}
    rule = {"apiGroups": [names.GROUP], "resources": ["workflowruns/log"], "verbs": ["get"]}
    rbac = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{project.namespace}"
    await project.kube.call("POST", f"{rbac}/roles", {**meta, "rules": [rule]})
    role = {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": f"{account}-logs"}
    subject = {"kind": "ServiceAccount", "name": account, "namespace": project.namespace}
    await project.kube.call("POST", f"{rbac}/rolebindings", {**meta, "roleRef": role, "subjects": [subject]})


async def full_run(api: Api, rest: Rest, storage: StorageConfig) -> FullRun:
    """A run of `flow` that has completed."""
    project = rest.project
    run = await rest.create(params={"execute": "true"})
    uid = (await project.run(run))["metadata"]["uid"]
    stored = await _stored_states(storage, uid)
    pod = await project.pod_for(run)
    async with runner_of(api, project, pod) as runner:
        await runner.claimed()
        await runner.sent(
            runner.event("run_started", data={"graph": LINE, "checkpoint_id": ""}),
            saved(runner, stored[-1], 0),
            runner.visit("node_started", "plan", "t1", step=1),
            runner.visit("node_completed", "plan", "t1", step=1),
            runner.visit("node_started", "work", "t2", step=2),
            runner.visit("node_completed", "work", "t2", step=2),
        )
        text = "a word\n"
        chunk = {"attempt": 1, "offset": 0, "size": len(text), "text": text}
        assert (await runner.http.post("/runner/v1/logs", json=chunk)).status_code == 204
        await runner.report(
            stopped=True, outcome={"result": "Succeeded", "exitCode": 0, "output": {"text": "done"}}
        )
    await project.status(run, phase="Succeeded", attempt=1, completionTime=now())
    await eventually(
        lambda: rest.ok("GET", f"/runs/{run}/events", params={"types": "run_completed"}),
        lambda found: found["items"],
        seconds=20,
        what="the history tells the end",
    )
    return FullRun(run, uid, pod["metadata"]["labels"][names.LABEL_REVISION], stored)


async def _stored_states(storage: StorageConfig, uid: str) -> list[str]:
    """States as a pod leaves them; their ids, newest first."""
    graph: StateGraph[Any] = StateGraph(_Draft)
    graph.add_node("plan", lambda _: {"text": "plan"})
    graph.add_node("work", lambda state: {"text": state["text"] * 200})
    graph.add_edge(START, "plan")
    graph.add_edge("plan", "work")
    graph.add_edge("work", END)
    config: RunnableConfig = {"configurable": {"thread_id": uid}}
    async with ObjectStoreSaver.from_config(storage) as saver:
        await saver.aopen(uid, fence=1, owner=uid)
        await graph.compile(checkpointer=saver).ainvoke({"text": ""}, config)
        return [found.config["configurable"]["checkpoint_id"] async for found in saver.alist(config)]
