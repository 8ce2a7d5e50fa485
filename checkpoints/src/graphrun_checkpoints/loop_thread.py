"""A thread with an event loop of its own, so that one body of async code serves async and sync callers of any loop."""

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, TypeVar

from graphrun_checkpoints.errors import CheckpointError, SaverClosed

T = TypeVar("T")


class LoopThread:
    """Started by the first call; ends with `stop`."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._stopped = False

    @property
    def stopped(self) -> bool:
        """Whether no more work is taken."""
        return self._stopped

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Start work on the loop; calls from one thread start in the order in which they were made."""
        try:
            return asyncio.run_coroutine_threadsafe(work, self._running())
        except BaseException:
            work.close()
            raise

    def call(self, work: Callable[[], object]) -> None:
        """Run a plain function on the loop, soon, in order with `submit`."""
        self._running().call_soon_threadsafe(work)

    def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """Do work and block until it is done.

        Raises:
            CheckpointError: Called from the loop's own thread, where it could never end.
        """
        if threading.current_thread() is self._thread:
            work.close()
            raise CheckpointError(
                "the saver's sync methods cannot be called from its own thread (on_durable)"
            )
        return self.submit(work).result()

    def stop(self) -> None:
        """End the thread; work that still runs is cancelled. Calling it again does nothing."""
        with self._lock:
            self._stopped = True
            thread, loop = self._thread, self._loop
        if thread is None or loop is None or not thread.is_alive():
            return
        loop.call_soon_threadsafe(loop.stop)
        thread.join()

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._stopped:
                raise SaverClosed
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=self._run, args=(self._loop,), name=self._name, daemon=True
                )
                self._thread.start()
            return self._loop

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            left = asyncio.all_tasks(loop)
            for task in left:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*left, return_exceptions=True))
            loop.run_until_complete(loop.shutdown_default_executor())
            loop.close()
