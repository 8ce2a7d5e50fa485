"""Every statement that the API sends to Postgres, by name, with what it is for."""

from typing import Final

# --- channel and locks
CHANNEL: Final = "graphrun_events"
# Any number that nobody else in the database uses; one for the follower, one for migrations, one for the sweep.
FOLLOWER_LOCK: Final = 0x6772_0001
MIGRATION_LOCK: Final = 0x6772_0002
SWEEP_LOCK: Final = 0x6772_0003
TRY_LOCK: Final = "SELECT pg_try_advisory_lock($1)"
NOTIFY: Final = "SELECT pg_notify('graphrun_events', $1)"

# --- run: one row a run, also after the resource is gone
# Makes the row of a run that events arrive for before the follower has seen it.
RUN_ENSURE: Final = """
    INSERT INTO run (uid, namespace, name, workflow, revision, status, labels, requested_by, created_at, created_order)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (uid) DO NOTHING"""
# Writes the follower's view; an older view than the stored one changes nothing. Progress never falls.
RUN_FOLLOW: Final = """
    INSERT INTO run (uid, namespace, name, workflow, revision, status, phase, reason, message, labels, attempt,
                     progress, checkpoint, output, output_ref, interrupts, requested_by,
                     created_at, started_at, paused_at, completed_at, created_order, resource_version, input_ref)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $22,
            $23)
    ON CONFLICT (uid) DO UPDATE SET
        revision = excluded.revision, status = excluded.status, phase = excluded.phase, reason = excluded.reason,
        message = excluded.message, labels = excluded.labels, attempt = excluded.attempt,
        progress = greatest(run.progress, excluded.progress),
        checkpoint = coalesce(excluded.checkpoint, run.checkpoint), output = excluded.output,
        output_ref = excluded.output_ref, interrupts = excluded.interrupts, requested_by = excluded.requested_by,
        started_at = excluded.started_at, paused_at = excluded.paused_at, completed_at = excluded.completed_at,
        resource_version = excluded.resource_version, input_ref = excluded.input_ref
    WHERE run.resource_version < excluded.resource_version"""
# The resource is gone; what had not ended counts as cancelled.
RUN_GONE: Final = """
    UPDATE run SET gone_at = now(),
        status = CASE WHEN status IN ('COMPLETED', 'FAILED', 'CANCELLED') THEN status ELSE 'CANCELLED' END,
        completed_at = coalesce(completed_at, now())
    WHERE uid = $1 AND gone_at IS NULL"""
# The runs that should still have a resource, and which view of it was written last.
RUNS_NOT_GONE: Final = "SELECT uid, resource_version, attempt FROM run WHERE gone_at IS NULL"
# Runs whose resource has been gone for $1 seconds and whose objects may still be in storage, those of $2 aside.
RUNS_TO_SWEEP: Final = """
    SELECT uid, namespace, name, input_ref FROM run
    WHERE swept_at IS NULL AND gone_at < now() - make_interval(secs => $1) AND uid <> ALL($2::text[])
    ORDER BY gone_at LIMIT $3"""
RUN_SWEPT: Final = "UPDATE run SET swept_at = now() WHERE uid = $1"
# The newest run of a name: names can be used again.
RUN_BY_NAME: Final = "SELECT * FROM run WHERE namespace = $1 AND name = $2 ORDER BY created_at DESC, created_order DESC LIMIT 1"
RUN_SEQ: Final = "SELECT last_seq FROM run WHERE uid = $1"
# The median number of supersteps of the last completed runs of a revision.
MEDIAN_STEPS: Final = """
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY step) FROM (
        SELECT step FROM run
        WHERE namespace = $1 AND revision = $2 AND status = 'COMPLETED' AND step > 0
        ORDER BY created_at DESC LIMIT 20) AS latest"""
RAISE_PROGRESS: Final = """
    UPDATE run SET progress = greatest(progress, $2) WHERE uid = $1 RETURNING progress"""
# One page of the list, newest first, from a cursor on; every filter may be NULL.
RUN_PAGE: Final = """
    SELECT uid, name, workflow, revision, status, phase, reason, message, labels, attempt, progress, requested_by,
           created_at, created_order, started_at, completed_at, last_seq, gone_at
    FROM run
    WHERE namespace = $1
      AND ($2::timestamptz IS NULL OR (created_at, created_order) < ($2, $3::bigint))
      AND ($4::text IS NULL OR status = $4)
      AND ($5::text IS NULL OR workflow = $5)
      AND ($6::timestamptz IS NULL OR created_at >= $6)
      AND ($7::timestamptz IS NULL OR created_at < $7)
      AND ($8::jsonb IS NULL OR labels @> $8)
    ORDER BY created_at DESC, created_order DESC
    LIMIT $9"""

# --- run_event: what happened, densely numbered within a run
# Takes the run's turn: whoever holds this row numbers the next events.
RUN_TURN: Final = "SELECT last_seq FROM run WHERE uid = $1 FOR UPDATE"
RUN_ADVANCE: Final = """
    UPDATE run SET last_seq = $2, step = greatest(step, $3), checkpoint = coalesce($4, checkpoint) WHERE uid = $1"""
# The newest runner seq that was stored of an attempt; what is not newer came twice.
ATTEMPT_SEQ: Final = "SELECT runner_seq FROM run_attempt WHERE run_uid = $1 AND attempt = $2"
ATTEMPT_ADVANCE: Final = """
    INSERT INTO run_attempt (run_uid, attempt, runner_seq) VALUES ($1, $2, $3)
    ON CONFLICT (run_uid, attempt) DO UPDATE SET runner_seq = excluded.runner_seq"""
# True only for the first who stores this milestone of a run.
MILESTONE: Final = """
    INSERT INTO run_milestone (run_uid, key) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true"""
EVENTS_INSERT: Final = """
    INSERT INTO run_event (run_uid, seq, attempt, type, at, node_id, data)
    SELECT $1, s, $2, t, a, n, d::json
    FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::text[], $7::text[]) AS new(s, t, a, n, d)"""
EVENTS_AFTER: Final = """
    SELECT seq, attempt, type, at, node_id, data FROM run_event
    WHERE run_uid = $1 AND seq > $2
      AND ($3::text[] IS NULL OR type = ANY($3)) AND ($4::text IS NULL OR node_id = $4)
    ORDER BY seq LIMIT $5"""
EVENTS_BEFORE: Final = """
    SELECT seq, attempt, type, at, node_id, data FROM run_event
    WHERE run_uid = $1 AND seq < $2
      AND ($3::text[] IS NULL OR type = ANY($3)) AND ($4::text IS NULL OR node_id = $4)
    ORDER BY seq DESC LIMIT $5"""
# The seq of the event that ends a run, where it is stored already.
END_SEQ: Final = """
    SELECT seq FROM run_event
    WHERE run_uid = $1 AND type IN ('run_completed', 'run_failed', 'run_cancelled') ORDER BY seq DESC LIMIT 1"""

# --- node_visit: one row a visit of a node in an attempt
VISITS_STARTED: Final = """
    INSERT INTO node_visit (run_uid, attempt, task_id, node_id, ns, step, visit, status, started_at)
    SELECT $1, $2, t, n, s, p, v, 'RUNNING', a
    FROM unnest($3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::timestamptz[]) AS new(t, n, s, p, v, a)
    ON CONFLICT (run_uid, attempt, task_id, ns) DO NOTHING"""
VISITS_PROGRESSED: Final = """
    UPDATE node_visit SET progress = greatest(node_visit.progress, new.share)
    FROM unnest($3::text[], $4::text[], $5::float8[]) AS new(t, s, share)
    WHERE run_uid = $1 AND attempt = $2 AND task_id = new.t AND ns = new.s"""
VISITS_ENDED: Final = """
    INSERT INTO node_visit (run_uid, attempt, task_id, node_id, ns, step, visit, status, started_at,
                            completed_at, error, progress)
    SELECT $1, $2, t, n, s, p, v, st, a, a, e, CASE WHEN st = 'COMPLETED' THEN 1 ELSE 0 END
    FROM unnest($3::text[], $4::text[], $5::text[], $6::int[], $7::int[], $8::timestamptz[], $9::text[], $10::text[])
         AS new(t, n, s, p, v, a, st, e)
    ON CONFLICT (run_uid, attempt, task_id, ns) DO UPDATE SET
        status = excluded.status, completed_at = excluded.completed_at, error = excluded.error,
        progress = greatest(node_visit.progress, excluded.progress)"""
# A run has ended: what still counts as running was stopped with it.
VISITS_CANCELLED: Final = """
    UPDATE node_visit SET status = 'CANCELLED', completed_at = $2 WHERE run_uid = $1 AND status = 'RUNNING'"""
# The latest visit of each node of the root graph, with totals; `share` is how much of its latest step is done.
NODE_STATES: Final = """
    SELECT DISTINCT ON (node_id) node_id, status, attempt, step, error, started_at, completed_at,
        count(*) OVER (PARTITION BY node_id) AS visits,
        bool_or(status = 'RUNNING') OVER (PARTITION BY node_id, attempt, step) AS any_running,
        avg(CASE WHEN status = 'RUNNING' THEN progress ELSE 1 END)
            OVER (PARTITION BY node_id, attempt, step) AS share
    FROM node_visit WHERE run_uid = $1 AND ns = ''
    ORDER BY node_id, attempt DESC, step DESC, started_at DESC"""

# --- workflow_graph: the topology of a revision, as a runner reported it
GRAPH_SET: Final = """
    INSERT INTO workflow_graph (namespace, revision, graph) VALUES ($1, $2, $3)
    ON CONFLICT (namespace, revision) DO UPDATE SET graph = excluded.graph"""
GRAPH_GET: Final = "SELECT graph FROM workflow_graph WHERE namespace = $1 AND revision = $2"
