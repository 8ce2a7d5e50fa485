"""Settings that cannot work are refused where they are made, by their names."""

from typing import Any

import pytest

from graphrun_checkpoints import Credentials, MinioStore, MisconfiguredStore, StorageConfig


@pytest.mark.parametrize(
    "wrong",
    [
        {"endpoint": "localhost:9000"},
        {"endpoint": "http://h/path"},
        {"endpoint": "http://h:port"},
        {"endpoint": "http://[::1"},
        {"endpoint": "http://user:password@h:1"},
        {"endpoint": "https://h?x=1"},
        {"endpoint": "https://:1"},
        {"bucket": ""},
        {"bucket": "a/b"},
        {"bucket": "a?b"},
        {"prefix": "/a"},
        {"prefix": "a/"},
        {"region": ""},
        {"threads": 0},
        {"connect_timeout": 0.0},
        {"read_timeout": -1.0},
        {"attempt_seconds": 0.0},
        {"max_object_bytes": 0},
    ],
)
def test_settings_that_cannot_work_are_refused_by_name(wrong: dict[str, Any]) -> None:
    with pytest.raises(MisconfiguredStore, match=next(iter(wrong))):
        StorageConfig(**{"endpoint": "http://127.0.0.1:9000", "bucket": "b", **wrong})


def test_what_the_client_cannot_make_sense_of_is_refused_when_the_store_is_made() -> None:
    with pytest.raises(MisconfiguredStore, match="region"):
        MinioStore(StorageConfig("http://h:1", "b", region="not a region"))


@pytest.mark.parametrize(
    "endpoint", ["http://h:1", "https://h", "http://[::1]:9000", "https://s3.eu-west-1.amazonaws.com/"]
)
def test_endpoints_may_be_written_in_all_usual_ways(endpoint: str) -> None:
    config = StorageConfig(endpoint, "b")
    assert config.secure == endpoint.startswith("https")
    assert "/" not in config.host


def test_secrets_are_not_shown() -> None:
    keys = Credentials("access", "hidden-secret", "hidden-token")
    assert "hidden" not in repr(StorageConfig("http://h:1", "b", credentials=keys))
