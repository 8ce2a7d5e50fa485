"""Waiting for Postgres: a stream that is open outlasts its restart."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from graphrun_api.errors import HistoryUnavailable

_RETRY_SECONDS: Final = 1.0
T = TypeVar("T")


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """The answer, once Postgres is there to give it."""
    while True:
        try:
            return await ask()
        except HistoryUnavailable:
            await asyncio.sleep(_RETRY_SECONDS)
