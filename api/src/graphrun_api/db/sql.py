"""Every statement that the API sends to Postgres, by name, with what it is for."""

from typing import Final

# --- channel and locks
CHANNEL: Final = "graphrun_events"
# Any number that nobody else in the database uses, one for each job that one replica at a time does.
FOLLOWER_LOCK: Final = 0x6772_0001
MIGRATION_LOCK: Final = 0x6772_0002
SWEEP_LOCK: Final = 0x6772_0003
UPKEEP_LOCK: Final = 0x6772_0004
PARTITION_LOCK: Final = 0x6772_0005
TRY_LOCK: Final = "SELECT pg_try_advisory_lock($1)"

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
                     created_at, started_at, paused_at, completed_at, created_order, resource_version, input_ref,
                     active_seconds)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $22,
            $23, $24)
    ON CONFLICT (uid) DO UPDATE SET
        revision = excluded.revision, status = excluded.status, phase = excluded.phase, reason = excluded.reason,
        message = excluded.message, labels = excluded.labels, attempt = excluded.attempt,
        progress = greatest(run.progress, excluded.progress),
        checkpoint = coalesce(excluded.checkpoint, run.checkpoint), output = excluded.output,
        output_ref = excluded.output_ref, interrupts = excluded.interrupts, requested_by = excluded.requested_by,
        started_at = excluded.started_at, paused_at = excluded.paused_at, completed_at = excluded.completed_at,
        resource_version = excluded.resource_version, input_ref = excluded.input_ref,
        active_seconds = excluded.active_seconds
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
# What the last completed runs of a revision took: how many there are (20 at most), the medians of their supersteps
# and of their active seconds.
USUAL: Final = """
    SELECT count(*) AS runs, percentile_cont(0.5) WITHIN GROUP (ORDER BY step) AS steps,
           percentile_cont(0.5) WITHIN GROUP (ORDER BY active_seconds) AS active_seconds
    FROM (
        SELECT step, active_seconds FROM run
        WHERE namespace = $1 AND revision = $2 AND status = 'COMPLETED' AND step > 0
        ORDER BY created_at DESC LIMIT 20) AS latest"""
RAISE_PROGRESS: Final = """
    UPDATE run SET progress = greatest(progress, $2) WHERE uid = $1 RETURNING progress"""

# --- run_event: what happened, densely numbered within a run; run_token: the tokens among it, kept for a while
# Takes the run's turn: whoever holds this row numbers the next events.
RUN_TURN: Final = """
    SELECT last_seq, (created_at AT TIME ZONE 'UTC')::date AS day FROM run WHERE uid = $1 FOR UPDATE"""
# Events from seq $5 to $2 are stored: the run's row knows, its project's streams go by it, and who waits is told.
RUN_ADVANCE: Final = """
    WITH advanced AS (
        UPDATE run SET last_seq = $2, step = greatest(step, $3), checkpoint = coalesce($4, checkpoint)
        WHERE uid = $1 RETURNING namespace, name
    ), batch AS (
        INSERT INTO project_batch (namespace, run_uid, run_name, first_seq, last_seq)
        SELECT namespace, $1, name, $5::bigint, $2::bigint FROM advanced
    )
    SELECT pg_notify('graphrun_events', $1 || ':' || $2::bigint || ':' || namespace) FROM advanced"""
# The newest runner seq that was stored of an attempt; what is not newer came twice.
ATTEMPT_SEQ: Final = "SELECT runner_seq FROM run_attempt WHERE run_uid = $1 AND attempt = $2"
ATTEMPT_ADVANCE: Final = """
    INSERT INTO run_attempt (run_uid, attempt, runner_seq) VALUES ($1, $2, $3)
    ON CONFLICT (run_uid, attempt) DO UPDATE SET runner_seq = excluded.runner_seq"""
# True only for the first who stores this milestone of a run.
MILESTONE: Final = """
    INSERT INTO run_milestone (run_uid, key) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true"""
EVENTS_INSERT: Final = """
    INSERT INTO run_event (run_uid, day, attempt, seq, type, at, node_id, data)
    SELECT $1, $2, $3, s, t, a, n, d::json
    FROM unnest($4::bigint[], $5::text[], $6::timestamptz[], $7::text[], $8::text[]) AS new(s, t, a, n, d)"""
TOKENS_INSERT: Final = """
    INSERT INTO run_token (run_uid, attempt, seq, type, at, node_id, data)
    SELECT $1, $2, s, t, a, n, d::json
    FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::text[], $7::text[]) AS new(s, t, a, n, d)"""
# The day of the run is looked up by the statement itself, so that one partition is read.
_EVENTS: Final = """
    SELECT seq, attempt, type, at, node_id, data FROM {table}
    WHERE run_uid = $1 AND seq {beyond} $2 {of_day}
      AND ($3::text[] IS NULL OR type = ANY($3)) AND ($4::text IS NULL OR node_id = $4)
    ORDER BY seq {direction} LIMIT $5"""
_OF_DAY: Final = "AND day = (SELECT (created_at AT TIME ZONE 'UTC')::date FROM run WHERE uid = $1)"


def _events(beyond: str, direction: str) -> str:
    how = {"beyond": beyond, "direction": direction}
    kept = _EVENTS.format(table="run_event", of_day=_OF_DAY, **how)
    tokens = _EVENTS.format(table="run_token", of_day="", **how)
    return f"({kept}) UNION ALL ({tokens}) ORDER BY seq {direction} LIMIT $5"


EVENTS_AFTER: Final = _events(">", "ASC")
EVENTS_BEFORE: Final = _events("<", "DESC")
# The same without tokens: for who asks for other types alone.
KEPT_AFTER: Final = _EVENTS.format(table="run_event", of_day=_OF_DAY, beyond=">", direction="ASC")
KEPT_BEFORE: Final = _EVENTS.format(table="run_event", of_day=_OF_DAY, beyond="<", direction="DESC")
# The seq of the event that ends a run, where it is stored already.
END_SEQ: Final = f"""
    SELECT seq FROM run_event
    WHERE run_uid = $1 {_OF_DAY} AND type IN ('run_completed', 'run_failed', 'run_cancelled')
    ORDER BY seq DESC LIMIT 1"""
RUN_SEQ: Final = "SELECT last_seq, events_dropped_at FROM run WHERE uid = $1"

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

# Visits of nodes, those of subgraphs too, in the order in which they began. What an attempt left under way that has
# stopped, or was followed by another, does not run any more.
TIMELINE: Final = """
    SELECT task_id, node_id, ns, step, visit, attempt, progress, error, started_at, completed_at,
           CASE WHEN status = 'RUNNING' AND EXISTS (
               SELECT FROM run_attempt AS known WHERE known.run_uid = $1
                 AND (known.attempt > node_visit.attempt
                      OR known.attempt = node_visit.attempt AND known.stopped_at IS NOT NULL)
           ) THEN 'CANCELLED' ELSE status END AS status
    FROM node_visit
    WHERE run_uid = $1
      AND ($2::timestamptz IS NULL OR (started_at, task_id, ns) > ($2, $3::text, $4::text))
    ORDER BY started_at, task_id, ns LIMIT $5"""

# The checkpoints of some supersteps, in the order in which they were saved.
CHECKPOINTS_OF_STEPS: Final = f"""
    SELECT data->>'id' AS id, coalesce(data->>'ns', '') AS ns, (data->>'step')::int AS step, attempt, at
    FROM run_event
    WHERE run_uid = $1 {_OF_DAY} AND type = 'checkpoint_saved' AND (data->>'step')::int = ANY($2::int[])
    ORDER BY seq"""

# --- run_attempt: one row an attempt
# What a view of the run tells of an attempt: what was known stays where the view says nothing.
ATTEMPT_FOLLOW: Final = """
    INSERT INTO run_attempt AS known (run_uid, attempt, pod, node, revision, claimed_at, stopped_at, result,
                                      exit_code, reason, message)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
    ON CONFLICT (run_uid, attempt) DO UPDATE SET
        pod = coalesce(nullif(excluded.pod, ''), known.pod), node = coalesce(nullif(excluded.node, ''), known.node),
        revision = coalesce(nullif(known.revision, ''), excluded.revision),
        claimed_at = coalesce(excluded.claimed_at, known.claimed_at),
        stopped_at = coalesce(known.stopped_at, excluded.stopped_at),
        result = coalesce(nullif(excluded.result, ''), known.result),
        exit_code = coalesce(excluded.exit_code, known.exit_code),
        reason = coalesce(nullif(excluded.reason, ''), known.reason),
        message = coalesce(nullif(excluded.message, ''), known.message)"""
ATTEMPTS: Final = "SELECT * FROM run_attempt WHERE run_uid = $1 ORDER BY attempt"

# --- interrupts of a project
INTERRUPTED_PAGE: Final = """
    SELECT uid, name, workflow, interrupts, created_at, created_order, paused_at, requested_by, last_seq
    FROM run
    WHERE namespace = $1 AND status = 'INTERRUPTED' AND gone_at IS NULL
      AND ($2::timestamptz IS NULL OR (created_at, created_order) < ($2, $3::bigint))
      AND ($4::text IS NULL OR workflow = $4)
    ORDER BY created_at DESC, created_order DESC
    LIMIT $5"""

# --- workflow_graph: the topology of a revision, as a runner reported it
GRAPH_SET: Final = """
    INSERT INTO workflow_graph (namespace, revision, workflow, graph) VALUES ($1, $2, $3, $4)
    ON CONFLICT (namespace, revision) DO UPDATE SET graph = excluded.graph, workflow = excluded.workflow,
        reported_at = now()"""
# The graph of revision $3; unless $4, where that is not known, of the workflow's revision that was reported last.
GRAPH_OF: Final = """
    SELECT revision, graph FROM workflow_graph
    WHERE namespace = $1 AND workflow = $2 AND (revision = $3 OR NOT $4)
    ORDER BY revision = $3 DESC, reported_at DESC LIMIT 1"""
GRAPH_GET: Final = "SELECT graph FROM workflow_graph WHERE namespace = $1 AND revision = $2"
