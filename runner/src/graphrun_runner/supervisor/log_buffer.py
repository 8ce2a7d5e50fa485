"""What the attempt's processes wrote and the API has not got yet: bounded, the newest bytes stay."""

import codecs
from typing import Final, NamedTuple

_LIMIT_BYTES: Final = 1 << 20
_UTF8_MAX_BYTES: Final = 4
_DECODER: Final = codecs.getincrementaldecoder("utf-8")


class Piece(NamedTuple):
    """Bytes of the output, and how many came before them."""

    offset: int
    data: bytes


class LogBuffer:
    """A queue of bytes that drops its oldest when it is full. Not thread-safe: its one user holds a lock."""

    def __init__(self, limit_bytes: int = _LIMIT_BYTES) -> None:
        self._limit = limit_bytes
        self._kept = bytearray()
        self._offset = 0  # of the first byte that is kept

    def __len__(self) -> int:
        return len(self._kept)

    def add(self, data: bytes) -> None:
        """Append; what is over the limit is dropped from the front."""
        self._kept += data
        self._drop(max(0, len(self._kept) - self._limit))

    def take(self, size: int) -> Piece:
        """Remove up to `size` of the oldest bytes; a character that would be cut in two stays for the next time."""
        data = bytes(self._kept[:size])
        data = data[: len(data) - _begun_character(data)] or data
        piece = Piece(self._offset, data)
        self._drop(len(data))
        return piece

    def _drop(self, count: int) -> None:
        del self._kept[:count]
        self._offset += count


def _begun_character(data: bytes) -> int:
    """How many bytes at the end begin a UTF-8 character that is not whole."""
    decoder = _DECODER(errors="replace")
    decoder.decode(data[-_UTF8_MAX_BYTES:])
    return len(decoder.getstate()[0])
