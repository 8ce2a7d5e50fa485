"""The read side: histories from keys alone, states as JSON without the graph's types."""

import dataclasses
import datetime
import enum
import json
import math
import uuid
from typing import Any

import pytest
from langchain_core.messages import HumanMessage
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.serde.types import _DeltaSnapshot

from graphrun_checkpoints import CheckpointReader, CorruptObject, ObjectStoreSaver
from graphrun_checkpoints.format.json_view import part_to_json, to_json
from graphrun_checkpoints.format.parts import Part
from graphrun_checkpoints.format.values import dump
from graphrun_checkpoints.testing import MemoryStore
from support.checkpoints import config, put
from support.stores import PassingStore


@dataclasses.dataclass
class Point:
    x: int


class Colour(enum.Enum):
    RED = "red"


Told = tuple[PassingStore, CheckpointReader, list[str]]


def shown(value: object) -> Any:
    view = to_json(dump(JsonPlusSerializer(), "x", value))
    json.dumps(view, allow_nan=False)
    return view


@pytest.mark.parametrize(
    ("value", "view"),
    [
        (None, None),
        ({"a": [1, 2.5, True, None, "s"]}, {"a": [1, 2.5, True, None, "s"]}),
        ({1: "int key"}, {"1": "int key"}),
        (2**60, str(2**60)),
        (math.inf, "inf"),
        (b"ab", {"$type": "bytes", "bytes": 2, "base64": "YWI="}),
        ([b""], [{"$type": "bytes", "bytes": 0, "base64": ""}]),
        ((1, 2), [1, 2]),
        (_DeltaSnapshot([1]), [1]),
    ],
)
def test_plain_values_read_as_themselves(value: object, view: object) -> None:
    assert shown(value) == view


def test_foreign_types_are_named_and_never_built() -> None:
    module = Point.__module__
    assert shown(Point(3)) == {"$type": f"{module}.Point", "value": {"x": 3}}
    assert shown([Colour.RED]) == [{"$type": f"{module}.Colour", "value": "red"}]
    assert shown({3})["value"] == [3]
    assert shown(uuid.UUID(int=1))["$type"] == "uuid.UUID"
    assert shown(datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC))["value"].startswith("2026-01-02")
    message = shown([HumanMessage("hello")])[0]
    assert message["$type"].endswith(".HumanMessage")
    assert message["value"]["content"] == "hello"


def test_values_of_other_serializers_are_described_and_damage_is_told() -> None:
    assert part_to_json(Part("pickle", b"1234")) == {"$type": "pickle", "bytes": 4}
    assert part_to_json(Part("json", b'{"a": 1}')) == {"a": 1}
    with pytest.raises(CorruptObject, match="msgpack"):
        part_to_json(Part("msgpack", b"\xc1"))


@pytest.fixture
async def told() -> Told:
    store = PassingStore(MemoryStore())
    async with ObjectStoreSaver(store) as saver:
        base = await put(saver, config(), step=-1, source="input", x=1)
        child = await put(saver, base, step=0, x=Point(2))
        await saver.aput_writes(child, [("x", "pending")], "task")
        await put(saver, config(ns="node:1"), x="inner")
        await saver.aflush()
        ids = [each["configurable"]["checkpoint_id"] for each in (base, child)]
    return store, CheckpointReader(store), ids


async def test_a_history_costs_one_list_and_reads_no_object(told: Told) -> None:
    store, reader, (base, child) = told
    lists, gets = store.lists, store.gets
    history = await reader.list_checkpoints("t")
    assert (store.lists - lists, store.gets - gets) == (1, 0)
    assert [(each.id, each.parent_id, each.step, each.source) for each in history] == [
        (child, base, 0, "loop"),
        (base, None, -1, "input"),
    ]
    assert history[0].time is not None
    assert history[1].time is not None
    assert history[0].time > history[1].time
    assert all(each.bytes > 0 for each in history)
    assert [each.id for each in await reader.list_checkpoints("t", before=child)] == [base]
    assert [each.id for each in await reader.list_checkpoints("t", limit=1)] == [child]
    assert await reader.list_checkpoints("unknown") == []


async def test_a_state_is_json_with_what_is_pending_on_it(told: Told) -> None:
    _, reader, (base, child) = told
    newest = await reader.read_state("t")
    assert newest is not None
    assert (newest["id"], newest["parent_id"], newest["step"]) == (child, base, 0)
    assert newest["values"]["x"]["value"] == {"x": 2}
    assert newest["pending_writes"] == [{"task_id": "task", "channel": "x", "value": "pending"}]
    older = await reader.read_state("t", base)
    assert older is not None
    assert older["values"] == {"x": 1}
    inner = await reader.read_state("t", ns="node:1")
    assert inner is not None
    assert inner["values"] == {"x": "inner"}
    assert await reader.read_state("t", str(uuid.uuid4())) is None
    assert await reader.namespaces("t") == ["", "node:1"]
