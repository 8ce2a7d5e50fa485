"""What is inside the stored objects, as frozen values, and their plain form for msgpack."""

from dataclasses import dataclass
from typing import Any

from graphrun_checkpoints.errors import CorruptObject
from graphrun_checkpoints.seals import Claim, Lineage, Seal
from graphrun_checkpoints.values import StoredValue
from graphrun_checkpoints.writes import Batch, TaskWrites, Write


@dataclass(frozen=True)
class StoredCheckpoint:
    """One checkpoint and the writes on its parent that led to it. No thread id inside: copies stay valid.

    `rest` are the checkpoint's fields beside id and values, `metadata` is LangGraph's; both are serialised as
    values of the state are. `versions` is kept plain, so that unchanged channels can be told without loading.
    """

    id: str
    ns: str
    parent: str | None
    versions: dict[str, Any]
    rest: StoredValue
    metadata: StoredValue
    values: dict[str, StoredValue]
    folded: Batch


def checkpoint_body(checkpoint: StoredCheckpoint) -> dict[str, Any]:
    """Plain form of a checkpoint."""
    return {
        "kind": "checkpoint",
        "id": checkpoint.id,
        "ns": checkpoint.ns,
        "parent": checkpoint.parent,
        "versions": checkpoint.versions,
        "rest": _plain(checkpoint.rest),
        "metadata": _plain(checkpoint.metadata),
        "values": {channel: _plain(value) for channel, value in checkpoint.values.items()},
        "folded": batch_body(checkpoint.folded),
    }


def read_checkpoint(key: str, body: dict[str, Any]) -> StoredCheckpoint:
    """A checkpoint from its plain form."""
    try:
        return StoredCheckpoint(
            id=body["id"],
            ns=body["ns"],
            parent=body["parent"],
            versions=body["versions"],
            rest=_value(body["rest"]),
            metadata=_value(body["metadata"]),
            values={channel: _value(value) for channel, value in body["values"].items()},
            folded=read_batch(key, body["folded"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptObject(f"{key} is not a checkpoint: {error!r}") from error


def batch_body(batch: Batch) -> dict[str, Any]:
    """Plain form of a batch of pending writes."""
    return {
        "kind": "writes",
        "writer": batch.writer,
        "seq": batch.seq,
        "tasks": [
            [call.task, call.path, [[each.channel, each.idx, *_plain(each.value)] for each in call.writes]]
            for call in batch.tasks
        ],
    }


def read_batch(key: str, body: dict[str, Any]) -> Batch:
    """A batch from its plain form."""
    try:
        tasks = tuple(
            TaskWrites(
                task, path, tuple(Write(name, idx, StoredValue(tag, data)) for name, idx, tag, data in writes)
            )
            for task, path, writes in body["tasks"]
        )
        return Batch(body["writer"], body["seq"], tasks)
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptObject(f"{key} holds no pending writes: {error!r}") from error


def claim_body(claim: Claim) -> dict[str, Any]:
    """Plain form of a claim."""
    return {
        "kind": "claim",
        "epoch": claim.epoch,
        "fence": claim.fence,
        "owner": claim.owner,
        "nonce": claim.nonce,
        "thread": claim.thread,
        "top": [claim.top_fence, claim.top_owner],
        "seal": {"heads": claim.seal.heads, "batches": [list(each) for each in claim.seal.batches]},
        "lineage": [[e.epoch, e.fence, e.owner, e.checkpoints, e.batches] for e in claim.lineage],
    }


def read_claim(key: str, body: dict[str, Any]) -> Claim:
    """A claim from its plain form."""
    try:
        return Claim(
            epoch=body["epoch"],
            fence=body["fence"],
            owner=body["owner"],
            nonce=body["nonce"],
            thread=body["thread"],
            top_fence=body["top"][0],
            top_owner=body["top"][1],
            seal=Seal(dict(body["seal"]["heads"]), tuple((a, b) for a, b in body["seal"]["batches"])),
            lineage=tuple(Lineage(*entry) for entry in body["lineage"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CorruptObject(f"{key} is not a claim: {error!r}") from error


def _plain(value: StoredValue) -> list[Any]:
    return [value.type, value.data]


def _value(plain: list[Any]) -> StoredValue:
    return StoredValue(plain[0], plain[1])
