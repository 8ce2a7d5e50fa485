"""Opens the stored state for an attempt: claims it, forks it where asked, sees to it that the graph fits, decides the start.

Whatever is wrong is found before anything of the graph's runs. A run that has begun is then paused as it was; one that
has not is failed.
"""

import sys
from dataclasses import dataclass
from typing import Any, Final

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple

from graphrun_checkpoints import CheckpointError, Inherited, InvalidCheckpoint
from graphrun_core import names
from graphrun_core.protocol import Outcome
from graphrun_runner.child import outcomes, signature
from graphrun_runner.child.compatibility import Comparison
from graphrun_runner.child.loading import Graph, LoadFailed
from graphrun_runner.child.signature import Signature
from graphrun_runner.child.starting import Past, Start, decide_start
from graphrun_runner.child.storage import RunStorage

_INCOMPATIBLE: Final = "IncompatibleRevision"
_NOT_FOUND: Final = "CheckpointNotFound"


@dataclass(frozen=True)
class Opened:
    """The state is ours, and the graph may go on.

    Attributes:
        start: With what.
        checkpoint_id: From which checkpoint; "" where there is none yet.
    """

    start: Start
    checkpoint_id: str


@dataclass(frozen=True)
class _Known:
    """Signatures that are stored: this run's own, and what its state was made by."""

    own: Signature | None
    maker: Signature | None


class Opening:
    """One attempt's way into its thread.

    Args:
        grant: A protocol.ClaimGrant.
        graph: Compiled on the storage's saver.
        storage: Of the run.
        config: The RunnableConfig of the run.
    """

    def __init__(
        self, grant: dict[str, Any], graph: Graph, storage: RunStorage, config: dict[str, Any]
    ) -> None:
        self._grant, self._graph, self._storage, self._config = grant, graph, storage, config
        # Both are absent where an older API granted the claim.
        self._fork: dict[str, Any] | None = grant.get("startFrom")
        self._accepted: str = grant.get("acceptedRevision") or ""

    async def open(self) -> Opened | Outcome:
        """The start, or the outcome that says why there is none.

        Raises:
            CheckpointError: the state cannot be read or claimed.
        """
        inherited = await self._claim()
        if inherited is None:
            return self._source_missing()
        try:
            given = await self._storage.read_input()
        except (LoadFailed, ValueError) as error:
            return outcomes.load_failed(error)
        known = await self._signatures()
        newest = await self._newest(inherited)
        start = decide_start(given, self._grant["resume"], self._fork, self._past(inherited, newest))
        target = await self._at(start.checkpoint_id) if start.checkpoint_id else newest
        begun = known.own is not None or self._owns_checkpoint(inherited)
        if target is None and start.checkpoint_id:
            return self._checkpoint_missing(start.checkpoint_id, begun=begun)
        return await self._checked(start, target, known, begun=begun)

    async def _checked(
        self, start: Start, target: CheckpointTuple | None, known: _Known, *, begun: bool
    ) -> Opened | Outcome:
        current = signature.signature_of(self._graph, self._grant["revision"])
        if target is not None:
            refused = await self._refusal(target, known.maker, current)
            if refused:
                return outcomes.refused(_INCOMPATIBLE, refused, begun=begun)
        if known.own is None or known.own.revision != current.revision:
            await self._storage.keep_signature(signature.to_stored(current))
        found = target.config["configurable"]["checkpoint_id"] if target is not None else ""
        return Opened(start, found)

    async def _claim(self) -> Inherited | None:
        """None: there is nothing to fork from."""
        grant, saver = self._grant, self._storage.saver
        if self._fork is None:
            return await saver.aopen(grant["thread"], fence=grant["fence"], owner=grant["owner"])
        if not self._fork["thread"]:
            return None
        try:
            return await saver.afork(
                self._fork["thread"], grant["thread"], fence=grant["fence"], owner=grant["owner"]
            )
        except InvalidCheckpoint:
            return None

    async def _signatures(self) -> _Known:
        first = self._grant["attempt"] == 1
        own = None if first else await self._storage.read_signature(self._grant["runUID"])
        if own is None and self._fork is not None:
            return _Known(None, await self._storage.read_signature(self._fork["thread"]))
        return _Known(own, own)

    async def _newest(self, inherited: Inherited) -> CheckpointTuple | None:
        if self._fork is None and not self._owns_checkpoint(inherited):
            return None  # nothing is stored
        return await self._at("")

    async def _at(self, checkpoint_id: str) -> CheckpointTuple | None:
        return await self._storage.saver.aget_tuple(self._config_at(checkpoint_id))

    def _config_at(self, checkpoint_id: str) -> RunnableConfig:
        place = {"checkpoint_id": checkpoint_id} if checkpoint_id else {}
        return {"configurable": {**self._config["configurable"], **place}}

    def _owns_checkpoint(self, inherited: Inherited) -> bool:
        return inherited.holds_checkpoint(owner=self._grant["owner"])

    def _past(self, inherited: Inherited, newest: CheckpointTuple | None) -> Past:
        used = inherited.fences_that_left_something(owner=self._grant["owner"])
        source = str(newest.metadata.get("source", "")) if newest is not None else ""
        return Past(self._owns_checkpoint(inherited), source, frozenset(used))

    async def _refusal(self, target: CheckpointTuple, maker: Signature | None, current: Signature) -> str:
        """Why the graph must not go on from this checkpoint; "" where it may."""
        if maker is not None and maker.revision == current.revision:
            return ""
        config = self._config_at(target.config["configurable"]["checkpoint_id"])
        try:
            missing = str(await Comparison(self._storage.saver, self._graph, maker, current).missing(config))
        except CheckpointError:
            raise
        except Exception as error:  # noqa: BLE001 - schemas are user code, and read the state
            missing = f"the state cannot be read: {outcomes.describe(error)}"
        if missing and self._accepted == current.revision:
            sys.stderr.write(f"graphrun: {current.revision} goes on as it was accepted, without {missing}\n")
            return ""
        return self._told(missing, maker, current) if missing else ""

    def _told(self, missing: str, maker: Signature | None, current: Signature) -> str:
        made = f" by {maker.revision}" if maker is not None else ""
        mend = (
            f"; nothing was run. {current.revision} lacks this of the state stored{made}: resume (a new spec.resume.id) by a revision that "
            f"has it, or annotate the run {names.ANNOTATION_ACCEPT_REVISION}={current.revision}"
        )
        return outcomes.cut_before(missing, mend)

    def _source_missing(self) -> Outcome:
        run = self._fork["run"] if self._fork is not None else ""
        return outcomes.refused(
            _NOT_FOUND,
            f"spec.startFrom.run: nothing is stored of run {run}; fork a run that has made a checkpoint",
            begun=False,
        )

    def _checkpoint_missing(self, checkpoint_id: str, *, begun: bool) -> Outcome:
        if begun or self._fork is None:
            text = (
                f"spec.resume.checkpointID: this run has no checkpoint {checkpoint_id}; nothing was run. Give a new "
                "spec.resume.id with one of its checkpoints, or none for the latest"
            )
            return outcomes.refused(_NOT_FOUND, text, begun=True)
        text = (
            f"spec.startFrom.checkpointID: run {self._fork['run']} has no checkpoint {checkpoint_id}; name one of its "
            "checkpoints, or none for the latest, in a new run"
        )
        return outcomes.refused(_NOT_FOUND, text, begun=False)
