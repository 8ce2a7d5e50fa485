"""What claims say must be there, beside what is there. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from graphrun_checkpoints.format import keys
from graphrun_checkpoints.format.keys import Address, BatchKey, CheckpointKey
from graphrun_checkpoints.format.seals import Claim
from graphrun_checkpoints.inspection.listed import Listed


@dataclass(frozen=True)
class Missing:
    """An object's name, and the epoch whose claim speaks of it."""

    name: str
    told_by: int


def missing(claims: Mapping[int, Claim], listed: Listed) -> list[Missing]:
    """What the claims of a thread, by their epochs, speak of and no LIST shows.

    Claims go with their thread alone, so the one before each must be there. Sealed pending writes go with their
    checkpoint alone; only those of the same epoch are asked for, for `delete_for_runs` removes epochs.
    """
    epochs = {key.epoch for key in listed.claims}
    found = [
        Missing(keys.claim_name(claim.previous), claim.epoch)
        for claim in claims.values()
        if claim.previous and claim.previous not in epochs
    ]
    batches = {(key.epoch, key.id, key.seq) for _, key in listed.stored if isinstance(key, BatchKey)}
    checkpoints = {
        (key.epoch, key.id): segment for segment, key in listed.stored if isinstance(key, CheckpointKey)
    }
    for claim in claims.values():
        for id_, seq in _sealed(claim):
            segment = checkpoints.get((claim.previous, id_))
            if segment is not None and (claim.previous, id_, seq) not in batches:
                name = keys.batch_name(Address(segment, claim.previous, id_), seq)
                found.append(Missing(name, claim.epoch))
    return found


def unclaimed(listed: Listed, newest: int) -> dict[int, list[str]]:
    """The keys of checkpoints and writes above the newest claimed epoch, by their epochs."""
    above: dict[int, list[str]] = {}
    for key in (key for _, key in listed.stored if key.epoch > newest):
        above.setdefault(key.epoch, []).append(key.entry.key)
    return above


def _sealed(claim: Claim) -> Iterator[tuple[str, int]]:
    pairs: Iterable[tuple[str, list[int]]] = claim.seal.batches.items()
    return ((id_, seq) for id_, numbers in pairs for seq in numbers)
