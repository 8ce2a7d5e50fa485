"""The audit log: who wrote what, across a change of files, without half a line."""

import json
from pathlib import Path

import pytest

from graphrun_devcluster.audit import AuditLog, Kind, counted, parse_write

OPERATOR = "system:serviceaccount:graphrun-system:graphrun-operator"


def line(name: str = "r", user: str = OPERATOR, uri: str = "/x", code: int = 200, **about: str) -> str:
    event = {
        "verb": "patch",
        "requestURI": uri,
        "user": {"username": user},
        "userAgent": "kube-scheduler/v0 (linux)",
        "objectRef": {"resource": "workflowruns", "namespace": "n", "name": name, **about},
        "responseStatus": {"code": code},
        "requestReceivedTimestamp": "2026-11-25T02:41:20.914900Z",
    }
    return json.dumps(event) + "\n"


@pytest.mark.parametrize(
    ("user", "writer"),
    [(OPERATOR, "graphrun-operator"), ("system:node:node1", "kubelet"), ("admin", "kube-scheduler")],
)
def test_a_writer_is_called_by_its_account_its_node_or_its_program(user: str, writer: str) -> None:
    write = parse_write(line(user=user, subresource="status"))

    assert write
    assert counted([write]) == {Kind(writer, "patch", "workflowruns/status"): 1}


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        (line(), True),
        (line(code=409), False),
        (line(uri="/x?dryRun=All"), False),
        (line(resource="tokenreviews"), False),
    ],
)
def test_refusals_dry_runs_and_reviews_store_nothing(text: str, stored: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    write = parse_write(text)

    assert write
    assert write.stored is stored


@pytest.mark.parametrize(
    ("name", "concerns"), [("r", True), ("r-1", True), ("r-1-abcde", True), ("r.18a", True), ("r2", False)]
)
def test_a_run_has_its_jobs_pods_and_events(name: str, concerns: bool) -> None:  # noqa: FBT001 - a parameter of pytest
    write = parse_write(line(name))

    assert write
    assert write.concerns("n", "r") is concerns
    assert not write.concerns("other", "r")


def test_what_is_about_no_resource_is_left_out() -> None:
    assert parse_write(json.dumps({"verb": "post", "requestURI": "/x"})) is None


def test_only_what_comes_after_a_mark_is_read_and_never_half_a_line(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    assert log.writes(log.mark()) == []
    log.path.write_text(line("before"))
    mark = log.mark()
    whole, half = line("after"), line("half")
    with log.path.open("a") as text:
        text.write(whole + half[:40])

    assert [write.name for write in log.writes(mark)] == ["after"]
    assert [write.name for write in log.writes()] == ["before", "after"]


def test_a_mark_in_a_file_that_was_put_aside_leads_on_into_the_new_one(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit.log")
    log.path.write_text(line("before"))
    mark = log.mark()
    with log.path.open("a") as text:
        text.write(line("between"))
    log.path.rename(tmp_path / "audit-2026-11-25T02-41-21.178.log")
    log.path.write_text(line("after"))

    assert [write.name for write in log.writes(mark)] == ["between", "after"]
    assert [write.name for write in log.writes(log.mark())] == []
