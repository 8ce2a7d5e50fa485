"""Statements that add up what runs took, and how they ended."""

from typing import Final

# --- node_timing and workflow_hour: what completed runs took, and how runs ended
# True for the first who adds up a run that has ended.
COUNT_ONCE: Final = """
    INSERT INTO run_milestone (run_uid, key)
    SELECT uid, 'counted' FROM run WHERE uid = $1 AND status IN ('COMPLETED', 'FAILED', 'CANCELLED')
    ON CONFLICT DO NOTHING RETURNING true"""
# Steps of a scale of seconds: bucket n holds what took up to 0.1 * sqrt(2)^n seconds.
HOUR_ADD: Final = """
    INSERT INTO workflow_hour (namespace, workflow, hour, status, bucket, runs, seconds, active_seconds)
    SELECT namespace, workflow, date_trunc('hour', completed_at, 'UTC'), status,
           greatest(0, ceil(2 * log(2, greatest(took, 0.1) / 0.1)))::int, 1, took, active_seconds
    FROM (
        SELECT *, extract(epoch FROM completed_at - coalesce(started_at, completed_at))::numeric AS took
        FROM run WHERE uid = $1 AND completed_at IS NOT NULL) AS ended
    ON CONFLICT (namespace, workflow, hour, status, bucket) DO UPDATE SET
        runs = workflow_hour.runs + 1, seconds = workflow_hour.seconds + excluded.seconds,
        active_seconds = workflow_hour.active_seconds + excluded.active_seconds"""
OUTCOMES: Final = """
    SELECT hour, status, bucket, runs, seconds, active_seconds FROM workflow_hour
    WHERE namespace = $1 AND workflow = $2 AND hour >= $3 AND hour < $4 ORDER BY hour, status, bucket"""
# Running means over the last 20 runs: a node of which nothing was seen in a run counts with nothing in it, and visits
# of one step, which run side by side, with the time of all of them together.
TIMING_ADD: Final = """
    WITH step AS (
        SELECT run.namespace, run.revision, node_id, count(*) AS visits,
               extract(epoch FROM max(node_visit.completed_at) - min(node_visit.started_at)) AS seconds
        FROM node_visit JOIN run ON run.uid = run_uid
        WHERE run.uid = $1 AND run.status = 'COMPLETED' AND run.revision <> '' AND ns = ''
          AND node_visit.status = 'COMPLETED'
        GROUP BY 1, 2, 3, node_visit.attempt, node_visit.step
    ), seen AS (
        SELECT namespace, revision, node_id, sum(visits)::float8 AS visits, sum(seconds)::float8 AS seconds
        FROM step GROUP BY 1, 2, 3
    ), unseen AS (
        SELECT namespace, revision, node_id, 0::float8, 0::float8 FROM node_timing
        WHERE (namespace, revision) IN (SELECT namespace, revision FROM seen)
          AND node_id NOT IN (SELECT node_id FROM seen)
    )
    INSERT INTO node_timing AS known (namespace, revision, node_id, runs, visits, seconds)
    SELECT namespace, revision, node_id, 1, visits, seconds FROM (TABLE seen UNION ALL TABLE unseen) AS of_run
    ON CONFLICT (namespace, revision, node_id) DO UPDATE SET
        runs = least(known.runs + 1, 20),
        visits = known.visits + (excluded.visits - known.visits) / least(known.runs + 1, 20),
        seconds = known.seconds + (excluded.seconds - known.seconds) / least(known.runs + 1, 20)"""
NODE_TIMINGS: Final = (
    "SELECT node_id, runs, visits, seconds FROM node_timing WHERE namespace = $1 AND revision = $2"
)
