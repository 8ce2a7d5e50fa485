"""Buffers, order, errors and the two faces of the saver, on a store in memory."""

import asyncio
import copy
import logging
import subprocess
import sys
import threading
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import ERROR, INTERRUPT, RESUME

from graphrun_checkpoints import (
    CheckpointConflict,
    CheckpointError,
    CorruptObject,
    DurableCheckpoint,
    InvalidCheckpoint,
    ObjectStoreSaver,
    SaverClosed,
    SaverOptions,
    SerializationFailed,
    UnsupportedFormat,
)
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import checkpoint, config, latest, pending, put
from support.stores import MortalStore, PassingStore
from support.waiting import eventually

NULL = "00000000-0000-0000-0000-000000000000"
NEVER = SaverOptions(flush_seconds=3600, hold_seconds=3600)


class Recorded(PassingStore):
    """A store in memory whose objects the tests look at and damage."""

    inner: MemoryStore


@pytest.fixture
def store() -> Recorded:
    return Recorded(MemoryStore())


@pytest.fixture
async def saver(store: Recorded) -> AsyncIterator[ObjectStoreSaver]:
    async with ObjectStoreSaver(store) as each:
        yield each


def batches(store: PassingStore) -> list[str]:
    return [key for key in store.puts if "/a." in key]


async def _batches(store: PassingStore) -> list[str]:
    return batches(store)


async def test_writes_of_a_step_travel_inside_the_next_checkpoint(store: Recorded) -> None:
    async with ObjectStoreSaver(store, options=NEVER) as saver:
        base = await put(saver, config(), x=1)
        for task in range(20):
            await saver.aput_writes(base, [("x", task)], f"task {task:02}", f"{task:02}")
        child = await put(saver, base, x=2)
        assert await pending(saver, base) == list(range(20))
        assert await pending(saver, child) == []
    assert batches(store) == []
    assert len([key for key in store.puts if "/c." in key]) == 2


async def test_writes_wait_for_their_checkpoint_as_long_as_others_before_it_are_being_stored(
    store: Recorded,
) -> None:
    entered, gate = threading.Event(), threading.Event()

    class Slow(PassingStore):
        async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
            if "/c." in key and not entered.is_set():
                entered.set()
                await asyncio.to_thread(gate.wait)
            await super().put(key, data, if_none_match=if_none_match)

    slow = Slow(store.inner)
    async with ObjectStoreSaver(slow, options=SaverOptions(hold_seconds=0, flush_seconds=3600)) as saver:
        first = asyncio.create_task(put(saver, config(), x=1))
        await asyncio.to_thread(entered.wait)
        made = checkpoint(x=2)
        await saver.aput_writes(config(id_=made["id"]), [("x", "early")], "task")
        lane = saver._core.writing.lanes.of("t", "")
        timer = lane.timers.get(made["id"])
        await eventually(
            lambda: _another(lane, made["id"], timer), what="the time of the flush has come once"
        )
        assert batches(slow) == []
        gate.set()
        child = await saver.aput(await first, made, {"source": "loop", "step": 1}, {"x": 2})
        await put(saver, child, x=3)
        assert await pending(saver, child) == ["early"]


async def _another(lane: Any, id_: str, timer: object) -> bool:
    return lane.timers.get(id_) not in (None, timer)


async def test_many_who_want_the_same_object_get_it_by_one_request(store: Recorded) -> None:
    async with ObjectStoreSaver(store) as saver:
        base = await put(saver, config(), x=1, text="t" * 5000)
        for number in range(5):
            base = await put(saver, base, x=number, text="t" * 5000)
    read: list[str] = []

    class Counted(PassingStore):
        async def get(self, key: str) -> bytes | None:
            read.append(key)
            await asyncio.sleep(0.01)
            return await super().get(key)

    async with ObjectStoreSaver(Counted(store.inner)) as reader:
        assert len([each async for each in reader.alist(config())]) == 6
        assert sorted(read) == sorted(set(read))


async def test_a_burst_of_writes_is_stored_as_one_object(store: Recorded) -> None:
    async with ObjectStoreSaver(store, options=SaverOptions(flush_seconds=0.02)) as saver:
        base = await put(saver, config(), x=1)
        for task in range(20):
            await saver.aput_writes(base, [("x", task)], f"task {task}")
        await eventually(lambda: _batches(store))
        assert len(await pending(saver, base)) == 20
    assert len(batches(store)) == 1


async def test_a_steady_drip_of_writes_does_not_put_their_flush_off(store: Recorded) -> None:
    async with ObjectStoreSaver(store, options=SaverOptions(flush_seconds=0.02)) as saver:
        base = await put(saver, config(), x=1)
        for task in range(200):
            await saver.aput_writes(base, [("x", task)], f"task {task}")
            await asyncio.sleep(0.002)
            if batches(store):
                break
        assert batches(store)


@pytest.mark.parametrize("channel", [ERROR, INTERRUPT, RESUME, "__error_source_node__"])
async def test_what_happened_and_what_was_answered_is_stored_on_return(store: Recorded, channel: str) -> None:
    async with ObjectStoreSaver(store, options=NEVER) as saver:
        base = await put(saver, config(), x=1)
        await saver.aput_writes(base, [("x", 1)], "finished before")
        assert batches(store) == []
        await saver.aput_writes(base, [(channel, "value")], "task")
        assert len(batches(store)) == 1
        async with ObjectStoreSaver(store.inner) as other:
            assert sorted(map(str, await pending(other, base))) == ["1", "value"]


async def test_strict_writes_are_stored_on_return(store: Recorded) -> None:
    async with ObjectStoreSaver(store, options=SaverOptions(strict_writes=True)) as saver:
        base = await put(saver, config(), x=1)
        await saver.aput_writes(base, [("x", 1)], "task")
        assert len(batches(store)) == 1


async def test_writes_that_come_before_their_checkpoint_are_held_and_found(store: Recorded) -> None:
    async with ObjectStoreSaver(store, options=SaverOptions(flush_seconds=0.0, hold_seconds=3600)) as saver:
        made = checkpoint(x=1)
        at = config(id_=made["id"])
        await saver.aput_writes(at, [("x", "early")], "task")
        await asyncio.sleep(0.02)
        assert batches(store) == []
        await saver.aput(config(), made, {"source": "loop", "step": 0}, {})
        assert await pending(saver, at) == ["early"]


async def test_writes_on_a_checkpoint_of_an_earlier_process_are_found_with_it(store: Recorded) -> None:
    async with ObjectStoreSaver(store) as first:
        base = await put(first, config(), x=1)
    async with ObjectStoreSaver(store) as second:
        await second.aput_writes(base, [("x", "without having read it")], "task")
    async with ObjectStoreSaver(store) as third:
        assert await pending(third, base) == ["without having read it"]
        found = await third.aget_tuple(config())
        assert found is not None
        assert [value for _, _, value in found.pending_writes or []] == ["without having read it"]


async def test_pending_writes_are_ordered_by_path_task_and_place(saver: ObjectStoreSaver) -> None:
    base = await put(saver, config(), x=1)
    await saver.aput_writes(base, [("x", "b1"), ("x", "b2")], "task 1", "~b")
    await saver.aput_writes(base, [("x", "a")], "task 9", "~a")
    await saver.aput_writes(base, [("x", "null")], NULL)
    assert await pending(saver, base) == ["null", "a", "b1", "b2"]


async def test_the_first_result_of_a_task_stays_and_the_last_interrupt_counts(
    saver: ObjectStoreSaver,
) -> None:
    base = await put(saver, config(), x=1)
    await saver.aput_writes(base, [(INTERRUPT, "one")], "task")
    await saver.aput_writes(base, [(INTERRUPT, "two")], "task")
    await saver.aput_writes(base, [("x", "first")], "task")
    await saver.aput_writes(base, [("x", "again"), ("y", "more")], "task")
    assert await pending(saver, base) == ["two", "first"]


async def test_the_null_task_grows_place_by_place(saver: ObjectStoreSaver) -> None:
    base = await put(saver, config(), x=1)
    await saver.aput_writes(base, [("x", "1")], NULL)
    await saver.aput_writes(base, [("x", "changed"), ("y", "2"), (RESUME, "r")], NULL)
    assert await pending(saver, base) == ["r", "1", "2"]


async def test_values_are_taken_as_they_are_at_the_call(saver: ObjectStoreSaver) -> None:
    value = ["then"]
    base = await put(saver, config(), x=value)
    await saver.aput_writes(base, [("x", value)], "task")
    value.append("later")
    assert await latest(saver) == {"x": ["then"]}
    assert await pending(saver, base) == [["then"]]


async def test_storing_the_same_checkpoint_twice_is_fine_and_another_under_its_id_is_refused(
    saver: ObjectStoreSaver, store: Recorded
) -> None:
    made = checkpoint(x=1)
    stored = await saver.aput(config(), made, {"source": "loop", "step": 0}, {})
    key = next(key for key in store.puts if "/c." in key)
    before = store.inner.objects[key]
    with pytest.raises(CheckpointConflict, match="not overwritten"):
        await saver.aput(config(), {**made, "channel_values": {"x": 2}}, {"source": "loop", "step": 0}, {})
    assert store.inner.objects[key] == before
    found = await saver.aget_tuple(stored)
    assert found is not None
    assert found.checkpoint["channel_values"] == {"x": 1}


async def test_a_put_whose_answer_was_lost_succeeds_on_its_own_object(store: Recorded) -> None:
    class LosesAnswers(PassingStore):
        async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
            await self.inner.put(key, data, if_none_match=if_none_match)
            await self.inner.put(key, data, if_none_match=if_none_match)  # the client's retry

    async with ObjectStoreSaver(LosesAnswers(store.inner)) as saver:
        base = await put(saver, config(), x=1)
        await saver.aput_writes(base, [(INTERRUPT, "?")], "task")
        assert await pending(saver, base) == ["?"]
        assert await latest(saver) == {"x": 1}


async def test_a_value_that_cannot_be_stored_is_named_by_channel_and_type(saver: ObjectStoreSaver) -> None:
    with pytest.raises(
        SerializationFailed, match=r"channel 'handle': .*threading.Thread|channel 'handle': .*Thread"
    ):
        await put(saver, config(), fine=1, handle=threading.current_thread())
    base = await put(saver, config(), x=1)
    with pytest.raises(SerializationFailed, match=r"channel 'f': a value of type builtins.function"):
        await saver.aput_writes(base, [("f", lambda: None)], "task")


async def test_altered_bytes_are_refused_with_their_key(saver: ObjectStoreSaver, store: Recorded) -> None:
    await put(saver, config(), x="a longer value to be compressed")
    key = next(key for key in store.puts if "/c." in key)
    for damage in (lambda data: data[:-1], lambda data: data[:-1] + bytes([data[-1] ^ 1]), lambda _: b""):
        intact = store.inner.objects[key]
        store.inner.objects[key] = damage(intact)
        async with ObjectStoreSaver(store) as reader:
            with pytest.raises(CorruptObject, match=key[-30:].replace("+", r"\+")):
                await latest(reader)
        store.inner.objects[key] = intact


async def test_a_newer_format_is_refused_with_its_version(saver: ObjectStoreSaver, store: Recorded) -> None:
    await put(saver, config(), x=1)
    key = next(key for key in store.puts if "/c." in key)
    data = bytearray(store.inner.objects[key])
    data[4] = 9
    store.inner.objects[key] = bytes(data)
    async with ObjectStoreSaver(store) as reader:
        with pytest.raises(UnsupportedFormat, match="version 9"):
            await latest(reader)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "a/b",
        "ä ö 漢字",
        "%2F",
        "=2F",
        "~",
        "_",
        "x" * 5000,
        "a|b:c",
        "line\nbreak",
        "-",
        "A",
        "a",
    ],
)
async def test_threads_and_namespaces_may_have_any_characters(saver: ObjectStoreSaver, name: str) -> None:
    await put(saver, config(thread="other"), x="other")
    await put(saver, config(thread=name, ns=f"n{name}"), x="ours")
    assert await latest(saver, name, f"n{name}") == {"x": "ours"}
    assert await latest(saver, name) is None
    found = [each async for each in saver.alist(config(thread=name, ns=f"n{name}"))]
    assert found[0].config["configurable"]["thread_id"] == name
    assert found[0].config["configurable"]["checkpoint_ns"] == f"n{name}"
    everything = {each.config["configurable"]["thread_id"] async for each in saver.alist(None)}
    assert everything == {"other", name}
    await saver.adelete_thread(name)
    assert await latest(saver, name, f"n{name}") is None
    assert await latest(saver, "other") == {"x": "other"}


async def test_a_clone_with_another_allowlist_shares_buffers_and_claim(store: Recorded) -> None:
    saver = ObjectStoreSaver(
        store, serde=JsonPlusSerializer(allowed_msgpack_modules=[("a", "B")]), options=NEVER
    )
    clone = saver.with_allowlist([("c", "D")])
    assert isinstance(clone, ObjectStoreSaver)
    assert clone is not saver
    base = await put(saver, config(), x=1)
    await clone.aput_writes(base, [("x", "through the clone")], "task")
    await put(copy.copy(clone), base, x=2)
    assert await pending(saver, base) == ["through the clone"]
    assert len([key for key in store.puts if key.endswith("/!")]) == 2  # one claim, put again as the probe
    await clone.aclose()


async def test_each_stored_checkpoint_is_reported_after_its_put(store: Recorded) -> None:
    seen: list[tuple[DurableCheckpoint, bool]] = []

    def note(durable: DurableCheckpoint) -> None:
        seen.append((durable, any("/c." in key for key in store.inner.objects)))

    async with ObjectStoreSaver(store, on_durable=note) as saver:
        stored = await put(saver, config(ns="node:1"), step=3, source="input", x=1)
    (durable, was_stored) = seen[0]
    assert was_stored
    assert (durable.thread, durable.ns, durable.step, durable.source) == ("t", "node:1", 3, "input")
    assert durable.id == stored["configurable"]["checkpoint_id"]
    assert durable.bytes > 50
    assert abs(durable.time - datetime.now(UTC)) < timedelta(minutes=1)


async def test_a_callback_that_fails_is_logged_and_harms_nothing(
    store: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: DurableCheckpoint) -> None:
        raise RuntimeError("listener")

    async with ObjectStoreSaver(store, on_durable=fail) as saver:
        with caplog.at_level(logging.ERROR):
            await put(saver, config(), x=1)
        assert await latest(saver) == {"x": 1}
    assert "on_durable failed" in caplog.text


async def test_a_callback_that_calls_the_sync_face_is_told_so(
    store: Recorded, caplog: pytest.LogCaptureFixture
) -> None:
    async with ObjectStoreSaver(store, on_durable=lambda _: called.get_tuple(config())) as called:
        await put(called, config(), x=1)
    assert "own thread" in caplog.text


def test_the_sync_face_does_the_same(store: Recorded) -> None:
    saver = ObjectStoreSaver(store)
    made = checkpoint(x=1)
    base = saver.put(config(), made, {"source": "input", "step": -1}, made["channel_versions"])
    saver.put_writes(base, [("x", 2)], "task", "path")
    child = saver.put(base, checkpoint(x=2), {"source": "loop", "step": 0}, {"x": 1})
    found = saver.get_tuple(config())
    assert found is not None
    assert found.config == child
    assert found.parent_config == base
    assert [each.checkpoint["channel_values"]["x"] for each in saver.list(config())] == [2, 1]
    assert [each.config for each in saver.list(config(), filter={"source": "input"})] == [base]
    assert [each.config for each in saver.list(config(), before=child, limit=5)] == [base]
    saver.delete_thread("t")
    assert saver.get_tuple(config()) is None
    asyncio.run(saver.aclose())


async def test_closing_stores_what_waits_and_ends_the_thread(store: Recorded) -> None:
    before = set(threading.enumerate())
    saver = ObjectStoreSaver(store, options=NEVER)
    base = await put(saver, config(), x=1)
    await saver.aput_writes(base, [("x", "last")], "task")
    await saver.aclose()
    await saver.aclose()
    assert len(batches(store)) == 1
    left = set(threading.enumerate()) - before
    assert not [each for each in left if each.name == "graphrun-checkpoints"]
    with pytest.raises(SaverClosed):
        await saver.aget_tuple(config())


async def test_writes_that_could_not_be_stored_are_kept_and_make_closing_fail(store: Recorded) -> None:
    mortal = MortalStore(store.inner, dies_at_put=10, stored=False)
    saver = ObjectStoreSaver(mortal, options=NEVER)
    base = await put(saver, config(), x=1)
    mortal.dead = True
    await saver.aput_writes(base, [("x", "kept")], "task")
    with pytest.raises(CheckpointError):
        await put(saver, base, x=2)
    mortal.dead = False
    await saver.aflush()
    assert await pending(saver, base) == ["kept"]
    mortal.dead = True
    await saver.aput_writes(base, [("x", "lost")], "task 2")
    with pytest.raises(CheckpointError):
        await saver.aclose()


async def test_a_cancelled_caller_does_not_undo_a_put(store: Recorded) -> None:
    entered, gate = threading.Event(), threading.Event()

    class Slow(PassingStore):
        async def put(self, key: str, data: bytes, *, if_none_match: bool = False) -> None:
            if "/c." in key:
                entered.set()
                await asyncio.to_thread(gate.wait)
            await super().put(key, data, if_none_match=if_none_match)

    async with ObjectStoreSaver(Slow(store.inner)) as saver:
        caller = asyncio.create_task(put(saver, config(), x=1))
        await asyncio.to_thread(entered.wait)
        caller.cancel()
        await asyncio.gather(caller, return_exceptions=True)
        gate.set()
        await eventually(lambda: latest(saver))


async def test_configs_that_name_nothing_are_refused(saver: ObjectStoreSaver) -> None:
    with pytest.raises(InvalidCheckpoint, match="thread_id"):
        await saver.aget_tuple({"configurable": {}})
    with pytest.raises(InvalidCheckpoint, match="checkpoint_id"):
        await saver.aput_writes(config(), [("x", 1)], "task")
    with pytest.raises(InvalidCheckpoint, match="surrogates"):
        await saver.aget_tuple(config(thread="\udc80"))
    with pytest.raises(InvalidCheckpoint, match="not a UUID"):
        await saver.aput(config(), {**checkpoint(), "id": "1"}, {"source": "loop", "step": 0}, {})


async def test_reading_the_newest_of_many_costs_one_small_list_and_one_get(
    saver: ObjectStoreSaver, store: Recorded
) -> None:
    base = config()
    for number in range(40):
        base = await put(saver, base, x=number)
    async with ObjectStoreSaver(store) as reader:
        lists, gets = store.lists, store.gets
        assert await latest(reader) == {"x": 39}
        assert (store.lists - lists, store.gets - gets) == (1, 1)


async def test_a_listing_reads_no_more_checkpoints_than_asked_for(
    saver: ObjectStoreSaver, store: Recorded
) -> None:
    base = config()
    for number in range(40):
        base = await put(saver, base, x=number, step=number)
    async with ObjectStoreSaver(store) as reader:
        gets = store.gets
        found = [each.metadata["step"] async for each in reader.alist(config(), limit=3)]
        assert found == [39, 38, 37]
        assert store.gets - gets == 3
        assert [each.metadata["step"] async for each in reader.alist(config(), filter={"step": 7})] == [7]
        assert store.gets - gets == 5  # it and the child that holds its writes


def test_importing_builds_nothing_and_leaves_langgraph_alone() -> None:
    code = "import threading, sys, graphrun_checkpoints; assert threading.active_count() == 1; assert 'langgraph.pregel' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
