"""Statements of retention."""

from typing import Final

# --- retention
# Whether a run of this day still needs its events: it has not ended, or not before $2.
DAY_NEEDED: Final = """
    SELECT EXISTS (
        SELECT FROM run
        WHERE (created_at AT TIME ZONE 'UTC')::date = $1 AND events_dropped_at IS NULL
          AND (completed_at IS NULL OR completed_at >= $2))"""
DAY_DROPPED: Final = """
    WITH dropped AS (
        UPDATE run SET events_dropped_at = $2
        WHERE (created_at AT TIME ZONE 'UTC')::date = $1 AND events_dropped_at IS NULL RETURNING uid
    )
    DELETE FROM node_visit USING dropped WHERE run_uid = uid"""
# Runs of days before $1 that ended before $2 and still have events.
RUNS_LONG_ENDED: Final = """
    SELECT uid FROM run
    WHERE (created_at AT TIME ZONE 'UTC')::date < $1 AND events_dropped_at IS NULL
      AND completed_at < $2
    LIMIT $3"""
EVENTS_DROP: Final = """
    WITH dropped AS (
        UPDATE run SET events_dropped_at = $2 WHERE uid = ANY($1::text[])
        RETURNING uid, (created_at AT TIME ZONE 'UTC')::date AS of_day
    ), visits AS (
        DELETE FROM node_visit USING dropped WHERE run_uid = uid
    )
    DELETE FROM run_event USING dropped WHERE run_uid = uid AND day = of_day"""
# Rows of runs whose resource was gone before $1, and of which nothing else is left.
RUNS_FORGET: Final = """
    WITH forgotten AS (
        DELETE FROM run WHERE uid IN (
            SELECT uid FROM run
            WHERE gone_at < $1
              AND swept_at IS NOT NULL AND events_dropped_at IS NOT NULL
            LIMIT $2)
        RETURNING uid
    ), attempts AS (
        DELETE FROM run_attempt USING forgotten WHERE run_uid = uid
    ), keys AS (
        DELETE FROM run_milestone USING forgotten WHERE run_uid = uid
    )
    SELECT count(*) FROM forgotten"""
TICKETS_EXPIRED: Final = "DELETE FROM stream_ticket WHERE expires_at < $1"
# The newest batch that is older than this.
BATCHES_BEFORE: Final = """
    SELECT tx::text::bigint FROM project_batch WHERE stored_at < $1 ORDER BY tx DESC LIMIT 1"""
# Transaction ids of another server, from before this database was restored into it: their order means nothing here. By
# the snapshot, for an id of our own may be older than what others have stored meanwhile.
BATCHES_FOREIGN: Final = "DELETE FROM project_batch WHERE tx >= pg_snapshot_xmax(pg_current_snapshot())"
BATCHES_DROPPED_FOREIGN: Final = """
    DELETE FROM installation
    WHERE name = 'batches_dropped' AND value::bigint >= pg_snapshot_xmax(pg_current_snapshot())::text::bigint"""
