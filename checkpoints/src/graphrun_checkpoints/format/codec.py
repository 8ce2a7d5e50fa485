"""One stored object: header, digest, zstd(msgpack), encrypted whole where keys are given.

    "GRCP" | version | flags | key id length, key id, nonce (if encrypted) | digest | payload

The digest covers the object's name inside its thread, the header and the payload as stored: a damaged, cut or misplaced
object is noticed, without keys too. Nothing here knows what is inside.
"""

import hashlib
import os
from typing import Any

import ormsgpack
import zstandard

from graphrun_checkpoints.errors import CorruptObject, MisconfiguredStore, UnsupportedFormat
from graphrun_checkpoints.format.dictionary import SHARED_WORDS
from graphrun_checkpoints.format.encryption import Encryption

FORMAT_VERSION = 1
_MAGIC = b"GRCP"
_ENCRYPTED = 0x01
_WITH_WORDS = 0x02
_KNOWN_FLAGS = _ENCRYPTED | _WITH_WORDS
_FIXED_BYTES = len(_MAGIC) + 2
_DIGEST_BYTES = 16
_NONCE_BYTES = 12
_TAG_BYTES = 16
_LEVEL = 3  # measured: above it, twice the time for 1 % fewer bytes
_SMALL = 64 * 1024  # bytes; larger objects gain nothing from the shared words
_WORDS = zstandard.ZstdCompressionDict(SHARED_WORDS, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


class Codec:
    """Bodies to bytes and back.

    Args:
        encryption: Keys, or None to store in clear.
    """

    def __init__(self, encryption: Encryption | None = None) -> None:
        self._encryption = encryption

    def pack(self, name: str, body: dict[str, Any]) -> bytes:
        """A body of plain values as the object `name`; in clear, the same body gives the same bytes."""
        plain = ormsgpack.packb(body, option=ormsgpack.OPT_NON_STR_KEYS)
        flags, payload = _compressed(plain)
        header = _MAGIC + bytes([FORMAT_VERSION, flags])
        if self._encryption is not None:
            header, payload = self._encrypt(self._encryption, (name, flags), payload)
        return header + _digest(name, header, payload) + payload

    def unpack(self, key: str, name: str, data: bytes) -> dict[str, Any]:
        """The body of a stored object.

        Args:
            key: Full key, for messages.
            name: The name that it was packed with.
            data: All of its bytes.

        Raises:
            CorruptObject: Cut short, altered, misplaced, or not an object of ours.
            UnsupportedFormat: Written by a newer version.
            MisconfiguredStore: Encrypted with a key that was not given.
        """
        key_id, header, payload = _verified(key, name, data)
        if key_id is not None:
            payload = self._decrypt(key, name, (key_id, header), payload)
        try:
            words = _WORDS if header[_FIXED_BYTES - 1] & _WITH_WORDS else None
            plain = zstandard.ZstdDecompressor(dict_data=words).decompress(payload)
            body = ormsgpack.unpackb(plain, option=ormsgpack.OPT_NON_STR_KEYS)
        except (zstandard.ZstdError, ormsgpack.MsgpackDecodeError) as error:
            raise CorruptObject(f"{key} cannot be decoded: {error}") from error
        if not isinstance(body, dict):
            raise CorruptObject(f"{key} holds no body")
        return body

    def blob_name(self, digest: bytes) -> bytes:
        """The name of a blob with this content digest."""
        return digest if self._encryption is None else self._encryption.blob_name(digest)

    @staticmethod
    def _cipher(secret: bytes, nonce: bytes, bound: bytes) -> Any:  # noqa: ANN401 - Crypto's modes share no type
        from Crypto.Cipher import AES  # noqa: PLC0415 - takes 0.2 s to import, and most store in clear

        cipher = AES.new(secret, AES.MODE_GCM, nonce=nonce, mac_len=_TAG_BYTES)
        cipher.update(bound)
        return cipher

    @staticmethod
    def _encrypt(encryption: Encryption, head: tuple[str, int], payload: bytes) -> tuple[bytes, bytes]:
        name, flags = head
        id_, secret = encryption.current.encode(), encryption.cipher_key(encryption.current)
        assert secret is not None  # noqa: S101 - checked when made
        nonce = os.urandom(_NONCE_BYTES)
        header = _MAGIC + bytes([FORMAT_VERSION, flags | _ENCRYPTED, len(id_)]) + id_ + nonce
        cipher = Codec._cipher(secret, nonce, name.encode() + b"\0" + header)
        sealed, tag = cipher.encrypt_and_digest(payload)
        return header, sealed + tag

    def _decrypt(self, key: str, name: str, head: tuple[str, bytes], payload: bytes) -> bytes:
        key_id, header = head
        secret = self._encryption.cipher_key(key_id) if self._encryption is not None else None
        if secret is None:
            raise MisconfiguredStore(f"{key} is encrypted with key {key_id!r}, which was not given")
        cipher = self._cipher(secret, header[-_NONCE_BYTES:], name.encode() + b"\0" + header)
        try:
            return bytes(cipher.decrypt_and_verify(payload[:-_TAG_BYTES], payload[-_TAG_BYTES:]))
        except ValueError as error:
            raise CorruptObject(
                f"{key} does not open with key {key_id!r}: altered, or another key"
            ) from error


def _compressed(plain: bytes) -> tuple[int, bytes]:
    """The smaller of compression with and without the shared words, and the flag that tells which."""
    payload = zstandard.ZstdCompressor(level=_LEVEL).compress(plain)
    if len(plain) >= _SMALL:
        return 0, payload
    # Tuned for its length: the level's own settings for a dictionary suit much smaller data.
    tuned = zstandard.ZstdCompressionParameters.from_level(_LEVEL, source_size=len(plain) + len(SHARED_WORDS))
    shorter = zstandard.ZstdCompressor(compression_params=tuned, dict_data=_WORDS).compress(plain)
    return (_WITH_WORDS, shorter) if len(shorter) < len(payload) else (0, payload)


def check(key: str, name: str, data: bytes) -> None:
    """Verify an object's digest without opening it; raises as `Codec.unpack` does."""
    _verified(key, name, data)


def _verified(key: str, name: str, data: bytes) -> tuple[str | None, bytes, bytes]:
    """Key id, header and payload of an intact object."""
    if len(data) < _FIXED_BYTES + _DIGEST_BYTES or not data.startswith(_MAGIC):
        raise CorruptObject(f"{key} is not a checkpoint object ({len(data)} bytes); restore it from a backup")
    version, flags = data[len(_MAGIC)], data[len(_MAGIC) + 1]
    if version > FORMAT_VERSION or flags & ~_KNOWN_FLAGS:
        raise UnsupportedFormat(
            f"{key} has format version {version} (flags {flags}), this reads up to {FORMAT_VERSION}; "
            "upgrade graphrun-checkpoints"
        )
    end = _FIXED_BYTES
    if flags & _ENCRYPTED:
        end += 1 + data[_FIXED_BYTES] + _NONCE_BYTES
    header, digest, payload = data[:end], data[end : end + _DIGEST_BYTES], data[end + _DIGEST_BYTES :]
    if _digest(name, header, payload) != digest:
        raise CorruptObject(f"{key} does not match its digest; restore it from a backup")
    if not flags & _ENCRYPTED:
        return None, header, payload
    return header[_FIXED_BYTES + 1 : -_NONCE_BYTES].decode("ascii", "replace"), header, payload


def _digest(name: str, header: bytes, payload: bytes) -> bytes:
    digest = hashlib.sha256(name.encode() + b"\0" + header)
    digest.update(payload)
    return digest.digest()[:_DIGEST_BYTES]
