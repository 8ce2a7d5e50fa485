"""What breaks: pods lost, containers killed, graphs that raise, and the operator itself."""

from pathlib import Path

import pytest

from graphrun_devcluster.controlplane import ControlPlane
from support.nodeless import Json, Nodeless
from support.operator_process import OperatorProcess, operator_process
from support.waiting import eventually

QUICK: Json = {"retries": {"limit": 1, "backoffSeconds": 1}}


@pytest.mark.usefixtures("operator")
async def test_a_lost_pod_is_followed_by_a_counted_attempt(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run(**QUICK)
    pod = await cluster.started("run")
    await cluster.gone(pod)
    await cluster.started("run", 2)
    status = (await cluster.run("run"))["status"]
    assert (status["attempt"], status["failures"]) == (2, 1)
    assert "nextAttemptTime" not in status


@pytest.mark.usefixtures("operator")
async def test_out_of_memory_is_named_with_its_limit_and_ends_the_run_when_retries_are_used_up(
    cluster: Nodeless,
) -> None:
    await cluster.create_workflow()
    await cluster.create_run(**QUICK, resources={"limits": {"memory": "512Mi"}})
    for attempt in (1, 2):
        pod = await cluster.started("run", attempt)
        await cluster.exit(pod, 137, reason="OOMKilled")
    status = await cluster.phase("run", "Failed")
    assert status["reason"] == "RetriesExhausted"
    assert "OutOfMemory: killed at its memory limit (512Mi)" in status["message"]
    assert status["failures"] == 2


@pytest.mark.usefixtures("operator")
async def test_a_graph_error_is_final(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    await cluster.started("run")
    await cluster.report("run", "Failed", 83, reason="GraphError", message="ValueError: no")
    status = await cluster.phase("run", "Failed")
    assert (status["reason"], status["message"]) == ("GraphError", "ValueError: no")
    assert status["attempt"] == 1


@pytest.mark.usefixtures("operator")
async def test_a_lost_report_is_made_good_by_the_termination_message(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    pod = await cluster.started("run")
    await cluster.exit(pod, 80, message='{"result": "AwaitingInput", "exitCode": 80}')
    await cluster.phase("run", "AwaitingInput")


@pytest.mark.usefixtures("operator")
async def test_a_pod_deleted_by_hand_while_it_starts_is_replaced(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run(**QUICK)
    pod = await cluster.pod("run", on_node=False)
    await cluster.call("DELETE", cluster.url("pods", pod["metadata"]["name"]))
    await cluster.started("run", 2)


async def test_sigterm_ends_it_in_order(plane: ControlPlane, tmp_path: Path) -> None:
    with operator_process(plane, tmp_path / "log") as operator:
        assert "graphrun_operator_reconcile_seconds" in operator.metrics()
        code, seconds = operator.stop()
        assert code == 0, operator.logs()
        assert seconds < 10
        assert operator.lines()[-1]["message"] == "operator stopped"


@pytest.mark.usefixtures("operator")
async def test_a_job_left_by_an_older_run_of_the_same_name_is_cleared_away(cluster: Nodeless) -> None:
    await cluster.create_workflow()
    await cluster.create_run()
    first = await cluster.pod("run", on_node=False)
    await cluster.call("DELETE", cluster.url("workflowruns", "run"))
    await cluster.create_run()

    async def other_pod() -> list[Json]:
        return [
            pod for pod in await cluster.listed("pods") if pod["metadata"]["uid"] != first["metadata"]["uid"]
        ]

    await eventually(other_pod, seconds=30, what="a pod of the new run")
    await cluster.started("run")


async def test_the_operator_is_healthy(operator: OperatorProcess) -> None:
    assert operator.is_healthy()
