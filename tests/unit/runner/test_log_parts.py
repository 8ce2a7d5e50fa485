"""The log's buffer, its pump and its sender, each by itself."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from graphrun_runner.supervisor.api_client import ApiClient
from graphrun_runner.supervisor.log_buffer import LogBuffer
from graphrun_runner.supervisor.log_sender import LogSender
from graphrun_runner.supervisor.output_pump import OutputPump
from support.runner_api import RunnerApi, runner_api


def test_a_full_buffer_drops_its_oldest_bytes_and_the_offset_tells() -> None:
    buffer = LogBuffer(limit_bytes=4)
    buffer.add(b"abc")
    buffer.add(b"defg")
    assert buffer.take(100) == (3, b"defg")
    buffer.add(b"h")
    assert buffer.take(100) == (7, b"h")


@pytest.mark.parametrize("letter", ["é", "€", "🦉"])
def test_a_character_is_never_cut_in_two(letter: str) -> None:
    whole = ("a" + letter).encode()
    buffer = LogBuffer()
    buffer.add(whole)
    assert buffer.take(len(whole) - 1) == (0, b"a")
    assert buffer.take(100) == (1, letter.encode())


@pytest.mark.parametrize("data", [b"\x80\x80\x80\x80\x80", b"a\xff", b"\xe2\x82", b"\xf0"])
def test_bytes_that_are_no_text_are_taken_all_the_same(data: bytes) -> None:
    buffer = LogBuffer()
    buffer.add(data)
    taken = b""
    while buffer:
        taken += buffer.take(100).data
    assert taken == data


@pytest.fixture
def pipes() -> Iterator[tuple[int, int, int, int]]:
    source, write = os.pipe()
    read, target = os.pipe()
    yield source, write, read, target
    for descriptor in (source, read):
        os.close(descriptor)


def test_the_pump_passes_on_each_byte_before_more_comes(pipes: tuple[int, int, int, int]) -> None:
    source, write, read, target = pipes
    seen: list[bytes] = []
    pump = OutputPump({source: target}, seen.append)
    pump.start()
    os.write(write, b"no end of line")
    assert os.read(read, 100) == b"no end of line"
    os.write(write, b"\x00\xff")
    os.close(write)
    pump.finish(10)
    os.close(target)
    assert os.read(read, 100) == b"\x00\xff"
    assert b"".join(seen) == b"no end of line\x00\xff"


def test_the_pump_ends_though_somebody_holds_the_pipe_open(pipes: tuple[int, int, int, int]) -> None:
    source, write, _read, target = pipes
    ended = threading.Event()
    pump = OutputPump({source: target}, lambda _: None)
    pump.start()
    os.write(write, b"said")

    def finish() -> None:
        pump.finish(600)
        ended.set()

    threading.Thread(target=finish, daemon=True).start()
    assert ended.wait(30)
    os.close(write)
    os.close(target)


def test_the_pump_reads_on_when_nobody_reads_what_it_passes_on(pipes: tuple[int, int, int, int]) -> None:
    source, write, _read, _target = pipes
    closed_read, broken = os.pipe()
    os.close(closed_read)
    seen: list[bytes] = []
    pump = OutputPump({source: broken}, seen.append)
    pump.start()
    os.write(write, b"to nobody")
    os.close(write)
    pump.finish(10)
    assert seen == [b"to nobody"]
    os.close(broken)
    os.close(_target)


@pytest.fixture
def api(tmp_path: Path) -> Iterator[RunnerApi]:
    (tmp_path / "token").write_text("t")
    with runner_api("t") as running:
        yield running


@pytest.fixture
def client(api: RunnerApi, tmp_path: Path) -> Iterator[ApiClient]:
    made = ApiClient(api.url, str(tmp_path / "token"))
    yield made
    made.close()


def test_the_oldest_byte_waits_no_longer_than_the_chunks_time(api: RunnerApi, client: ApiClient) -> None:
    sender = LogSender(chunk_seconds=0.05)
    sender.add(b"before the claim\n")
    sender.start(client, 2)
    api.until(lambda api: api.log_chunks)
    sender.flush(10)
    assert api.log_chunks == [{"attempt": 2, "offset": 0, "size": 17, "text": "before the claim\n"}]


def test_over_the_limit_one_line_says_that_the_rest_is_in_the_pods_log(
    api: RunnerApi, client: ApiClient
) -> None:
    sender = LogSender(limit_bytes=10, chunk_seconds=0.01)
    sender.start(client, 1)
    sender.add(b"0123456789abc")
    api.until(lambda api: len(api.log_chunks) == 2)
    sender.add(b"more")
    sender.flush(10)
    assert [chunk["size"] for chunk in api.log_chunks] == [10, 0]
    assert api.log_chunks[0]["text"] == "0123456789"
    assert "rest is in the pod's log only" in api.log_chunks[1]["text"]


def test_a_chunk_that_the_api_refuses_for_good_is_left_out_and_the_next_is_sent(
    api: RunnerApi, client: ApiClient
) -> None:
    api.logs_status = 422
    sender = LogSender(chunk_seconds=0.01)
    sender.start(client, 1)
    sender.add(b"refused")
    api.until(lambda api: api.log_calls == 1)
    sender.flush(10)
    api.logs_status = 204
    sender.add(b"taken")
    api.until(lambda api: api.log_chunks)
    sender.flush(10)
    assert [(chunk["offset"], chunk["text"]) for chunk in api.log_chunks] == [(7, "taken")]
