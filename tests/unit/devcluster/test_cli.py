"""The command line's own part: what it takes, and how it fails."""

import pytest

from graphrun_devcluster.cli import build_parser, main


@pytest.mark.parametrize(
    "argv",
    [
        ["up", "--name", "x", "--nodes", "2"],
        ["down"],
        ["status"],
        ["components", "etcd"],
        ["kubeconfig"],
        ["forward", "ns", "svc", "80"],
        ["load-image", "a.tar"],
        ["control-plane", "--audit"],
    ],
)
def test_every_command_has_something_to_run(argv: list[str]) -> None:
    assert callable(build_parser().parse_args(argv).run)


def test_the_name_comes_from_the_environment_unless_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GRAPHRUN_CLUSTER_NAME", "mine")

    assert build_parser().parse_args(["down"]).name == "mine"
    assert build_parser().parse_args(["down", "--name", "yours"]).name == "yours"


def test_what_cannot_be_done_is_one_clear_line_and_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GRAPHRUN_CLUSTER", "local")

    assert main(["kubeconfig", "--name", "never-made"]) == 1
    assert capsys.readouterr().err == ("error: the cluster never-made is not up: bring it up with `up`\n")


def test_an_unknown_component_is_refused_with_the_choices(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["components", "etcetera"])

    assert "choose from etcd, kubernetes" in capsys.readouterr().err
