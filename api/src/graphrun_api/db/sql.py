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

# --- project_batch: what was stored for a project, in the order of transactions
# Below this transaction everything is decided: what is not visible now will never be.
HORIZON: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
BATCHES_FROM: Final = """
    SELECT tx::text::bigint AS tx, run_uid, run_name, first_seq, last_seq FROM project_batch
    WHERE namespace = $1 AND tx >= $2::bigint::text::xid8 AND tx < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY tx LIMIT $3"""
# Whether something was stored for a project that is not decided yet.
BATCHES_PENDING: Final = """
    SELECT EXISTS (
        SELECT FROM project_batch WHERE namespace = $1 AND tx >= pg_snapshot_xmin(pg_current_snapshot()))"""
# Up to which transaction batches have been dropped, by age.
BATCHES_DROPPED: Final = "SELECT value::bigint FROM installation WHERE name = 'batches_dropped'"
BATCHES_DROPPED_SET: Final = """
    INSERT INTO installation VALUES ('batches_dropped', $1::bigint::text)
    ON CONFLICT (name) DO UPDATE SET value = greatest(installation.value::bigint, $1::bigint)::text"""
# The events of some batches, in their order.
BATCHES_EVENTS: Final = """
    SELECT batch.place, batch.run_uid, event.*
    FROM unnest($1::text[], $2::bigint[], $3::bigint[]) WITH ORDINALITY AS batch(run_uid, first, last, place)
    JOIN run ON run.uid = batch.run_uid
    CROSS JOIN LATERAL (
        SELECT seq, attempt, type, at, node_id, data FROM run_event
        WHERE run_event.run_uid = batch.run_uid AND seq BETWEEN batch.first AND batch.last
          AND day = (run.created_at AT TIME ZONE 'UTC')::date
        UNION ALL
        SELECT seq, attempt, type, at, node_id, data FROM run_token
        WHERE run_token.run_uid = batch.run_uid AND seq BETWEEN batch.first AND batch.last) AS event
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

# Visits of nodes, those of subgraphs too, in the order in which they began.
TIMELINE: Final = """
    SELECT task_id, node_id, ns, step, visit, attempt, status, progress, error, started_at, completed_at
    FROM node_visit
    WHERE run_uid = $1
      AND ($2::timestamptz IS NULL OR (started_at, task_id, ns) > ($2, $3::text, $4::text))
    ORDER BY started_at, task_id, ns LIMIT $5"""

# The checkpoints of some supersteps, in the order in which they were saved.
CHECKPOINTS_OF_STEPS: Final = f"""
    SELECT data->>'id' AS id, coalesce(data->>'ns', '') AS ns, (data->>'step')::int AS step, at FROM run_event
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

# --- retention
# Whether a run of this day still needs its events: it has not ended, or not $2 seconds ago.
DAY_NEEDED: Final = """
    SELECT EXISTS (
        SELECT FROM run
        WHERE (created_at AT TIME ZONE 'UTC')::date = $1 AND events_dropped_at IS NULL
          AND (completed_at IS NULL OR completed_at >= now() - make_interval(secs => $2)))"""
DAY_DROPPED: Final = """
    WITH dropped AS (
        UPDATE run SET events_dropped_at = now()
        WHERE (created_at AT TIME ZONE 'UTC')::date = $1 AND events_dropped_at IS NULL RETURNING uid
    )
    DELETE FROM node_visit USING dropped WHERE run_uid = uid"""
# Runs of days before $1 that ended $2 seconds ago and still have events.
RUNS_LONG_ENDED: Final = """
    SELECT uid FROM run
    WHERE (created_at AT TIME ZONE 'UTC')::date < $1 AND events_dropped_at IS NULL
      AND completed_at < now() - make_interval(secs => $2)
    LIMIT $3"""
EVENTS_DROP: Final = """
    WITH dropped AS (
        UPDATE run SET events_dropped_at = now() WHERE uid = ANY($1::text[])
        RETURNING uid, (created_at AT TIME ZONE 'UTC')::date AS of_day
    ), visits AS (
        DELETE FROM node_visit USING dropped WHERE run_uid = uid
    )
    DELETE FROM run_event USING dropped WHERE run_uid = uid AND day = of_day"""
# Rows of runs whose resource has been gone for $1 seconds, and of which nothing else is left.
RUNS_FORGET: Final = """
    WITH forgotten AS (
        DELETE FROM run WHERE uid IN (
            SELECT uid FROM run
            WHERE gone_at < now() - make_interval(secs => $1)
              AND swept_at IS NOT NULL AND events_dropped_at IS NOT NULL
            LIMIT $2)
        RETURNING uid
    ), attempts AS (
        DELETE FROM run_attempt USING forgotten WHERE run_uid = uid
    ), keys AS (
        DELETE FROM run_milestone USING forgotten WHERE run_uid = uid
    )
    SELECT count(*) FROM forgotten"""
TICKETS_EXPIRED: Final = "DELETE FROM stream_ticket WHERE expires_at < now()"
# The newest batch that is older than this.
BATCHES_BEFORE: Final = """
    SELECT tx::text::bigint FROM project_batch WHERE stored_at < $1 ORDER BY tx DESC LIMIT 1"""
# Transaction ids of another server, from before this database was restored into it: their order means nothing here.
BATCHES_FOREIGN: Final = "DELETE FROM project_batch WHERE tx > pg_current_xact_id()"
