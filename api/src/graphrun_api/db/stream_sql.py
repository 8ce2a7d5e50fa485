"""Statements of streams: projects' places, tickets, and what all replicas share."""

from typing import Final

# --- project_batch: what was stored for a project, in the order of transactions
# Below this transaction everything is decided: what is not visible now will never be.
HORIZON: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
BATCHES_FROM: Final = """
    SELECT tx::text::bigint AS tx, run_uid, run_name, first_seq, last_seq, stored_at FROM project_batch
    WHERE namespace = $1 AND tx >= $2::bigint::text::xid8 AND tx < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY tx LIMIT $3"""
# Whether something was stored for a project that is not decided yet.
BATCHES_PENDING: Final = """
    SELECT EXISTS (
        SELECT FROM project_batch WHERE namespace = $1 AND tx >= pg_snapshot_xmin(pg_current_snapshot()))"""
# Whether all batches after a place in the transaction $1 are there: none has been dropped by age. A place that this
# server has not reached is of another one, from before the database was restored.
BATCHES_KEPT: Final = """
    SELECT $1 <= pg_snapshot_xmin(pg_current_snapshot())::text::bigint
       AND NOT EXISTS (SELECT FROM installation WHERE name = 'batches_dropped' AND value::bigint >= $1)"""
BATCHES_DROPPED_SET: Final = """
    INSERT INTO installation VALUES ('batches_dropped', $1::bigint::text)
    ON CONFLICT (name) DO UPDATE SET value = greatest(installation.value::bigint, $1::bigint)::text"""
# The events of some batches, in their order. Tokens have their batch's moment, by which one partition is read of all.
BATCHES_EVENTS: Final = """
    SELECT batch.place, batch.run_uid, event.*
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::timestamptz[])
         WITH ORDINALITY AS batch(run_uid, first, last, stored_at, place)
    JOIN run ON run.uid = batch.run_uid
    CROSS JOIN LATERAL (
        SELECT seq, attempt, type, at, node_id, data FROM run_event
        WHERE run_event.run_uid = batch.run_uid AND seq BETWEEN batch.first AND batch.last
          AND day = (run.created_at AT TIME ZONE 'UTC')::date
        UNION ALL
        SELECT seq, attempt, type, at, node_id, data FROM run_token
        WHERE run_token.run_uid = batch.run_uid AND seq BETWEEN batch.first AND batch.last
          AND run_token.stored_at = batch.stored_at) AS event
    ORDER BY batch.place, event.seq"""

# --- installation: what all replicas share
CURSOR_KEY: Final = "SELECT value FROM installation WHERE name = 'cursor_key'"

# --- stream_ticket
TICKET_ADD: Final = """
    INSERT INTO stream_ticket (digest, grant_, expires_at) VALUES ($1, $2, now() + make_interval(secs => $3))"""
# Each ticket is good once, whichever replica is asked.
TICKET_TAKE: Final = (
    "DELETE FROM stream_ticket WHERE digest = $1 RETURNING grant_, expires_at > now() AS valid"
)
