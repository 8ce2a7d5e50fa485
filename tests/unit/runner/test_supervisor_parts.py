import subprocess
import sys
from pathlib import Path

import pytest

from graphrun_runner.supervisor import memory_limit
from graphrun_runner.supervisor.desired_state import read_state_file
from graphrun_runner.supervisor.settings import SettingMissing, read_settings

# Each of these would cost the supervisor more than it may take, or run code that is not its own.
_HEAVY = (
    "asyncio",
    "logging",
    "dataclasses",
    "inspect",
    "subprocess",
    "pydantic",
    "langgraph",
    "graphrun_checkpoints",
)


def test_the_supervisor_imports_nothing_heavy() -> None:
    code = "import sys, graphrun_runner.supervisor.run, graphrun_runner.supervisor.lifecycle; print(*sorted(sys.modules))"
    loaded = subprocess.run(
        [sys.executable, "-S", "-c", _with_path(code)], capture_output=True, text=True, check=True
    )
    assert not set(_HEAVY) & set(loaded.stdout.split())


def _with_path(code: str) -> str:
    # Without `site`, whose .pth files may import anything in a development environment.
    return f"import sys; sys.path[:0] = {[p for p in sys.path if p.endswith('src')]!r}; {code}"


def test_settings_have_the_operators_names_and_defaults() -> None:
    settings = read_settings({"GRAPHRUN_API_URL": "http://api:8081", "GRAPHRUN_GRACE_SECONDS": "12"})
    assert (settings.api_url, settings.grace_seconds, settings.work_dir) == ("http://api:8081", 12.0, "/work")
    assert settings.termination_log == "/dev/termination-log"


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, "GRAPHRUN_API_URL"),
        ({"GRAPHRUN_API_URL": "api:8081"}, "GRAPHRUN_API_URL"),
        ({"GRAPHRUN_API_URL": "http://api", "GRAPHRUN_GRACE_SECONDS": "soon"}, "GRAPHRUN_GRACE_SECONDS"),
    ],
)
def test_a_wrong_setting_is_named(environ: dict[str, str], named: str) -> None:
    with pytest.raises(SettingMissing, match=named):
        read_settings(environ)


@pytest.mark.parametrize(
    ("text", "state"), [("Paused\n", "Paused"), ("", ""), ("Broken", ""), ("Cancelled", "Cancelled")]
)
def test_only_known_states_are_read_from_the_file(tmp_path: Path, text: str, state: str) -> None:
    (tmp_path / "state").write_text(text)
    assert read_state_file(str(tmp_path / "state")) == state
    assert read_state_file(str(tmp_path / "missing")) == ""


def test_kills_at_the_memory_limit_are_counted_in_both_cgroup_versions(tmp_path: Path) -> None:
    second, first = tmp_path / "memory.events", tmp_path / "memory.oom_control"
    second.write_text("low 0\noom 3\noom_kill 2\noom_group_kill 0\n")
    first.write_text("oom_kill_disable 0\nunder_oom 0\noom_kill 5\n")
    assert memory_limit.oom_kills((str(second), str(first))) == 2
    assert memory_limit.oom_kills((str(tmp_path / "none"), str(first))) == 5
    assert memory_limit.oom_kills((str(tmp_path / "none"),)) == 0


def test_the_memory_limit_is_told_in_mebibytes(tmp_path: Path) -> None:
    (tmp_path / "max").write_text("134217728\n")
    (tmp_path / "unlimited").write_text("max\n")
    assert memory_limit.limit((str(tmp_path / "max"),)) == "128 MiB"
    assert memory_limit.limit((str(tmp_path / "unlimited"),)) == "unknown size"
