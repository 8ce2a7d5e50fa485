"""What is remembered: runs as new as possible, reviews for as long as they may be believed, projects by the oldest claim."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from graphrun_api.auth.expiring import ExpiringAnswers, Kept
from graphrun_api.auth.projects import Projects
from graphrun_api.auth.tokens import bearer_of
from graphrun_api.events.feed import Subscription
from graphrun_api.events.model import Event
from graphrun_api.kube.run_cache import Change, RunCache


def manifest(version: int, name: str = "r", uid: str = "u", **labels: str) -> dict[str, Any]:
    meta = {"name": name, "namespace": "n", "uid": uid, "resourceVersion": str(version), "labels": labels}
    return {"metadata": meta, "spec": {}}


def version(cache: RunCache, name: str = "r") -> str | None:
    run = cache.get("n", name)
    return run.metadata.resource_version if run else None


def test_an_older_view_never_replaces_a_newer_one() -> None:
    cache = RunCache()
    cache.merge(manifest(9))
    cache.changed(manifest(10))
    cache.changed(manifest(8))

    assert version(cache) == "10"
    assert cache.merge(manifest(7)).metadata.resource_version == "10"


def test_a_list_drops_what_it_lacks_but_not_what_was_written_since() -> None:
    cache = RunCache()
    cache.merge(manifest(5, "old", "u1"))
    cache.merge(manifest(50, "new", "u2"))

    cache.replace([], 20)

    assert version(cache, "old") is None
    assert version(cache, "new") == "50"


def test_a_late_write_does_not_bring_back_what_is_gone() -> None:
    cache = RunCache()
    cache.changed(manifest(5))
    cache.removed(manifest(6))
    cache.merge(manifest(5))

    assert version(cache) is None


def test_a_namesake_made_later_is_another_run() -> None:
    cache = RunCache()
    cache.changed(manifest(5, uid="first"))
    cache.changed(manifest(9, uid="second"))
    cache.removed(manifest(8, uid="first"))

    assert version(cache) == "9"


def test_an_unreadable_object_does_not_stop_the_watch() -> None:
    cache = RunCache()

    cache.changed({"metadata": {"name": "odd", "namespace": "n"}, "spec": {"state": "Flying"}})

    assert cache.all() == []


async def test_bells_ring_for_their_run_alone_and_observers_hear_all() -> None:
    cache = RunCache()
    heard: list[Change] = []
    with cache.bell("n", "r") as bell, cache.observed_by(heard.append):
        cache.changed(manifest(1, "other", "x"))
        assert not bell.is_set()
        cache.changed(manifest(2))
        assert bell.is_set()
    cache.changed(manifest(3))

    assert [(change.run.metadata.name, change.gone) for change in heard] == [("other", False), ("r", False)]


async def test_many_who_ask_at_once_cause_one_question() -> None:
    answers: ExpiringAnswers[str, int] = ExpiringAnswers()
    asked = 0

    async def ask() -> Kept[int]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return Kept(asked, 60)

    assert await asyncio.gather(*(answers.get("k", ask) for _ in range(5))) == [1] * 5
    assert await answers.get("k", ask) == 1


async def test_an_answer_is_asked_for_anew_when_its_time_is_over() -> None:
    now = 0.0
    answers: ExpiringAnswers[str, float] = ExpiringAnswers(clock=lambda: now)

    async def ask() -> Kept[float]:
        return Kept(now, 10)

    assert await answers.get("k", ask) == 0.0
    now = 9.9
    assert await answers.get("k", ask) == 0.0
    now = 10.0
    assert await answers.get("k", ask) == 10.0


async def test_a_failed_question_is_not_remembered() -> None:
    answers: ExpiringAnswers[str, int] = ExpiringAnswers()

    async def fail() -> Kept[int]:
        raise ConnectionRefusedError

    async def answer() -> Kept[int]:
        return Kept(1, 10)

    with pytest.raises(ConnectionRefusedError):
        await answers.get("k", fail)
    assert await answers.get("k", answer) == 1


async def test_who_leaves_early_does_not_take_the_answer_from_the_others() -> None:
    answers: ExpiringAnswers[str, int] = ExpiringAnswers()
    gate = asyncio.Event()

    async def ask() -> Kept[int]:
        await gate.wait()
        return Kept(7, 10)

    first = asyncio.create_task(answers.get("k", ask))
    second = asyncio.create_task(answers.get("k", ask))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    gate.set()

    assert await second == 7


async def test_only_so_many_answers_are_kept() -> None:
    answers: ExpiringAnswers[int, int] = ExpiringAnswers(limit=2)
    asked: list[int] = []

    for key in (1, 2, 3, 1):

        async def ask(key: int = key) -> Kept[int]:
            asked.append(key)
            return Kept(key, 60)

        await answers.get(key, ask)

    assert asked == [1, 2, 3, 1]


def namespace(name: str, project: str, made: str) -> dict[str, Any]:
    return {
        "metadata": {"name": name, "labels": {"graphrun.dev/project": project}, "creationTimestamp": made}
    }


def test_a_project_is_the_oldest_namespace_with_its_label() -> None:
    projects = Projects()
    projects.replace(
        [namespace("late", "p", "2026-02-01T00:00:00Z"), namespace("early", "p", "2026-01-01T00:00:00Z")], 1
    )

    assert projects.namespace_of("p") == "early"
    projects.removed(namespace("early", "p", ""))
    assert projects.namespace_of("p") == "late"
    projects.changed({"metadata": {"name": "late", "labels": {}}})
    assert projects.namespace_of("p") is None


@pytest.mark.parametrize(
    ("header", "token"),
    [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", ""), ("", ""), ("abc", "")],
)
def test_only_bearer_tokens_count(header: str, token: str) -> None:
    assert bearer_of(header) == token


async def test_a_follower_that_does_not_keep_up_is_marked_and_fed_no_more() -> None:
    subscription = Subscription(0, asyncio.Event())
    events = [Event(seq, 1, "custom", datetime.now(UTC), None, "{}") for seq in range(1, 1501)]
    subscription.push(events)
    assert not subscription.overflowed.is_set()

    subscription.push(events)

    assert subscription.overflowed.is_set()
    assert [event.seq for event in await subscription.next_batch()] == list(range(1, 1501))
