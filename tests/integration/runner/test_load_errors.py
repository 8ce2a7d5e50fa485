"""Graphs that cannot be loaded: a final failure with words that say what to mend."""

import pytest

from support.runner_process import Runner


@pytest.mark.parametrize(
    ("entrypoint", "message"),
    [
        ("flows", "must be module:attribute"),
        ("flows:", "must be module:attribute"),
        ("missing_module:graph", "ModuleNotFoundError: No module named 'missing_module'"),
        ("flows:missing", "module 'flows' has no attribute 'missing'"),
        ("flows:number", "gives a int; it must be a StateGraph"),
        ("flows:make_nothing", "gives a NoneType; it must be"),
        ("flows:make_wrong", "the factory wants (one, two)"),
        ("flows:make_failing", "RuntimeError: no database"),
        ("flows:not_compiling", "ValueError: "),
        ("broken:graph", "SyntaxError: "),
        ("leaving:graph", "SystemExit: 7"),
    ],
)
def test_what_cannot_be_loaded_fails_for_good(runner: Runner, entrypoint: str, message: str) -> None:
    sources = {**runner.sources, "broken.py": "def (:", "leaving.py": "import sys; sys.exit(7)"}
    attempt = runner.start(entrypoint, sources=sources)
    assert attempt.wait() == 84, attempt.log
    assert (attempt.outcome["result"], attempt.outcome["reason"]) == ("Failed", "LoadFailed")
    assert message in attempt.outcome["message"]
    assert "Traceback" in attempt.log or "SystemExit" in attempt.log


def test_inline_files_stay_in_their_folder(runner: Runner) -> None:
    attempt = runner.start("flows:three", sources={"../flows.py": ""})
    assert attempt.wait() == 84
    assert "'../flows.py' must be a relative path" in attempt.outcome["message"]
    assert not (attempt.home / "flows.py").exists()


def test_a_context_that_breaks_the_schema_fails_before_any_node(runner: Runner) -> None:
    attempt = runner.start("flows:with_context", context={"unknown": 1})
    assert attempt.wait() == 84, attempt.log
    assert "unexpected keyword argument 'unknown'" in attempt.outcome["message"]
    assert runner.marks == []


def test_a_context_reaches_the_nodes(runner: Runner) -> None:
    attempt = runner.start("flows:with_context", context={"colour": "blue"})
    assert attempt.wait() == 0, attempt.log
    assert runner.marks == ["blue"]


def test_a_missing_input_object_fails_for_good(runner: Runner) -> None:
    attempt = runner.start("flows:three", input=None, inputRef="nowhere/input.json")
    assert attempt.wait() == 84, attempt.log
    assert "no object 'nowhere/input.json'" in attempt.outcome["message"]
