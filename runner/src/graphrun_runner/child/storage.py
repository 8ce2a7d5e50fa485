"""Object storage as the grant describes it: the saver, and large inputs and outputs beside it."""

import json
import sys
from collections.abc import Callable
from typing import Any, Final

from graphrun_checkpoints import (
    Credentials,
    DurableCheckpoint,
    MinioStore,
    StorageConfig,
    Store,
)
from graphrun_core import protocol, storage_keys
from graphrun_runner.child import signature
from graphrun_runner.child.json_form import dump, to_json
from graphrun_runner.child.loading import LoadFailed
from graphrun_runner.child.pace import Pace, PacedSaver
from graphrun_runner.child.signature import Signature

# No superstep starts without its predecessor stored: the graph waits this long for storage, then the attempt ends.
_RETRY_SECONDS: Final = 600.0


def store_of(access: protocol.StorageAccess) -> Store:
    """The bucket that a grant gives access to."""
    keys = Credentials(access["accessKey"], access["secretKey"], access["sessionToken"] or None)
    return MinioStore(
        StorageConfig(
            endpoint=access["endpoint"],
            bucket=access["bucket"],
            prefix=access["prefix"],
            region=access["region"],
            credentials=keys,
            retry_seconds=_RETRY_SECONDS,
        )
    )


class RunStorage:
    """The storage of one run."""

    def __init__(
        self, grant: dict[str, Any], store: Store, on_durable: Callable[[DurableCheckpoint], None]
    ) -> None:
        self._grant, self._store = grant, store
        self._prefix: str = grant["storage"]["prefix"]
        self._blocked: set[str] = set()
        self.pace = Pace()
        self.saver = PacedSaver(
            store,
            self.pace,
            prefix=storage_keys.checkpoint_prefix(self._prefix),
            on_durable=on_durable,
            on_blocked=self._tell_of_blocked,
        )

    async def read_input(self) -> dict[str, Any]:
        """The run's input, wherever it lies.

        Raises:
            LoadFailed: the reference leads nowhere, or to no JSON object.
        """
        reference = self._grant["inputRef"]
        if not reference:
            return self._grant["input"] or {}
        data = await self._store.get(reference)
        if data is None:
            raise LoadFailed(f"inputRef: no object {reference!r} in the bucket")
        parsed = json.loads(data)
        if not isinstance(parsed, dict):
            raise LoadFailed(f"inputRef: {reference!r} must hold a JSON object")
        return parsed

    async def keep_output(self, values: object) -> tuple[Any, str]:
        """The output for the outcome: itself where it is small, else None and the key under which it was stored."""
        data = dump(values)
        if len(data) <= protocol.OUTPUT_INLINE_BYTES:
            return to_json(values), ""
        key = storage_keys.output_key(self._prefix, self._grant["runUID"], self._grant["attempt"])
        await self._store.put(key, data)
        return None, key

    async def read_signature(self, run_uid: str) -> Signature | None:
        """The signature of the graph that made a run's checkpoints; None where none is stored, or none that is known."""
        data = await self._store.get(storage_keys.signature_key(self._prefix, run_uid))
        return signature.from_stored(json.loads(data)) if data is not None else None

    async def keep_signature(self, stored: dict[str, Any]) -> None:
        """Store this run's: before the graph makes a checkpoint."""
        key = storage_keys.signature_key(self._prefix, self._grant["runUID"])
        await self._store.put(key, json.dumps(stored, separators=(",", ":")).encode())

    def _tell_of_blocked(self, name: str) -> None:
        """A stored type that the graph's schemas do not name comes back as plain data; its user must hear of it."""
        if name not in self._blocked:
            self._blocked.add(name)
            sys.stderr.write(
                f"graphrun: {name} was restored as plain data: only types in the graph's schemas are built again. "
                "Name it in the state's type hints.\n"
            )

    async def aclose(self) -> None:
        """Return when all checkpoints are stored; raises where they cannot be."""
        await self.saver.aclose()
        await self._store.aclose()
