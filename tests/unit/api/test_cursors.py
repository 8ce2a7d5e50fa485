"""Cursors: what was given out comes back, all else is refused with one error, and none is good for another list."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrun_api.errors import CursorInvalid
from graphrun_api.events.places import Place, PlaceSeal
from graphrun_api.events.reads import Visit
from graphrun_api.runs import cursors

SEAL = PlaceSeal("a key that all replicas share, at least as long as one block of the hash is")
Opener = Callable[[str, str], object]
OPENERS: tuple[Opener, ...] = (cursors.decode, cursors.decode_visit, SEAL.open)

names = st.text(alphabet="abcdefghijklmnopqrstuvwxyz0123456789-", min_size=1, max_size=63)
texts = st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\0"))
moments = st.datetimes(timezones=st.just(UTC))
orders = st.integers(0, 2**63 - 1)
visits = st.builds(Visit, moments, texts, texts)
places = st.builds(Place, st.integers(0, 2**48 - 1), st.integers(0, 2**48 - 1))
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | moments.map(datetime.isoformat),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=4),
)


def put_together(value: Any) -> str:
    """What somebody who knows how cursors are made would try."""
    return base64.urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def refuses(opener: Opener, whose: str, text: str) -> bool:
    """Whether it is refused; any other error than CursorInvalid fails the test."""
    try:
        opener(whose, text)
    except CursorInvalid:
        return True
    return False


@given(names, moments, orders)
def test_a_place_in_a_list_comes_back_as_it_was_given_out(name: str, moment: datetime, order: int) -> None:
    assert cursors.decode(name, cursors.encode(name, moment, order)) == (moment, order)


@given(names, visits)
def test_a_place_in_a_timeline_comes_back_as_it_was_given_out(uid: str, visit: Visit) -> None:
    assert cursors.decode_visit(uid, cursors.encode_visit(uid, visit)) == visit


@given(names, places)
def test_a_place_in_a_stream_comes_back_as_it_was_given_out(name: str, place: Place) -> None:
    assert SEAL.open(name, SEAL.seal(name, place)) == place


@given(st.lists(names, min_size=2, max_size=2, unique=True), orders, visits, places)
def test_no_cursor_is_good_for_another_list(lists: list[str], order: int, visit: Visit, place: Place) -> None:
    name, other = lists
    given_out = (
        cursors.encode(other, visit.started_at, order),
        cursors.encode_visit(other, visit),
        SEAL.seal(other, place),
    )
    for opener in OPENERS:
        for cursor in given_out:
            assert refuses(opener, name, cursor)


@given(
    names, st.text() | st.text(alphabet="ABCabc012-_=") | st.binary().map(lambda raw: raw.decode("latin1"))
)
def test_whatever_else_is_sent_is_refused_and_breaks_nothing(name: str, text: str) -> None:
    for opener in OPENERS:
        assert refuses(opener, name, text)


@given(names, st.lists(json_values, max_size=4))
def test_what_is_put_together_by_hand_is_a_cursor_or_refused(name: str, values: list[Any]) -> None:
    forged = put_together([name, *values])
    if not refuses(cursors.decode, name, forged):
        assert cursors.encode(name, *cursors.decode(name, forged)) == forged
    if not refuses(cursors.decode_visit, name, forged):
        assert cursors.encode_visit(name, cursors.decode_visit(name, forged)) == forged


@pytest.mark.parametrize(
    "values",
    [
        ["2026-01-01T00:00:00+00:00", float("inf")],
        ["2026-01-01T00:00:00+00:00", 1.0],
        ["2026-01-01T00:00:00+00:00", True],
        ["2026-01-01T00:00:00+00:00", "1"],
        ["2026-01-01T00:00:00+00:00", -1],
        ["2026-01-01T00:00:00+00:00", 2**63],
        ["2026-01-01T00:00:00", 1],
        ["2026-01-01T00:00:00+02:00", 1],
        ["0001-01-01T00:00:00+23:59", 1],
        ["2026-01-01T00:00:00+00:00"],
    ],
)
def test_numbers_and_times_that_the_database_would_not_take_are_refused(values: list[Any]) -> None:
    assert refuses(cursors.decode, "team", put_together(["team", *values]))


@pytest.mark.parametrize(
    "values", [["a\0", ""], ["a", "\ud800"], [["a"], ["b"]], [1, "b"], [None, None], ["a"]]
)
def test_texts_that_the_database_would_not_take_are_refused(values: list[Any]) -> None:
    forged = put_together(["uid", "2026-01-01T00:00:00+00:00", *values])
    assert refuses(cursors.decode_visit, "uid", forged)


@given(names, places, st.integers(0, 21), st.sampled_from("ABCDabcd0123-_"))
def test_a_place_with_one_letter_changed_is_refused(name: str, place: Place, at: int, letter: str) -> None:
    sealed = SEAL.seal(name, place)
    changed = sealed[:at] + letter + sealed[at + 1 :]
    assert changed == sealed or refuses(SEAL.open, name, changed)


def test_times_of_other_zones_are_the_same_place() -> None:
    moment = datetime(2026, 5, 1, 12, tzinfo=UTC)
    elsewhere = moment.astimezone(timezone(timedelta(hours=2)))
    assert cursors.encode("team", elsewhere, 1) == cursors.encode("team", moment, 1)


def test_places_are_ordered_by_transaction_then_by_seq() -> None:
    assert Place(1, 9) < Place(2) < Place(2, 1) < Place(2, 2) < Place(3)
