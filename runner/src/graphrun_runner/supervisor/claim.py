"""The claim: the gate in front of the graph. Nothing of the user's runs before it is granted."""

import json
import threading
import time
from http import HTTPStatus
from typing import Any, Final, NamedTuple

from graphrun_core import protocol
from graphrun_runner.supervisor.api_client import Answer, ApiClient, Unreachable
from graphrun_runner.supervisor.voice import say

_FIRST_BACKOFF_SECONDS: Final = 0.1
_LAST_BACKOFF_SECONDS: Final = 2.0
_CALL_SECONDS: Final = 10.0
# A token may be refused for a moment (a cache, a clock); refused for this long, it is the wrong one.
_REFUSED_SECONDS: Final = 5.0
_BODY: Final = json.dumps({"protocol": protocol.PROTOCOL_VERSION}).encode()


class Claim(NamedTuple):
    """The end of the claim: a grant (a protocol.ClaimGrant), or the exit code that says why there is none."""

    grant: dict[str, Any] | None
    exit_code: int = 0
    message: str = ""


def claim_attempt(client: ApiClient, *, patience: float, halt: threading.Event) -> Claim:
    """Claim this pod's attempt. Asks again for up to `patience` seconds while the API is away; `halt` ends that."""
    started, backoff, refused_since = time.monotonic(), _FIRST_BACKOFF_SECONDS, None
    problem = ""
    while not halt.is_set():
        try:
            answer = client.post(protocol.CLAIM_PATH, _BODY, timeout=_CALL_SECONDS)
        except Unreachable as error:
            answer, problem = None, str(error)
        decided = _decided(answer)
        if decided:
            return decided
        refused_since = _refused_since(answer, refused_since)
        if answer is not None:
            problem = (
                f"{answer.status} {answer.body.get('message') or answer.body.get('detail') or ''}".strip()
            )
        if refused_since and time.monotonic() - refused_since >= _REFUSED_SECONDS:
            return Claim(None, protocol.EXIT_UNREACHABLE, f"the API refuses this pod's token: {problem}")
        if time.monotonic() - started >= patience:
            return Claim(None, protocol.EXIT_UNREACHABLE, f"no claim within {patience:g} s: {problem}")
        halt.wait(backoff)
        backoff = min(backoff * 2, _LAST_BACKOFF_SECONDS)
    say("told to stop before the claim", last_answer=problem)
    return Claim(None, protocol.EXIT_INTERRUPTED, "the pod was stopped before it had claimed its attempt")


def _decided(answer: Answer | None) -> Claim | None:
    if answer is not None and answer.status == HTTPStatus.OK:
        return Claim(answer.body)
    if answer is not None and answer.status == HTTPStatus.CONFLICT:
        message = f"{answer.body.get('message', 'refused')} (wanted: {answer.body.get('state', 'unknown')})"
        return Claim(None, protocol.EXIT_CLAIM_REFUSED, message)
    return None


def _refused_since(answer: Answer | None, since: float | None) -> float | None:
    if answer is None or answer.status not in (
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
    ):
        return None
    return since or time.monotonic()
