"""Keys for stored objects. With them, each object is encrypted whole, after compression, by AES-GCM."""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from graphrun_checkpoints.errors import MisconfiguredStore

_KEY_BYTES = 32
_LONGEST_ID = 64


@dataclass(frozen=True)
class Encryption:
    """The keys that objects are encrypted with.

    To rotate, add a key and make it the current one; old objects stay readable as long as their key is given.
    Nonces are random, 96 bits: rotate before 2^32 objects have been written with one key (NIST SP 800-38D).

    Attributes:
        keys: Key id to key, 32 random bytes. Ids are stored in clear.
        current: Id of the key for new objects.
    """

    keys: Mapping[str, bytes]
    current: str

    def __post_init__(self) -> None:
        for id_, key in self.keys.items():
            if len(key) != _KEY_BYTES:
                raise MisconfiguredStore(f"encryption key {id_!r} has {len(key)} bytes; give {_KEY_BYTES}")
            if not id_.isascii() or not 0 < len(id_) <= _LONGEST_ID:
                raise MisconfiguredStore(
                    f"encryption key id {id_!r} must be 1 to {_LONGEST_ID} ASCII characters"
                )
        if self.current not in self.keys:
            raise MisconfiguredStore(f"current encryption key {self.current!r} is not among the keys given")

    def __repr__(self) -> str:
        return f"Encryption(keys={sorted(self.keys)}, current={self.current!r})"

    @classmethod
    def from_json(cls, text: str) -> "Encryption":
        """Keys from `{"current": "k2", "keys": {"k1": "<base64>", "k2": "<base64>"}}`.

        Raises:
            MisconfiguredStore: The text is something else.
        """
        try:
            given = json.loads(text)
            keys = {id_: base64.b64decode(key, validate=True) for id_, key in given["keys"].items()}
            return cls(keys, given["current"])
        except (ValueError, KeyError, TypeError, AttributeError, binascii.Error) as error:
            raise MisconfiguredStore(
                'encryption keys must be JSON: {"current": id, "keys": {id: base64 of 32 bytes}}'
            ) from error

    def cipher_key(self, id_: str) -> bytes | None:
        """The key that encrypts, derived so that it is never used for anything else; None for an unknown id."""
        return self._derived(id_, b"graphrun-checkpoints cipher")

    def blob_name(self, digest: bytes) -> bytes:
        """The name of a blob: without the key, nobody can tell whether a known text is stored."""
        secret = self._derived(self.current, b"graphrun-checkpoints names")
        assert secret is not None  # noqa: S101 - checked when made
        return hmac.digest(secret, digest, sha256)[: len(digest)]

    def _derived(self, id_: str, purpose: bytes) -> bytes | None:
        key = self.keys.get(id_)
        return None if key is None else hmac.digest(key, purpose, sha256)
