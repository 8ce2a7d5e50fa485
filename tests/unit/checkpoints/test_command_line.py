"""The command line of `graphrun-checkpoints`: settings, mistakes in them, and what is fit to print."""

import base64
import json
from pathlib import Path

import pytest

from graphrun_checkpoints.commands import main
from graphrun_checkpoints.commands.output import shortened, size, visible


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for option in ("ENDPOINT", "BUCKET", "PREFIX", "REGION", "KEYS_FILE"):
        monkeypatch.delenv(f"GRAPHRUN_CHECKPOINTS_{option}", raising=False)


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        ([], "VERB"),
        (["ls"], "GRAPHRUN_CHECKPOINTS_ENDPOINT"),
        (["--endpoint", "http://127.0.0.1:1", "ls"], "GRAPHRUN_CHECKPOINTS_BUCKET"),
        (["gc", "--grace", "soon"], "give 90s, 45m, 1h or 2d"),
        (["prune", "t", "--keep", "0"], "a number from 1"),
        (["prune", "t", "--keep", "2", "--delete"], "not allowed with"),
    ],
)
def test_arguments_without_sense_end_with_2_and_the_mend(
    argv: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert told in capsys.readouterr().err


def test_settings_that_cannot_be_right_end_with_1_and_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRAPHRUN_CHECKPOINTS_ENDPOINT", "http://127.0.0.1:1")
    monkeypatch.setenv("GRAPHRUN_CHECKPOINTS_BUCKET", "b")
    (bad := tmp_path / "keys.json").write_text("{}")
    (short := tmp_path / "short.json").write_text(
        json.dumps({"current": "k", "keys": {"k": base64.b64encode(b"short").decode()}})
    )
    for argv, told in (
        (["--keys-file", str(tmp_path / "none"), "ls"], "cannot be read"),
        (["--keys-file", str(bad), "ls"], "must be JSON"),
        (["--keys-file", str(short), "ls"], "5 bytes"),
        (["--endpoint", "nonsense", "ls"], "is not a URL"),
    ):
        assert main(argv) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert told in line


def test_sizes_and_names_are_fit_to_print() -> None:
    assert [size(each) for each in (0, 1023, 1024, 2_000_000, 5 * 1024**4 * 1024)] == [
        "0 B",
        "1023 B",
        "1.0 kB",
        "1.9 MB",
        "5120.0 TB",
    ]
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "ab…"
    assert visible("") == '""'
