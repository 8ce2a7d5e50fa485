"""Entering a network namespace with one thread only: the rest of the program stays where it is."""

import ctypes
import os
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

CLONE_NEWNET = 0x40000000
"""The kernel's flag for network namespaces."""


def enter_netns(path: Path) -> None:
    """Move the calling thread, and no other, into the network namespace at `path` for good.

    Raises:
        OSError: there is no such namespace, or the right to enter it is missing.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        if libc.setns(handle, CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(handle)


def call_in_netns(path: Path, function: Callable[[], T]) -> T:
    """Call `function` from inside the network namespace at `path`, in a thread that ends with it."""
    results: list[T] = []
    errors: list[Exception] = []

    def inside() -> None:
        try:
            enter_netns(path)
            results.append(function())
        except Exception as error:  # noqa: BLE001 - carried over to the calling thread, whatever it is
            errors.append(error)

    thread = threading.Thread(target=inside, name="in-netns")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]
