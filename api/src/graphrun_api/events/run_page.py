"""The statement for one page of a project's runs, made of the filters that are asked for. Pure.

Each combination of filters is a statement of its own: one for all, with "or no filter is given", could not use the
index that fits, once Postgres plans it without looking at the values.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

_COLUMNS: Final = """
    uid, name, workflow, revision, status, phase, reason, message, labels, attempt, progress, requested_by,
    created_at, created_order, started_at, completed_at, last_seq, gone_at,
    pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS horizon"""


@dataclass(frozen=True)
class RunQuery:
    """One page of a project's runs; None means: any."""

    namespace: str
    older_than: tuple[datetime, int] | None = None
    status: str | None = None
    workflow: str | None = None
    created_after: datetime | None = None
    created_before: datetime | None = None
    labels: dict[str, str] | None = None
    limit: int = 50


def statement(query: RunQuery) -> tuple[str, list[Any]]:
    """SQL and its arguments: newest first."""
    arguments: list[Any] = []

    def given(value: object) -> str:
        arguments.append(value)
        return f"${len(arguments)}"

    conditions = [f"namespace = {given(query.namespace)}"]
    if query.older_than is not None:
        made, order = query.older_than
        conditions.append(f"(created_at, created_order) < ({given(made)}, {given(order)}::bigint)")
    if query.status is not None:
        conditions.append(f"status = {given(query.status)}")
    if query.workflow is not None:
        conditions.append(f"workflow = {given(query.workflow)}")
    if query.created_after is not None:
        conditions.append(f"created_at >= {given(query.created_after)}")
    if query.created_before is not None:
        conditions.append(f"created_at < {given(query.created_before)}")
    if query.labels is not None:
        conditions.append(f"labels @> {given(query.labels)}")
    where = " AND ".join(conditions)
    order_by = "created_at DESC, created_order DESC"
    text = f"SELECT {_COLUMNS} FROM run WHERE {where} ORDER BY {order_by} LIMIT {given(query.limit)}"  # noqa: S608 - our own words
    return text, arguments
