"""Places in a project's stream: after which event of which transaction. Sealed for clients, each project by its own key.

A transaction's number tells how much the whole installation writes, which is nobody's business.
"""

import base64
import binascii
import hashlib
import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from graphrun_api.errors import CursorInvalid

# tx, seq and a mark by which a forged or foreign cursor is told, in one block of the cipher.
_FORMAT = ">6s6sI"
_MARK = 0x67726E31


class Place(NamedTuple):
    """After the event `seq` of the transaction `tx`; seq 0 is before all of it."""

    tx: int
    seq: int = 0


class PlaceSeal:
    """Seals places with a key that all replicas share."""

    def __init__(self, key: str) -> None:
        self._key = key.encode()

    def seal(self, namespace: str, place: Place) -> str:
        """A place as a client gets it."""
        block = struct.pack(_FORMAT, place.tx.to_bytes(6), place.seq.to_bytes(6), _MARK)
        encryptor = self._cipher(namespace).encryptor()
        return base64.urlsafe_b64encode(encryptor.update(block) + encryptor.finalize()).decode().rstrip("=")

    def open(self, namespace: str, sealed: str) -> Place:
        """The place that `seal` gave out for this project.

        Raises:
            CursorInvalid: it is none.
        """
        try:
            block = base64.b64decode(sealed + "=" * (-len(sealed) % 4), altchars=b"-_", validate=True)
            decryptor = self._cipher(namespace).decryptor()
            tx, seq, mark = struct.unpack(_FORMAT, decryptor.update(block) + decryptor.finalize())
        except (ValueError, struct.error, binascii.Error) as error:
            raise CursorInvalid from error
        place = Place(int.from_bytes(tx), int.from_bytes(seq))
        # One place has one text: base64 has some bits over that could be anything.
        if mark != _MARK or self.seal(namespace, place) != sealed:
            raise CursorInvalid
        return place

    def _cipher(self, namespace: str) -> "Cipher[modes.ECB]":
        # One block, never two: what a mode would add has nothing to work on.
        key = hashlib.blake2b(namespace.encode(), key=self._key[:64], digest_size=32).digest()
        return Cipher(algorithms.AES(key), modes.ECB())  # noqa: S305 - as above
