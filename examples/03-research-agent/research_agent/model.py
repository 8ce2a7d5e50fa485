"""One call to any OpenAI-compatible chat endpoint, configured by the environment."""

from __future__ import annotations

import os
from typing import TypedDict

import httpx

TIMEOUT_SECONDS = 60


class Message(TypedDict):
    """A chat message."""

    role: str
    content: str


class Busy(Exception):
    """The endpoint is overloaded or out of reach for now: worth another try."""


async def complete(messages: list[Message]) -> str:
    """The model's answer.

    Reads OPENAI_BASE_URL (with its /v1), OPENAI_API_KEY and OPENAI_MODEL.

    Raises:
        Busy: on 429, any 5xx, and a broken connection.
        httpx.HTTPStatusError: on any other refusal, a wrong key for example; another try would not help.
    """
    url = os.environ["OPENAI_BASE_URL"].rstrip("/") + "/chat/completions"
    headers = {"Authorization": f"Bearer {os.environ['OPENAI_API_KEY']}"}
    body = {"model": os.environ.get("OPENAI_MODEL", "gpt-4o-mini"), "messages": messages, "temperature": 0}
    try:
        async with httpx.AsyncClient(timeout=TIMEOUT_SECONDS) as client:
            response = await client.post(url, json=body, headers=headers)
    except httpx.TransportError as error:
        raise Busy(f"no answer from {url}: {error}") from error
    if response.status_code == httpx.codes.TOO_MANY_REQUESTS or response.is_server_error:
        raise Busy(f"{url} answered {response.status_code}")
    response.raise_for_status()
    content: str = response.json()["choices"][0]["message"]["content"]
    return content
