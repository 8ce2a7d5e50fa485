"""One Range of bytes, as RFC 9110 reads it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from graphrun_api.errors import RangeUnsatisfiable
from graphrun_api.web.byte_ranges import Span, wanted_span


@pytest.mark.parametrize(
    ("header", "span"),
    [
        ("bytes=0-", Span(0, 10)),
        ("bytes=3-5", Span(3, 6)),
        ("Bytes=9-9", Span(9, 10)),
        ("bytes=3-99", Span(3, 10)),
        ("bytes=-4", Span(6, 10)),
        ("bytes=-40", Span(0, 10)),
        ("", None),
        ("bytes=5-3", None),
        ("bytes=-", None),
        ("bytes=0-1,4-5", None),
        ("pages=1-2", None),
        ("bytes=\u0663-5", None),
    ],
)
def test_a_range_is_what_it_says_and_another_header_means_the_whole(header: str, span: Span | None) -> None:
    assert wanted_span(header, 10) == span


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=99-100", "bytes=-0"])
def test_a_range_with_nothing_in_it_is_refused_by_its_name(header: str) -> None:
    with pytest.raises(RangeUnsatisfiable, match=r"^Range: "):
        wanted_span(header, 10)


@given(st.text(), st.integers(1, 10**15))
def test_no_header_breaks_it_and_a_span_lies_within(text: str, size: int) -> None:
    for header in (text, f"bytes={text}"):
        try:
            span = wanted_span(header, size)
        except RangeUnsatisfiable:
            continue
        assert span is None or 0 <= span.start < span.end <= size
