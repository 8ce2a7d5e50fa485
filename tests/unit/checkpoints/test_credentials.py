"""Where keys come from and when they are renewed, without any server."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graphrun_checkpoints import (
    CheckpointError,
    Credentials,
    MisconfiguredStore,
    StorageUnavailable,
    default_credentials,
    web_identity_credentials,
)
from graphrun_checkpoints.s3.credentials import RenewedCredentials

VARIABLES = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_ROLE_ARN",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE",
)


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def lasting(seconds: float, name: str = "key") -> Credentials:
    return Credentials(name, "secret", expires_at=datetime.now(UTC) + timedelta(seconds=seconds))


class Source:
    """Answers in turn, and counts."""

    def __init__(self, *answers: Credentials | Exception) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self) -> Credentials:
        self.asked += 1
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


def test_without_anything_all_ways_are_named() -> None:
    with pytest.raises(MisconfiguredStore) as caught:
        default_credentials()()
    for name in VARIABLES:
        assert name in str(caught.value) or name == "AWS_SESSION_TOKEN"


@pytest.mark.parametrize(("given", "missing"), [VARIABLES[:2], VARIABLES[1::-1]])
def test_half_a_pair_of_keys_names_the_other_half(
    monkeypatch: pytest.MonkeyPatch, given: str, missing: str
) -> None:
    monkeypatch.setenv(given, "x")
    with pytest.raises(MisconfiguredStore, match=f"{missing} is not set"):
        default_credentials()()


def test_keys_of_the_environment_come_before_identities_and_are_read_at_each_asking(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere")
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
    source = default_credentials()
    for secret in ("one", "two"):
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", secret)
        monkeypatch.setenv("AWS_SESSION_TOKEN", "token")
        assert source() == Credentials("key", secret, "token")


@pytest.mark.parametrize("content", [None, "", "\n", "\xff"])
def test_a_token_that_cannot_be_read_names_its_file(tmp_path: Path, content: str | None) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_text(content, "latin-1")
    with pytest.raises(MisconfiguredStore, match=str(token)):
        web_identity_credentials("arn:aws:iam::1:role/r", token, "http://127.0.0.1:9")()


def test_keys_are_renewed_a_minute_before_they_expire() -> None:
    source = Source(lasting(59, "first"), lasting(61, "second"), lasting(3600, "third"))
    renewed = RenewedCredentials(source)
    assert [renewed.retrieve().access_key for _ in range(4)] == ["first", "second", "second", "second"]
    assert source.asked == 2


def test_many_threads_renew_once() -> None:
    begun = threading.Barrier(16)
    go_on = threading.Event()
    asked: list[int] = []

    def ask() -> Credentials:
        asked.append(1)
        go_on.wait(10)
        return lasting(3600)

    renewed = RenewedCredentials(ask)

    def retrieve(_: int) -> str:
        if begun.wait(10) == 0:
            threading.Timer(0.2, go_on.set).start()  # by then the others wait for the one that asks
        return renewed.retrieve().access_key

    with ThreadPoolExecutor(16) as threads:
        assert set(threads.map(retrieve, range(16))) == {"key"}
    assert len(asked) == 1


def test_others_go_on_with_valid_keys_while_one_thread_renews() -> None:
    asking, go_on = threading.Event(), threading.Event()
    answers = [lasting(30, "old")]

    def ask() -> Credentials:
        if answers:
            return answers.pop()
        asking.set()
        go_on.wait(10)
        return lasting(3600, "new")

    renewed = RenewedCredentials(ask)
    renewed.retrieve()
    with ThreadPoolExecutor(1) as threads:
        renewing = threads.submit(renewed.retrieve)
        assert asking.wait(10)
        assert renewed.retrieve().access_key == "old"
        go_on.set()
        assert renewing.result(10).access_key == "new"


def test_a_renewal_that_fails_leaves_keys_in_use_that_are_still_valid() -> None:
    source = Source(lasting(30, "old"), StorageUnavailable("away"), lasting(3600, "new"))
    renewed = RenewedCredentials(source)
    assert [renewed.retrieve().access_key for _ in range(3)] == ["old", "old", "new"]


def test_a_failure_is_shared_by_those_who_waited_for_it() -> None:
    """Else each of 16 threads would wait for a server that is away, one after the other."""
    begun, go_on = threading.Barrier(8), threading.Event()
    asked: list[int] = []

    def ask() -> Credentials:
        asked.append(1)
        go_on.wait(10)
        raise StorageUnavailable("away")

    renewed = RenewedCredentials(ask)

    def retrieve(_: int) -> str:
        if begun.wait(10) == 0:
            threading.Timer(0.3, go_on.set).start()
        with pytest.raises(StorageUnavailable, match="away") as caught:
            renewed.retrieve()
        return str(caught.value)

    with ThreadPoolExecutor(8) as threads:
        assert set(threads.map(retrieve, range(8))) == {"away"}
    assert len(asked) == 1
    with pytest.raises(StorageUnavailable):
        renewed.retrieve()
    assert len(asked) == 2  # later ones ask again


def test_expired_keys_are_not_used_when_renewal_fails() -> None:
    renewed = RenewedCredentials(Source(lasting(-1), StorageUnavailable("away")))
    renewed.retrieve()
    with pytest.raises(StorageUnavailable):
        renewed.retrieve()


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (RuntimeError("no luck"), MisconfiguredStore),
        (ConnectionError("reset"), StorageUnavailable),
        (MisconfiguredStore("no luck"), MisconfiguredStore),
    ],
)
def test_whatever_a_function_of_the_caller_raises_becomes_an_error_of_ours(
    failure: Exception, expected: type[CheckpointError]
) -> None:
    with pytest.raises(expected, match=str(failure)):
        RenewedCredentials(Source(failure)).retrieve()


def test_refused_keys_are_forgotten_once_and_static_ones_never() -> None:
    source = Source(Credentials("old", "secret"), Credentials("new", "secret"))
    renewed = RenewedCredentials(source)
    refused = source.answers[0]
    assert renewed.retrieve().access_key == "old"
    assert isinstance(refused, Credentials)
    assert renewed.forget(refused)
    assert renewed.retrieve().access_key == "new"
    assert renewed.forget(refused)  # a second thread, whose attempt began before
    assert renewed.retrieve().access_key == "new"
    assert source.asked == 2
    assert not RenewedCredentials(Credentials("a", "b")).forget(Credentials("a", "b"))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Credentials("", "secret"),
        lambda: Credentials("key", ""),
        lambda: Credentials("key", "secret", expires_at=datetime(2030, 1, 1)),  # noqa: DTZ001 - the mistake
    ],
)
def test_keys_that_cannot_work_are_refused(make: Callable[[], Credentials]) -> None:
    with pytest.raises(MisconfiguredStore, match="credentials: "):
        make()
