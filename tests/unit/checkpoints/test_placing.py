"""Where parts go: whatever happens to a value, its parts are found again, and a resume reads few objects."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from graphrun_checkpoints import drafting, placing
from graphrun_checkpoints.drafting import NewCheckpoint, NewWrites
from graphrun_checkpoints.format import values
from graphrun_checkpoints.format.keys import Tags
from graphrun_checkpoints.format.parts import (
    SELF,
    Part,
    Place,
    Run,
    Value,
    coalesced,
    joined,
    parts_at,
    sliced,
)
from graphrun_checkpoints.format.writes import Batch, TaskWrites, Write
from graphrun_checkpoints.placing import Draft, Known, Manifest

SERDE = JsonPlusSerializer()


@dataclass
class Shelf:
    """What a sequence of checkpoints has stored: packs by name, and what each step cost."""

    packs: dict[str, tuple[Part, ...]] = field(default_factory=dict)
    base: Manifest | None = None
    steps: int = 0
    stored_bytes: list[int] = field(default_factory=list)

    def put(
        self, state: dict[str, object], *, unchanged: tuple[str, ...] = (), writes: object = None
    ) -> None:
        """Store one more checkpoint as the saver does."""
        draft = Draft(lambda content: f"d/{content.hex()}")
        new = NewCheckpoint(
            thread="t",
            ns="",
            id=str(self.steps),
            parent=str(self.steps - 1) if self.base else None,
            versions={},
            rest=Part("null", b""),
            metadata=Part("null", b""),
            values={name: values.dump(SERDE, name, value) for name, value in state.items()},
            unchanged=frozenset(unchanged),
            base=self.base,
            delta_channels=frozenset(),
            tags=Tags(None, None, None, None),
        )
        call = TaskWrites("task", "", (Write("x", 0, values.dump(SERDE, "x", writes)),))
        written = NewWrites(Batch(1, self.steps, (call,) if writes else ()), [])
        manifest = drafting.first_draft(draft, new, self.base, written)
        holders = drafting.to_gather(draft, manifest)
        manifest = manifest.moved(lambda each: draft.gather(each, holders, self.packs))
        stored, manifest = drafting.finished(draft, new, manifest, written)
        name = f"c/{self.steps}"
        self.packs |= draft.blobs | {name: stored.pack}
        self.base = manifest.moved(lambda each: each.stored_in(name))
        self.steps += 1
        self.stored_bytes.append(
            sum(len(part.data) for pack in [stored.pack, *draft.blobs.values()] for part in pack)
        )

    def get(self, name: str) -> object:
        """Read a value back by its places alone."""
        assert self.base is not None
        place = self.base.values[name].place
        return values.load(SERDE, Value(place.kind, parts_at(place.runs, self.packs)))

    def holders(self) -> set[str]:
        """The objects beside the newest checkpoint that a resume reads, those of 4 MiB and more aside."""
        assert self.base is not None
        holders = {run.holder for each in self.base.all() for run in each.runs} - {f"c/{self.steps - 1}"}
        return {each for each in holders if sum(len(part.data) for part in self.packs[each]) < 4 * 2**20}


ELEMENTS = st.one_of(
    st.text(max_size=5), st.text(min_size=70, max_size=90), st.integers(-99, 2**60), st.none()
)
EDITS = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.lists(ELEMENTS, max_size=4)),
        st.tuples(st.just("insert"), ELEMENTS),
        st.tuples(st.just("edit"), ELEMENTS),
        st.tuples(st.just("delete"), st.none()),
        st.tuples(st.just("cut"), st.none()),
        st.tuples(st.just("reverse"), st.none()),
        st.tuples(st.just("keep"), st.none()),
    ),
    max_size=30,
)


def edited(value: list[object], edit: tuple[str, object], where: random.Random) -> list[object]:
    """A list after one edit at a random place."""
    kind, what = edit
    at = where.randrange(len(value) + 1)
    if kind == "append":
        return [*value, *what] if isinstance(what, list) else value
    changes: dict[str, list[object]] = {
        "insert": [*value[:at], what, *value[at:]],
        "edit": [*value[:at], what, *value[at + 1 :]],
        "delete": [*value[:at], *value[at + 1 :]],
        "cut": value[:at],
        "reverse": value[::-1],
        "keep": value,
    }
    return changes[kind]


@given(EDITS, st.randoms())
def test_a_list_reads_back_after_any_edits(edits: list[tuple[str, object]], where: random.Random) -> None:
    shelf, value = (
        Shelf(),
        ["a first element that is long enough to be worth a place of its own, or so it seems"],
    )
    shelf.put({"x": value, "other": 1})
    for edit in edits:
        value = edited(value, edit, where)  # type: ignore[arg-type, assignment]
        shelf.put({"x": value}, unchanged=("other",), writes=value)
        assert shelf.get("x") == value
        assert shelf.get("other") == 1


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.text(max_size=100)), max_size=30))
def test_a_dict_reads_back_in_its_order(changes: list[tuple[str, str]]) -> None:
    shelf, value = Shelf(), {"first": "x" * 70}
    shelf.put({"x": value})
    for key, text in changes:
        value = {**value, key: text} if text else {each: value[each] for each in value if each != key}
        shelf.put({"x": value})
        read = shelf.get("x")
        assert read == value
        assert isinstance(read, dict)
        assert list(read) == list(value)


def grow(steps: int, size: int) -> Shelf:
    """A list that grows by one element a step."""
    shelf, value = Shelf(), list[str]()
    for step in range(steps):
        value = [*value, f"{step:06}" + "x" * size]
        shelf.put({"x": value}, writes=[value[-1]])
        assert len(shelf.holders()) <= placing.MOST_HOLDERS
    assert shelf.get("x") == value
    return shelf


@pytest.mark.parametrize(("steps", "size"), [(120, 10_000), (300, 2_000), (40, 300_000)])
def test_a_growing_list_is_stored_few_times_over(steps: int, size: int) -> None:
    shelf = grow(steps, size)
    assert sum(shelf.stored_bytes) < 4.5 * steps * size


def test_what_a_task_wrote_and_what_became_of_it_is_stored_once() -> None:
    shelf = Shelf()
    shelf.put({"x": ["y" * 5000]}, writes=["y" * 5000])
    assert shelf.stored_bytes[0] < 6000


def test_a_large_value_goes_to_a_blob_that_its_write_shares_and_is_never_moved() -> None:
    shelf, large = Shelf(), b"z" * 5_000_000
    shelf.put({"doc": large, "n": 0}, writes=large)
    assert shelf.stored_bytes[0] < 5_001_000
    for step in range(40):
        shelf.put({"n": step}, unchanged=("doc",))
    assert sum(shelf.stored_bytes[1:]) < 10_000
    assert shelf.get("doc") == large


def test_small_state_is_repeated_and_needs_no_other_object() -> None:
    shelf = Shelf()
    names = [f"channel {number}" for number in range(8)]
    shelf.put(dict.fromkeys(names, "short"))
    for step in range(30):
        name = names[step % len(names)]
        shelf.put(
            {name: f"value {step} of some length"}, unchanged=tuple(each for each in names if each != name)
        )
        assert shelf.holders() == set()


def test_one_change_in_a_long_list_stores_only_that() -> None:
    shelf = Shelf()
    value = [f"{number} " + "w" * 1000 for number in range(200)]
    shelf.put({"x": value})
    value[100] = "changed " + "w" * 1000
    shelf.put({"x": value})
    assert shelf.stored_bytes[-1] < 3000
    assert shelf.get("x") == value


def test_holders_that_are_many_go_together_once_they_are_as_large_as_those_before() -> None:
    def at(holder: str, size: int) -> Known:
        return Known("v", (Run(holder, 0, 1),), (b"",), (size,))

    few = [at(f"h{number}", 10_000) for number in range(placing.MOST_HOLDERS)]
    assert placing.holders_to_gather(few, 0) == set()
    small = {f"h{number}" for number in range(placing.MOST_HOLDERS)}
    one_more = [*few, at("large", 90_000)]
    assert placing.holders_to_gather(one_more, 0) == small
    one_more[-1] = at("medium", 60_000)
    assert placing.holders_to_gather(one_more, 0) == small | {"medium"}
    one_more[-1] = at("huge", 10_000_000)
    assert placing.holders_to_gather(one_more, 0) == set()
    tiny = [at("a", 10), at("b", 20), at("c", 50_000)]
    assert placing.holders_to_gather(tiny, 0) == {"a", "b"}
    assert placing.holders_to_gather([at(SELF, 10)], 0) == set()


LOCATIONS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 5)), max_size=12)


@given(LOCATIONS, st.integers(0, 14), st.integers(0, 14))
def test_runs_are_the_same_as_their_single_locations(
    locations: list[tuple[str, int]], first: int, end: int
) -> None:
    runs = coalesced(locations)
    known = Known("l", runs, (b"",) * len(locations), (0,) * len(locations))
    assert known.locations() == locations
    cut = sliced(runs, first, end)
    assert Known("l", cut, (), ()).locations() == locations[first:end]
    assert Known("l", joined([*cut, *runs]), (), ()).locations() == [*locations[first:end], *locations]


def test_a_pack_that_is_too_short_is_noticed() -> None:
    with pytest.raises(IndexError, match="h"):
        parts_at(Place("l", (Run("h", 0, 2),)).runs, {"h": (Part("null", b""),)})


@given(
    st.recursive(ELEMENTS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=20)
)
def test_values_read_back_whole_whether_split_or_not(value: object) -> None:
    dumped = values.dump(SERDE, "x", value)
    assert values.load(SERDE, dumped) == value
    written = values.StepWrite("task", 3, dumped)
    step = values.pack_step([written])
    assert values.unpack_step(step) == [written]
    assert values.write_in_step(step, "task", 3) == dumped
    with pytest.raises(LookupError, match="task"):
        values.write_in_step(step, "task", 2)


def test_lists_of_small_things_and_dicts_with_other_keys_are_stored_whole() -> None:
    assert values.dump(SERDE, "x", [1, 2.5, "short", None, True]).kind == "v"
    assert values.dump(SERDE, "x", {1: "x" * 100}).kind == "v"
    assert values.dump(SERDE, "x", ["x" * 100]).kind == "l"
    assert values.dump(SERDE, "x", {"a": ["x"]}).kind == "d"
    assert values.dump(SERDE, "x", ["x" * 100] * 30_000).kind == "v"
