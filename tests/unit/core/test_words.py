"""Small contracts of the shared language: names, revisions, settings, times, errors."""

from datetime import UTC, datetime

import pytest
from pydantic import BaseModel, Field

from graphrun_core import names, phases, storage_keys
from graphrun_core.errors import FieldInvalid, GraphrunError, SettingsInvalid
from graphrun_core.resources import Resume, WorkflowRun
from graphrun_core.revisions import revision_name
from graphrun_core.settings import read_settings
from graphrun_core.times import from_rfc3339, to_rfc3339


class Example(BaseModel):
    port: int = Field(8080, description="TCP port")
    dsn: str = Field(description="where Postgres is")


def test_settings_come_from_the_environment_and_empty_means_unset() -> None:
    settings = read_settings(Example, {"GRAPHRUN_DSN": "x", "GRAPHRUN_PORT": "", "PORT": "1"})
    assert settings == Example(port=8080, dsn="x")


def test_wrong_settings_are_all_named_with_their_meaning() -> None:
    with pytest.raises(SettingsInvalid) as caught:
        read_settings(Example, {"GRAPHRUN_PORT": "many"})
    assert "GRAPHRUN_PORT: " in str(caught.value)
    assert "GRAPHRUN_DSN: Field required (where Postgres is)" in str(caught.value)


def test_a_revision_is_named_by_content_alone() -> None:
    assert revision_name("w", {"a": 1, "b": {"c": "ä"}}) == revision_name("w", {"b": {"c": "ä"}, "a": 1})
    assert revision_name("w", {"a": 1}) != revision_name("w", {"a": 2})
    assert len(revision_name("w" * names.MAX_NAME_LENGTH, {})) <= 63


def test_a_job_name_fits_a_label_for_any_attempt_in_reach() -> None:
    assert len(names.job_name("r" * names.MAX_NAME_LENGTH, 9_999_999_999)) <= 63


def test_every_phase_has_a_rest_word() -> None:
    assert phases.REST_STATUS.keys() > phases.CLOSED_TO_CLAIMS
    assert {phases.REST_STATUS[p] for p in phases.TERMINAL} == {"CANCELLED", "COMPLETED", "FAILED"}


def test_times_round_trip_in_utc() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
    assert to_rfc3339(moment) == "2026-01-02T03:04:05.678900Z"
    assert from_rfc3339("2026-01-02T05:04:05.6789+02:00") == moment


def test_a_naive_time_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        to_rfc3339(datetime(2026, 1, 1))  # noqa: DTZ001 - the very thing that is refused


def test_the_docstring_is_the_default_message() -> None:
    assert str(SettingsInvalid()) == "The environment of this program is incomplete or wrong."
    assert str(GraphrunError("why")) == "why"
    assert FieldInvalid("no", field="spec.input").field == "spec.input"


def test_keys_hold_the_uid_and_no_outer_slash() -> None:
    assert storage_keys.checkpoint_prefix("p") == "p/checkpoints"
    assert storage_keys.input_key("p", "uid") == "p/runs/uid/input.json"
    assert storage_keys.output_key("p", "uid", 2) == "p/runs/uid/output-2.json"


def test_resources_ignore_fields_newer_than_this_code() -> None:
    view = WorkflowRun.parse(
        {"spec": {"later": 1}, "status": {"attempt": 3, "runner": {"attempt": 3, "x": 1}}}
    )
    assert view.is_claimed
    assert view.attempt == 3
    assert not view.is_finished
    assert not view.is_deleting


def test_only_what_was_set_is_written_back() -> None:
    assert Resume.model_validate({"id": "a", "checkpointID": "c"}).to_manifest() == {
        "id": "a",
        "checkpointID": "c",
    }
