"""The API's runner port as a small real HTTP server, over graphrun_core.protocol alone.

It grants one claim, keeps events and reports, and holds the long poll open. `away` makes it hang up on every call.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from graphrun_core import phases, protocol

Json = dict[str, Any]
_Answer = tuple[int, Json | None]


@dataclass
class RunnerApi:
    """What the server answers, and what it was told. Guarded by `changed`; tests wait by `until`."""

    token: str
    grant: Json | None = None  # None: claims are refused with 409
    url: str = ""
    wanted: Json = field(default_factory=lambda: {"state": phases.STATE_RUNNING})
    away: bool = False
    superseded: bool = False
    unauthorised: bool = False
    hold_reports: bool = False  # take a report, and answer it only once this is False again
    logs_status: int = 204  # the answer to each chunk of the log; only those answered with 204 are kept
    refused_events: tuple[str, ...] = ()  # event types answered with 422
    claims: list[float] = field(default_factory=list)
    events: list[Json] = field(default_factory=list)  # of the latest attempt
    ever_told: list[Json] = field(default_factory=list)  # events of all attempts
    batches: list[int] = field(default_factory=list)
    reports: list[Json] = field(default_factory=list)
    log_calls: int = 0
    log_chunks: list[Json] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def command(self, state: str, **options: Any) -> None:
        """What the run should do now."""
        with self.changed:
            self.wanted = {"state": state, "deadlineSeconds": None, "onDeadline": "Wait", **options}
            self.changed.notify_all()

    def hang_up(self) -> None:
        """Be away: every call, those under way included, ends without an answer."""
        self._set(away=True)

    def answer_again(self) -> None:
        """Be back."""
        self._set(away=False)

    def supersede(self) -> None:
        """Answer as if another attempt held the run."""
        self._set(superseded=True)

    def answer_reports(self) -> None:
        """Let held reports go."""
        self._set(hold_reports=False)

    def _set(self, **fields: bool) -> None:
        with self.changed:
            for name, value in fields.items():
                setattr(self, name, value)
            self.changed.notify_all()

    def until(self, holds: Callable[["RunnerApi"], Any], *, seconds: float = 30.0) -> Any:
        """Wait for a condition on this value; returns what it returned.

        Raises:
            AssertionError: it did not hold within `seconds`.
        """
        with self.changed:
            found = self.changed.wait_for(lambda: holds(self), timeout=seconds)
            assert found, f"not within {seconds} s; events: {self.described()}; reports: {self.reports}"
            return found

    def of(self, *types: str) -> list[Json]:
        """The events of these types, each once, in the order of their seq."""
        return [event for event in self.unique() if event["type"] in types]

    def unique(self) -> list[Json]:
        """All events without those that were sent again."""
        return [event for _, event in sorted({event["seq"]: event for event in self.events}.items())]

    def started(self, *nodes: str) -> bool:
        """Whether these nodes have started."""
        return set(nodes) <= {event["node_id"] for event in self.of("node_started")}

    @property
    def stored_log(self) -> str:
        """The log's chunks, put together."""
        return "".join(chunk["text"] for chunk in self.log_chunks)

    def described(self) -> list[str]:
        """The events in short."""
        return [f"{event['seq']} {event['type']} {event.get('node_id', '')}" for event in self.unique()]


@contextmanager
def runner_api(token: str) -> Iterator[RunnerApi]:
    """A server for the time of a test."""
    api = RunnerApi(token)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        api.hang_up()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(api: RunnerApi) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"api": api})


class _Handler(BaseHTTPRequestHandler):
    api: RunnerApi
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        routes = {
            protocol.CLAIM_PATH: _claim,
            protocol.EVENTS_PATH: _events,
            protocol.REPORT_PATH: _report,
            protocol.LOGS_PATH: _logs,
        }
        self._route(routes, json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_GET(self) -> None:
        query = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self._route({protocol.COMMAND_PATH: _command}, query)

    def _route(self, routes: Mapping[str, Callable[[RunnerApi, Json], _Answer]], body: Json) -> None:
        api = self.api
        answer: _Answer = (401, {"message": "unknown token"})
        with api.changed:
            if self.headers["Authorization"] == f"Bearer {api.token}" and not (api.away or api.unauthorised):
                answer = routes[urlsplit(self.path).path](api, body)
                api.changed.notify_all()
        if api.away:
            self.close_connection = True
            return
        try:
            self._answer(*answer)
        except ConnectionError:  # who asked has left meanwhile, as a runner does at its end
            self.close_connection = True

    def _answer(self, status: int, answer: Json | None) -> None:
        data = json.dumps(answer).encode() if answer is not None else b""
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name in http.server
        pass


def _claim(api: RunnerApi, body: Json) -> _Answer:
    assert body == {"protocol": protocol.PROTOCOL_VERSION}
    api.claims.append(time.monotonic())
    if api.grant is None:
        return 409, {"state": api.wanted["state"], "message": "not this one"}
    return 200, api.grant


def _events(api: RunnerApi, body: Json) -> _Answer:
    if api.superseded:
        return 409, {"message": "superseded"}
    if any(event["type"] in api.refused_events for event in body["events"]):
        return 422, {"message": "no"}
    api.events += body["events"]
    api.ever_told += body["events"]
    api.batches.append(len(body["events"]))
    return 204, None


def _report(api: RunnerApi, body: Json) -> _Answer:
    if api.superseded:
        return 409, {"message": "superseded"}
    api.reports.append(body)
    api.changed.notify_all()
    api.changed.wait_for(lambda: not api.hold_reports or api.away)
    return 204, None


def _logs(api: RunnerApi, body: Json) -> _Answer:
    api.log_calls += 1
    if api.logs_status == 204:
        api.log_chunks.append(body)
    return api.logs_status, None


def _command(api: RunnerApi, query: Json) -> _Answer:
    api.changed.wait_for(
        lambda: api.wanted["state"] != query["known"] or api.superseded or api.away,
        timeout=float(query["wait"]),
    )
    if api.superseded:
        return 409, {"message": "superseded"}
    return (204, None) if api.wanted["state"] == query["known"] else (200, api.wanted)
