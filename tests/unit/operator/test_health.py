"""What /healthz, the settings and the log lines say."""

import json
import logging

import pytest

from graphrun_core.errors import SettingsInvalid
from graphrun_core.settings import read_settings
from graphrun_operator.health import judge_health
from graphrun_operator.logs import JsonLines, bound_run
from graphrun_operator.model import RunKey
from graphrun_operator.settings import Settings


def test_a_moving_queue_and_watches_that_tell_are_healthy() -> None:
    assert judge_health(oldest_wait=1, deaf=[]) == []


def test_a_stuck_queue_is_told() -> None:
    assert "the queue is stuck" in judge_health(oldest_wait=121, deaf=[])[0]


def test_a_deaf_watch_is_told_by_its_kind() -> None:
    assert "the watch of jobs is deaf" in judge_health(oldest_wait=0, deaf=["jobs"])[0]


def test_a_log_line_is_json_with_its_keys_and_the_run_it_is_about() -> None:
    record = logging.makeLogRecord({"name": "x", "msg": "job created", "levelname": "INFO", "job": "r-1"})
    token = bound_run.set(RunKey("n", "r"))
    try:
        line = json.loads(JsonLines().format(record))
    finally:
        bound_run.reset(token)
    assert (
        line.items()
        >= {"message": "job created", "job": "r-1", "namespace": "n", "run": "r", "level": "info"}.items()
    )


def test_the_runner_image_must_be_given() -> None:
    with pytest.raises(SettingsInvalid, match="GRAPHRUN_RUNNER_IMAGE"):
        read_settings(Settings, {})


def test_settings_have_working_defaults() -> None:
    settings = read_settings(Settings, {"GRAPHRUN_RUNNER_IMAGE": "runner:1"})
    assert (settings.metrics_port, settings.health_port, settings.log_level) == (9090, 8082, "info")
