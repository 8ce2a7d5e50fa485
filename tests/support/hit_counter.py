"""Counts side effects outside the pods that cause them: standard library only, so it runs in any image.

POST /hit/KEY?pod=NAME&at=SECONDS counts; without `at`, by the sender's clock, it is when the counter comes to it. GET /hits?prefix=P answers {KEY: {"count": n, "last": RFC 3339, "pods": {NAME: [first, last]}}}.
"""

import json
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

_hits: dict[str, dict[str, Any]] = {}
_lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        pod, sent = query.get("pod", [""])[0], query.get("at", [])
        now = (
            datetime.fromtimestamp(float(sent[0]), UTC).isoformat() if sent else datetime.now(UTC).isoformat()
        )
        with _lock:
            hit = _hits.setdefault(address.path.removeprefix("/hit/"), {"count": 0, "pods": {}})
            hit["count"] += 1
            hit["last"] = max(now, hit.get("last", now))
            hit["pods"][pod] = [hit["pods"].get(pod, [now])[0], now]
            count = hit["count"]
        self._answer({"count": count})

    def do_GET(self) -> None:
        prefix = parse_qs(urlsplit(self.path).query).get("prefix", [""])[0]
        with _lock:
            self._answer({key: hit for key, hit in _hits.items() if key.startswith(prefix)})

    def _answer(self, body: Any) -> None:
        payload = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: Any) -> None:
        """Say nothing: /hits tells."""


class _Server(ThreadingHTTPServer):
    request_queue_size = 128  # dozens of pods may come at once


if __name__ == "__main__":
    _Server(("0.0.0.0", int(sys.argv[1])), _Handler).serve_forever()  # noqa: S104 - inside a pod
