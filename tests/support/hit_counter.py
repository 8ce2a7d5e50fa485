"""Counts side effects outside the pods that cause them: standard library only, so it runs in any image.

POST /hit/KEY counts; GET /hits answers {KEY: {"count": n, "last": RFC 3339}}.
"""

import json
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

_hits: dict[str, dict[str, Any]] = {}
_lock = threading.Lock()


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        key = self.path.removeprefix("/hit/")
        with _lock:
            count = _hits.get(key, {"count": 0})["count"] + 1
            _hits[key] = {"count": count, "last": datetime.now(UTC).isoformat()}
        self._answer({"count": count})

    def do_GET(self) -> None:
        with _lock:
            self._answer(_hits)

    def _answer(self, body: Any) -> None:
        payload = json.dumps(body).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: Any) -> None:
        """Say nothing: /hits tells."""


if __name__ == "__main__":
    ThreadingHTTPServer(("0.0.0.0", int(sys.argv[1])), _Handler).serve_forever()  # noqa: S104 - inside a pod
