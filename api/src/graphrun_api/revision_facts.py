"""What is known of a revision beside its runs: its topology, and what runs of it usually take. Asked for now and then."""

import json
from dataclasses import dataclass
from typing import Any, Final

from graphrun_api.auth.expiring import ExpiringAnswers, Kept
from graphrun_api.events.model import NodeTiming, Usual
from graphrun_api.events.reads import HistoryReads

_KEEP_SECONDS: Final = 10.0
# Until a runner has reported the graph: that may be any moment.
_KEEP_UNKNOWN_SECONDS: Final = 0.5


@dataclass(frozen=True)
class Facts:
    """The graph as a runner reported it (None: none has so far), and what completed runs took."""

    graph: dict[str, Any] | None
    usual: Usual
    timings: list[NodeTiming]


NOTHING: Final = Facts(None, Usual(0, None, None), [])


class RevisionFacts:
    """Facts by namespace and revision; raises HistoryUnavailable as its reads do."""

    def __init__(self, reads: HistoryReads) -> None:
        self._reads = reads
        self._known: ExpiringAnswers[tuple[str, str], Facts] = ExpiringAnswers()

    async def of(self, namespace: str, revision: str) -> Facts:
        """What is known; of a run that has no revision yet, nothing."""
        if not revision:
            return NOTHING
        return await self._known.get((namespace, revision), lambda: self._read(namespace, revision))

    async def _read(self, namespace: str, revision: str) -> Kept[Facts]:
        text = await self._reads.graph(namespace, revision)
        usual = await self._reads.usual(namespace, revision)
        timings = await self._reads.node_timings(namespace, revision)
        facts = Facts(json.loads(text) if text else None, usual, timings)
        return Kept(facts, _KEEP_SECONDS if text else _KEEP_UNKNOWN_SECONDS)
