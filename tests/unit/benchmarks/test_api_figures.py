"""What the API's benchmarks make of what they see, and the graph that the other servers run."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest
from benchmarks.api.long_history import past
from benchmarks.api.others.delivery import Clients, Frames
from benchmarks.api.others.gate import Gate, Sending
from benchmarks.api.others.graph.echo import Question, graph
from benchmarks.tables import Column, Table

from graphrun_devcluster.progress import Progress
from support.locked_environment import ensure_environment

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def test_the_best_peer_is_the_greatest_where_more_is_better() -> None:
    table = Table("t", [Column("requests/s", more_is_better=True), Column("ms")])
    table.rows += [
        ("ours", [200, 4]),
        ("slow", [50, 8]),
        ("fast", [100, 2]),
        ("absent", ["not measured: why"]),
    ]

    table.compare("ratio", "ours", ["slow", "fast", "absent"])

    assert table.rows[-1] == ("ratio", ["2.00", "2.00"])


@pytest.mark.parametrize("end", [b"\n", b"\r\n"], ids=["LF", "CRLF"])
def test_events_are_found_however_their_stream_is_cut(end: bytes) -> None:
    lines = [
        b": ping",
        b"",
        b"id: 1",
        b"event: custom",
        b'data: {"a": ": "}',
        b"",
        b"data: plain",
        b"",
        b"data: cut",
    ]
    frames = Frames()

    found = [event for byte in end.join(lines) for event in frames.feed(bytes([byte]))]

    assert found == [("custom", b'{"a": ": "}'), ("message", b"plain")]


async def test_a_gate_lets_all_go_at_once_and_says_when() -> None:
    gate = Gate()
    async with gate.listening() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        here = asyncio.create_task(gate.passed())
        there = asyncio.create_task(reader.read(1))
        await gate.filled(2)
        assert not here.done()
        assert not there.done()

        before = time.time()
        gate.open()
        await here

        assert await there == b"."
        opened_at = gate.opened_at
        writer.close()
    assert before <= opened_at == gate.opened_at


async def test_the_graph_answers_at_once_without_a_gate() -> None:
    assert await graph.ainvoke({"question": "why?"}) == {"question": "why?", "answer": "why?"}


async def test_the_graph_sends_what_it_was_asked_to_once_the_gate_is_open() -> None:
    gate, sent = Gate(), []

    async def run(port: int) -> None:
        asked: Question = {"question": "?", "gate": port, "ticks": 2, "batch": 3, "pause": 0.0}
        async for event in graph.astream(asked, stream_mode="custom"):
            sent.append(event)

    async with gate.listening() as port:
        running = asyncio.create_task(run(port))
        await gate.filled(1)
        assert sent == []
        gate.open()
        await running

    assert len(sent) == Sending(ticks=2, batch=3).events
    assert all(event["at"] >= gate.opened_at for event in sent)


@asynccontextmanager
async def answering(text: str) -> AsyncIterator[str]:
    """A server with one answer for everything; its URL."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(text.replace("\n", "\r\n").encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_clients_know_how_late_each_event_was_and_which_never_came() -> None:
    events = "".join(
        f"event: {kind}\ndata: {json.dumps({'at': 5.0})}\n\n" for kind in ("custom", "other", "custom")
    )
    head = "HTTP/1.1 200 OK\nContent-Type: text/event-stream\n\n"
    async with answering(head + events) as url, aiohttp.ClientSession() as http:
        clients = Clients(http, {}, lambda event: float(event["at"]))
        await clients.connect([url], 2, events=3)
        await clients.finished(30)

    assert len(clients.late) == 4
    assert max(clients.late) == pytest.approx(clients.last_at - 5.0)


async def test_a_stream_that_is_refused_is_named_with_the_reason() -> None:
    async with (
        answering("HTTP/1.1 404 No\nContent-Length: 4\n\ngone") as url,
        aiohttp.ClientSession() as http,
    ):
        clients = Clients(http, {}, lambda _: 0.0)
        with pytest.raises(RuntimeError, match=f"{url}: 404 gone"):
            await clients.connect([url], 1, events=1)


def test_a_seeded_history_ends_now_and_its_deep_page_lies_within_the_day_that_is_asked_for() -> None:
    history = past(1_000_000, 20_000_000, NOW)

    assert history.created(1_000_000) == NOW
    assert history.events_each == 20
    asked = dict(item.split("=") for item in history.filters()["created within a day"].strip("&").split("&"))
    first, last = (datetime.fromisoformat(asked[name]) for name in ("created_after", "created_before"))
    assert last - first == timedelta(days=1)
    assert first < history.created(history.deep) < last


def test_an_environment_that_no_python_here_can_have_is_refused_with_what_it_needs() -> None:
    with pytest.raises(RuntimeError, match=r"needs Python 3\.99 or newer"):
        ensure_environment("server-aegra", Progress(), (3, 99))
