"""A small OpenAI-compatible chat server that answers from a script: standard library only, so it runs in any image.

The script is a list of steps, one a call: a number is answered as that HTTP status, a text as the model's reply.
The last step is repeated. GET /calls tells what was asked so far.

    python scripted_llm.py '[429, 500, "SEARCH: checkpoints", "Stored [pause-2]."]' --port 8000 --key sk-test
"""

import argparse
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Step = int | str


class ScriptedModel(ThreadingHTTPServer):
    """The server: POST /v1/chat/completions follows the script, GET /calls lists the requests."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], script: list[Step], key: str) -> None:
        super().__init__(address, _Handler)
        self.script, self.key = script, key
        self.calls: list[dict[str, Any]] = []
        self._lock = threading.Lock()

    @property
    def base_url(self) -> str:
        """What a client takes as OPENAI_BASE_URL."""
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}/v1"

    def next_step(self, call: dict[str, Any]) -> Step:
        """Record a call and take the step that answers it."""
        with self._lock:
            self.calls.append(call)
            return self.script[min(len(self.calls), len(self.script)) - 1]


class _Handler(BaseHTTPRequestHandler):
    server: ScriptedModel

    def do_GET(self) -> None:
        self._answer(200, self.server.calls)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.headers.get("Authorization") != f"Bearer {self.server.key}":
            self._answer(401, {"error": {"message": "wrong key"}})
            return
        step = self.server.next_step({"path": self.path, **body})
        if isinstance(step, int):
            self._answer(step, {"error": {"message": f"scripted {step}"}})
            return
        message = {"role": "assistant", "content": step}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self._answer(200, {"object": "chat.completion", "model": body.get("model"), "choices": [choice]})

    def _answer(self, status: int, body: Any) -> None:
        payload = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(payload)))
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: Any) -> None:
        """Say nothing: /calls tells."""


@contextmanager
def scripted_model(script: list[Step], key: str = "sk-test") -> Iterator[ScriptedModel]:
    """Serve a script on a free loopback port."""
    server = ScriptedModel(("127.0.0.1", 0), script, key)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def main() -> None:
    """Serve the script given on the command line until stopped."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("script", type=json.loads)
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--key", default="sk-test")
    args = parser.parse_args()
    ScriptedModel(("0.0.0.0", args.port), args.script, args.key).serve_forever()  # noqa: S104 - inside a pod


if __name__ == "__main__":
    main()
