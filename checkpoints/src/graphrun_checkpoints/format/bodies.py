"""What is inside the stored objects, as frozen values, and their plain form for msgpack.

In the plain form a run is three numbers, holder, start and count; holder 0 is the object itself, n the n-th name
of its table `held`. As frozen values, places name all holders.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from graphrun_checkpoints.errors import CorruptObject
from graphrun_checkpoints.format.parts import SELF, Part, Place, Run, holders_of
from graphrun_checkpoints.format.seals import Claim, Lineage, Seal
from graphrun_checkpoints.format.writes import PlacedBatch, PlacedTask, PlacedWrite

_MALFORMED = (KeyError, TypeError, ValueError, IndexError, AttributeError)


@dataclass(frozen=True)
class Log:
    """What was written to a DeltaChannel up to here: its value at an ancestor, and each superstep's writes since.

    Each run leads to parts that hold one superstep's writes each; the reducer alone knows what they come to.
    """

    seed: Place | None
    steps: tuple[Run, ...]

    @property
    def places(self) -> list[Place]:
        """Where all of it is: the steps, then the value at the ancestor, if there is one."""
        return [Place("l", self.steps), *([self.seed] if self.seed is not None else [])]


@dataclass(frozen=True)
class StoredCheckpoint:
    """One checkpoint and the writes on its parent that led to it. No thread id inside: copies stay valid.

    `rest` are the checkpoint's fields beside id and values, `metadata` is LangGraph's; both are serialised as
    values of the state are. `versions` is kept plain, so that unchanged channels can be told without loading.
    `unlogged` are DeltaChannels whose value takes the ancestors to find, since too little was known for a log.
    """

    id: str
    ns: str
    parent: str | None
    versions: dict[str, Any]
    rest: Part
    metadata: Part
    values: dict[str, Place]
    logs: dict[str, Log]
    unlogged: tuple[str, ...]
    folded: PlacedBatch
    pack: tuple[Part, ...]

    @property
    def holders(self) -> set[str]:
        """All objects that hold parts of it, itself aside."""
        return holders_of([*self.values.values(), *self.log_places, *self.folded.places]) - {SELF}

    @property
    def log_places(self) -> list[Place]:
        """Where all of its logs are."""
        return [place for log in self.logs.values() for place in log.places]


@dataclass(frozen=True)
class StoredBatch:
    """A batch of pending writes with its own pack."""

    writes: PlacedBatch
    pack: tuple[Part, ...]

    @property
    def holders(self) -> set[str]:
        """All objects that hold parts of it, itself aside."""
        return holders_of(self.writes.places) - {SELF}


def checkpoint_body(checkpoint: StoredCheckpoint) -> dict[str, Any]:
    """Plain form of a checkpoint."""
    table = _Table(checkpoint.holders)
    return {
        "kind": "checkpoint",
        "id": checkpoint.id,
        "ns": checkpoint.ns,
        "parent": checkpoint.parent,
        "versions": checkpoint.versions,
        "rest": _plain_part(checkpoint.rest),
        "metadata": _plain_part(checkpoint.metadata),
        "values": {channel: table.plain(place) for channel, place in checkpoint.values.items()},
        "logs": {
            channel: [table.plain(log.seed) if log.seed is not None else None, table.runs(log.steps)]
            for channel, log in checkpoint.logs.items()
        },
        "unlogged": list(checkpoint.unlogged),
        "folded": _plain_writes(checkpoint.folded, table),
        "held": table.names,
        "pack": [_plain_part(part) for part in checkpoint.pack],
    }


def read_checkpoint(key: str, name: str, body: dict[str, Any]) -> StoredCheckpoint:
    """A checkpoint from its plain form.

    Args:
        key: Full key, for messages.
        name: The object's name: places that lead to itself get it.
        body: Plain form.

    Raises:
        CorruptObject: It is none.
    """
    try:
        held = [name, *body["held"]]
        return StoredCheckpoint(
            id=body["id"],
            ns=body["ns"],
            parent=body["parent"],
            versions=body["versions"],
            rest=_part(body["rest"]),
            metadata=_part(body["metadata"]),
            values={channel: _place(each, held) for channel, each in body["values"].items()},
            logs={
                channel: Log(_place(seed, held) if seed is not None else None, _runs(steps, held))
                for channel, (seed, steps) in body["logs"].items()
            },
            unlogged=tuple(body["unlogged"]),
            folded=_writes(body["folded"], held),
            pack=_pack(body),
        )
    except _MALFORMED as error:
        raise CorruptObject(f"{key} is not a checkpoint: {error!r}") from error


def batch_body(batch: StoredBatch) -> dict[str, Any]:
    """Plain form of a batch of pending writes."""
    table = _Table(batch.holders)
    return {
        "kind": "writes",
        "writes": _plain_writes(batch.writes, table),
        "held": table.names,
        "pack": [_plain_part(part) for part in batch.pack],
    }


def read_batch(key: str, name: str, body: dict[str, Any]) -> StoredBatch:
    """A batch from its plain form; arguments and errors as with `read_checkpoint`."""
    try:
        return StoredBatch(_writes(body["writes"], [name, *body["held"]]), _pack(body))
    except _MALFORMED as error:
        raise CorruptObject(f"{key} holds no pending writes: {error!r}") from error


def blob_body(parts: Iterable[Part], chunks: Sequence[str] = ()) -> dict[str, Any]:
    """Plain form of a blob. With `chunks` its only part's bytes are in those other blobs."""
    plain = [_plain_part(part) for part in parts]
    return (
        {"kind": "blob", "pack": plain, "chunks": list(chunks)} if chunks else {"kind": "blob", "pack": plain}
    )


def chunk_body(data: bytes) -> dict[str, Any]:
    """Plain form of a piece of a part that is too large for one object."""
    return {"kind": "chunk", "data": data}


def read_pack(key: str, body: dict[str, Any]) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """The pack of any object, and the chunks in which its only part's bytes are.

    Raises:
        CorruptObject: It has none.
    """
    try:
        return _pack(body), tuple(body.get("chunks", ()))
    except _MALFORMED as error:
        raise CorruptObject(f"{key} holds no parts: {error!r}") from error


def read_chunk(key: str, body: dict[str, Any]) -> bytes:
    """The bytes of a chunk; raises CorruptObject."""
    data = body.get("data")
    if not isinstance(data, bytes):
        raise CorruptObject(f"{key} is not a chunk")
    return data


def claim_body(claim: Claim) -> dict[str, Any]:
    """Plain form of a claim."""
    return {
        "kind": "claim",
        "epoch": claim.epoch,
        "previous": claim.previous,
        "copied": claim.copied,
        "fence": claim.fence,
        "owner": claim.owner,
        "nonce": claim.nonce,
        "thread": claim.thread,
        "top": [claim.top_fence, claim.top_owner],
        "seal": {
            "heads": claim.seal.heads,
            "batches": claim.seal.batches,
            "newest": claim.seal.newest,
        },
        "lineage": [[e.epoch, e.fence, e.owner, e.checkpoints, e.batches] for e in claim.lineage],
    }


def read_claim(key: str, body: dict[str, Any]) -> Claim:
    """A claim from its plain form; raises CorruptObject."""
    try:
        seal = body["seal"]
        return Claim(
            epoch=body["epoch"],
            previous=body["previous"],
            copied=body["copied"],
            fence=body["fence"],
            owner=body["owner"],
            nonce=body["nonce"],
            thread=body["thread"],
            top_fence=body["top"][0],
            top_owner=body["top"][1],
            seal=Seal(
                dict(seal["heads"]),
                {id_: list(each) for id_, each in seal["batches"].items()},
                seal["newest"],
            ),
            lineage=tuple(Lineage(*entry) for entry in body["lineage"]),
        )
    except _MALFORMED as error:
        raise CorruptObject(f"{key} is not a claim: {error!r}") from error


class _Table:
    """Numbers for the holders of one object."""

    def __init__(self, holders: Iterable[str]) -> None:
        self.names = sorted(holders)
        self._numbers = {SELF: 0} | {name: number for number, name in enumerate(self.names, 1)}

    def plain(self, place: Place) -> list[Any]:
        return [place.kind, self.runs(place.runs)]

    def runs(self, runs: Iterable[Run]) -> list[int]:
        return [number for run in runs for number in (self._numbers[run.holder], run.start, run.count)]


def _place(plain: list[Any], held: Sequence[str]) -> Place:
    kind, runs = plain
    if kind not in {"v", "l", "d", "w"}:
        raise ValueError(kind)
    return Place(kind, _runs(runs, held))


def _runs(plain: list[int], held: Sequence[str]) -> tuple[Run, ...]:
    numbers = iter(plain)
    return tuple(Run(held[holder], *where) for holder, *where in zip(numbers, numbers, numbers, strict=True))


def _plain_writes(batch: PlacedBatch, table: _Table) -> list[Any]:
    calls = [
        [call.task, call.path, [[each.channel, each.idx, *table.plain(each.place)] for each in call.writes]]
        for call in batch.tasks
    ]
    return [batch.writer, batch.seq, calls]


def _writes(plain: list[Any], held: Sequence[str]) -> PlacedBatch:
    writer, seq, calls = plain
    tasks = tuple(
        PlacedTask(
            task,
            path,
            tuple(
                PlacedWrite(channel, idx, _place([kind, runs], held)) for channel, idx, kind, runs in writes
            ),
        )
        for task, path, writes in calls
    )
    return PlacedBatch(writer, seq, tasks)


def _plain_part(part: Part) -> list[Any]:
    return [part.tag, part.data] if part.key is None else [part.tag, part.data, part.key]


def _part(plain: list[Any]) -> Part:
    return Part(*plain)


def _pack(body: dict[str, Any]) -> tuple[Part, ...]:
    return tuple(_part(each) for each in body["pack"])
