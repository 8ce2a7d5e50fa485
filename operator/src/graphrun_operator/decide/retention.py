"""Retention: which frozen revisions may go. Those that an unfinished run needs stay, whatever became of the Workflow."""

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

# Of each Workflow that still exists, for runs that pin one by name.
KEPT_PER_WORKFLOW: Final = 10
# A revision is made a moment before the first Job that tells of its use.
MIN_AGE: Final = timedelta(minutes=10)


@dataclass(frozen=True)
class StoredRevision:
    """A ControllerRevision, without its content."""

    namespace: str
    name: str
    uid: str
    workflow: str
    created: datetime


def superfluous(
    stored: Iterable[StoredRevision],
    *,
    needed: Collection[tuple[str, str]],
    workflows: Collection[tuple[str, str]],
    now: datetime,
) -> list[StoredRevision]:
    """Those of `stored` that may be removed: `needed` and `workflows` are (namespace, name) in use, and existing."""
    of_workflow: dict[tuple[str, str], list[StoredRevision]] = defaultdict(list)
    for revision in stored:
        if (revision.namespace, revision.name) not in needed:
            of_workflow[revision.namespace, revision.workflow].append(revision)
    going: list[StoredRevision] = []
    for workflow, revisions in of_workflow.items():
        newest_first = sorted(revisions, key=lambda item: (item.created, item.name), reverse=True)
        kept = KEPT_PER_WORKFLOW if workflow in workflows else 0
        going += [item for item in newest_first[kept:] if now - item.created >= MIN_AGE]
    return going
