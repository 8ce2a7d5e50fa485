"""A chart is installed again when it or its values changed, and only then."""

import json
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from graphrun_devcluster.stack.charts import CHARTS, chart_hash, ensure_release
from graphrun_devcluster.stack.tools import ToolError, Tools


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    (tmp_path / "templates").mkdir()
    (tmp_path / "Chart.yaml").write_text("name: x")
    (tmp_path / "templates/api.yaml").write_text("kind: Service")
    return tmp_path


def test_same_chart_and_values_have_the_same_hash(chart: Path) -> None:
    assert chart_hash(chart, {"a": 1, "b": 2}) == chart_hash(chart, {"b": 2, "a": 1})


def test_values_templates_and_file_names_count(chart: Path) -> None:
    seen = [chart_hash(chart, {"tag": "1"}), chart_hash(chart, {"tag": "2"})]
    (chart / "templates/api.yaml").write_text("kind: Deployment")
    seen.append(chart_hash(chart, {"tag": "2"}))
    (chart / "templates/api.yaml").rename(chart / "templates/b.yaml")
    seen.append(chart_hash(chart, {"tag": "2"}))
    assert len(set(seen)) == 4


@dataclass(frozen=True)
class ScriptedTools(Tools):
    """Answers `helm status`, and keeps every other call."""

    kubeconfig: Path = Path("/nowhere")
    info: dict[str, str] = field(default_factory=dict)
    calls: list[tuple[str, ...]] = field(default_factory=list)

    def helm(self, *arguments: str, stdin: str = "") -> str:
        if arguments[0] == "status":
            if not self.info:
                raise ToolError("helm status: Error: release: not found")
            return json.dumps({"info": self.info})
        self.calls.append(("helm", *arguments, stdin))
        return ""

    def kubectl(self, *arguments: str, stdin: str = "") -> str:  # noqa: ARG002 - the interface asks for it
        self.calls.append(("kubectl", *arguments))
        return ""


HASH = chart_hash(CHARTS / "graphrun", {"tag": "1"})


def test_release_with_the_same_chart_and_values_is_left_alone() -> None:
    tools = ScriptedTools(info={"status": "deployed", "description": HASH})
    assert not ensure_release(tools, "graphrun", {"tag": "1"})
    assert tools.calls == []


@pytest.mark.parametrize(
    "info",
    [{}, {"status": "deployed", "description": "another"}, {"status": "failed", "description": HASH}],
    ids=["missing", "changed", "failed"],
)
def test_release_that_is_not_as_wanted_is_installed(info: dict[str, str]) -> None:
    tools = ScriptedTools(info=info)
    assert ensure_release(tools, "graphrun", {"tag": "1"})
    (call,) = tools.calls
    assert call[:4] == ("helm", "upgrade", "--install", "graphrun")
    assert f"--description={HASH}" in call
    assert json.loads(call[-1]) == {"tag": "1"}


def test_record_of_a_killed_helm_is_removed_first() -> None:
    tools = ScriptedTools(info={"status": "pending-upgrade", "description": HASH})
    assert ensure_release(tools, "graphrun", {"tag": "1"})
    assert [call[:3] for call in tools.calls] == [
        ("kubectl", "delete", "secret"),
        ("helm", "upgrade", "--install"),
    ]
