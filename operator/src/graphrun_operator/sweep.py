"""The sweep of revisions: after each full look, those that nothing needs any more are removed."""

from collections.abc import Callable, Iterator
from datetime import datetime

from graphrun_core import names
from graphrun_core.times import from_rfc3339
from graphrun_operator.apply import Applier
from graphrun_operator.cache import Cache, ObjectKey, key_of
from graphrun_operator.cluster import REVISIONS, Cluster
from graphrun_operator.decide.retention import StoredRevision, superfluous


class Sweep:
    """Removes superfluous revisions."""

    def __init__(
        self, cluster: Cluster, cache: Cache, applier: Applier, clock: Callable[[], datetime]
    ) -> None:
        self._cluster, self._cache, self._applier, self._clock = cluster, cache, applier, clock

    async def sweep(self) -> None:
        """Look at all revisions and remove what may go.

        Raises:
            OperatorError: the API server could not be reached, or does not allow it.
        """
        selector = f"{names.LABEL_MANAGED_BY}={names.OPERATOR_NAME}"
        listing = await self._cluster.list(REVISIONS, labelSelector=selector)
        stored = [
            StoredRevision(
                *key_of(manifest),
                uid=manifest["metadata"]["uid"],
                workflow=manifest["metadata"]["labels"].get(names.LABEL_WORKFLOW, ""),
                created=from_rfc3339(manifest["metadata"]["creationTimestamp"]),
            )
            for manifest in listing.items
        ]
        going = superfluous(
            stored, needed=set(self._needed()), workflows=set(self._cache.workflows), now=self._clock()
        )
        for revision in going:
            # Asked again: while the others were being removed, a run may have come that needs this one.
            if ObjectKey(revision.namespace, revision.name) in self._needed():
                continue
            await self._applier.remove_revision(revision.namespace, revision.name, revision.uid)

    def _needed(self) -> Iterator[ObjectKey]:
        for key in self._cache.runs:
            run = self._cache.runs.get(key)
            if run is None or run.is_finished:
                continue
            for name in (run.status.revision, run.spec.workflow_ref.revision, run.spec.resume.revision):
                yield ObjectKey(key.namespace, name)
        for key in self._cache.jobs:
            job = self._cache.jobs.get(key)
            if job:
                yield ObjectKey(key.namespace, job.revision)
