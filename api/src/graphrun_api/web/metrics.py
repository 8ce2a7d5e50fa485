"""Figures of this process for Prometheus, in a registry of their own."""

import time
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)


class Metrics:
    """All series of the API."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Histogram(
            "graphrun_api_request_seconds",
            "Duration of requests.",
            ("port", "method", "route", "status"),
            registry=self.registry,
            buckets=_SECONDS,
        )
        self.events = Counter("graphrun_api_events_total", "Events stored.", registry=self.registry)
        self.runner_writes = Counter(
            "graphrun_api_runner_status_writes_total",
            "Writes of status.runner, by what for.",
            ("what",),
            registry=self.registry,
        )
        self.streams = Gauge("graphrun_api_streams", "Open event streams.", registry=self.registry)


class TimedRequests:
    """ASGI middleware: the duration of every HTTP request by its route's template."""

    def __init__(self, app: ASGIApp, metrics: Metrics, port: str) -> None:
        self._app = app
        self._metrics = metrics
        self._port = port

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        status = "500"

        async def send_and_note(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = str(message["status"])
            await send(message)

        try:
            await self._app(scope, receive, send_and_note)
        finally:
            labels = (self._port, scope["method"], _template(scope), status)
            self._metrics.requests.labels(*labels).observe(time.perf_counter() - started)


def _template(scope: Scope) -> str:
    """The route's template; never a path with names in it, for each would be a series of its own."""
    if "route" in scope:
        return str(scope["route"].path_format)
    return str(scope["path"]) if "endpoint" in scope else "none"
