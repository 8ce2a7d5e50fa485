"""Waits for Deployments, and tells what is wrong with those that do not become ready."""

import time
from collections.abc import Sequence

from graphrun_devcluster.errors import NotReadyError
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.stack.tools import ToolError, Tools

LOG_LINES = 15

LOOK_SECONDS = 5
"""How long to wait for a rollout before looking whether its pods can succeed at all."""

HOPELESS_RESTARTS = 3
"""Restarts of one pod's containers after which nobody needs to wait any longer."""

RESTARTS = (
    "jsonpath={range .items[*]}{.metadata.name}"
    "{range .status.initContainerStatuses[*]} {.restartCount}{end}"
    "{range .status.containerStatuses[*]} {.restartCount}{end}\n{end}"
)


def await_rollouts(
    tools: Tools, namespace: str, deployments: Sequence[str], seconds: float, progress: Progress
) -> None:
    """Wait until `deployments` run as they were last applied.

    Raises:
        NotReadyError: one is not ready after `seconds`, or pods start and end over and over;
            the pods and their last words are in the message.
    """
    deadline = time.monotonic() + seconds
    before = _restarts(tools, namespace)
    with progress.step(f"waiting for {', '.join(deployments)}"):
        for name in deployments:
            while not _rolled_out(tools, namespace, name):
                hopeless = _hopeless(before, _restarts(tools, namespace))
                if hopeless or time.monotonic() > deadline:
                    problem = (
                        f"{hopeless} ends again and again" if hopeless else f"still not after {seconds:.0f} s"
                    )
                    raise NotReadyError(
                        f"{namespace}/{name} is not ready: {problem}\n{_findings(tools, namespace)}"
                    )


def _rolled_out(tools: Tools, namespace: str, deployment: str) -> bool:
    where = (f"deployment/{deployment}", f"--namespace={namespace}")
    try:
        tools.kubectl("rollout", "status", *where, f"--timeout={LOOK_SECONDS}s")
    except ToolError as error:
        if "timed out" in str(error):
            return False
        raise
    return True


def _hopeless(before: dict[str, int], now: dict[str, int]) -> str:
    """Return the pod that restarted too often meanwhile; those of an earlier, broken rollout do not count."""
    grown = (name for name, count in now.items() if count - before.get(name, 0) >= HOPELESS_RESTARTS)
    return next(grown, "")


def _restarts(tools: Tools, namespace: str) -> dict[str, int]:
    pods = tools.kubectl("get", "pods", f"--namespace={namespace}", f"--output={RESTARTS}")
    rows = (line.split() for line in pods.splitlines())
    return {name: sum(map(int, counts)) for name, *counts in rows}


def _findings(tools: Tools, namespace: str) -> str:
    where = f"--namespace={namespace}"
    last_words = ("--all-containers", "--ignore-errors", "--prefix", f"--tail={LOG_LINES}")
    questions = (
        ("get", "pods", where, "--output=wide"),
        ("get", "events", where, "--field-selector=type=Warning", "--sort-by=.lastTimestamp"),
        *(("logs", pod, where, *last_words) for pod in _restarts(tools, namespace)),
    )
    return "\n\n".join(_answer(tools, question) for question in questions)


def _answer(tools: Tools, question: tuple[str, ...]) -> str:
    try:
        return f"kubectl {' '.join(question)}\n{tools.kubectl(*question)}".rstrip()
    except ToolError as error:
        return str(error)
