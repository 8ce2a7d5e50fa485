"""Waiting for Deployments ends early, and with an explanation, when their pods cannot succeed."""

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from graphrun_devcluster.errors import NotReadyError
from graphrun_devcluster.progress import Progress
from graphrun_devcluster.stack.rollouts import await_rollouts
from graphrun_devcluster.stack.tools import ToolError, Tools


@dataclass(frozen=True)
class ScriptedTools(Tools):
    """Answers `kubectl rollout status` and `kubectl get pods` from lists; the last answer stays."""

    kubeconfig: Path = Path("/nowhere")
    rollouts: list[bool] = field(default_factory=list)
    restarts: list[str] = field(default_factory=list)

    def kubectl(self, *arguments: str, stdin: str = "") -> str:  # noqa: ARG002 - the interface asks for it
        match arguments:
            case ("rollout", *_):
                if not self._next(self.rollouts):
                    raise ToolError("error: timed out waiting for the condition")
                return ""
            case ("get", "pods", _, output) if "jsonpath" in output:
                return str(self._next(self.restarts))
            case ("logs", pod, *_):
                return f"last words of {pod}"
        return ""

    @staticmethod
    def _next(answers: list[bool] | list[str]) -> bool | str:
        return answers.pop(0) if len(answers) > 1 else answers[0]


def test_rollout_that_takes_a_while_is_waited_for() -> None:
    tools = ScriptedTools(rollouts=[False, False, True], restarts=["api-1 0 0\n", "api-1 1 0\n"])
    await_rollouts(tools, "ns", ("api",), 60, Progress())
    assert tools.rollouts == [True]


def test_pod_that_ends_again_and_again_is_not_waited_for() -> None:
    tools = ScriptedTools(rollouts=[False], restarts=["", "api-1 0 1\n", "api-1 0 2\n", "api-1 0 3\n"])
    with pytest.raises(NotReadyError, match=r"ns/api is not ready: api-1 ends again and again") as caught:
        await_rollouts(tools, "ns", ("api",), 3600, Progress())
    assert "last words of api-1" in str(caught.value)


def test_pods_of_an_earlier_broken_rollout_do_not_count() -> None:
    tools = ScriptedTools(
        rollouts=[False, False, True], restarts=["old 7\n", "old 8\nnew 0\n", "old 8\nnew 1\n"]
    )
    await_rollouts(tools, "ns", ("api",), 60, Progress())


def test_time_over_is_said() -> None:
    tools = ScriptedTools(rollouts=[False], restarts=["api-1 0\n"])
    with pytest.raises(NotReadyError, match="still not after 0 s"):
        await_rollouts(tools, "ns", ("api",), 0, Progress())
