"""The export lines are for a shell to evaluate, whatever is in the values."""

import subprocess
from pathlib import Path

import pytest

from graphrun_devcluster.stack.environment import Environment, NoStackError, environment, export_lines

NASTY = """a b'c"d$(touch broken);`x`"""


def test_shell_reads_back_every_value(tmp_path: Path) -> None:
    given = Environment(Path(f"/k/{NASTY}"), "http://127.0.0.1:1", NASTY, "demo", "demo", "/bin")
    shown = 'printf "%s\\0" "$KUBECONFIG" "$GRAPHRUN_URL" "$GRAPHRUN_TOKEN" "$GRAPHRUN_PROJECT" "$GRAPHRUN_NAMESPACE"'
    done = subprocess.run(
        ["/bin/sh", "-euc", f"{export_lines(given)}{shown}"],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split("\0")[:5] == [f"/k/{NASTY}", "http://127.0.0.1:1", NASTY, "demo", "demo"]
    assert not list(tmp_path.iterdir())


def test_no_cluster_is_said_with_the_mend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("GRAPHRUN_CLUSTER", "local")
    monkeypatch.setenv("GRAPHRUN_CACHE", str(tmp_path))
    with pytest.raises(NoStackError, match="make up"):
        environment("never-made")
