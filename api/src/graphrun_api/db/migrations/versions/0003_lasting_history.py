"""A history that lasts: events by day, tokens by hour, what was stored by project, attempts, times, outcomes, tickets.

Events of a run lie together, by the day on which the run was created: a page of them reads one partition, and a day is
dropped whole once none of its runs needs it any more. Replicas of the version before cannot store events in the new
table; they refuse the batches, and runners send them again to a new replica.
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    # --- events
    "LOCK TABLE run, run_event",
    "ALTER TABLE run_event RENAME TO run_event_old",
    "ALTER INDEX run_event_pkey RENAME TO run_event_old_pkey",
    """
    CREATE TABLE run_event (
        day date NOT NULL,  -- of the run's creation, in UTC
        run_uid text NOT NULL,
        seq bigint NOT NULL,
        attempt integer NOT NULL,
        type text NOT NULL,
        at timestamptz NOT NULL,
        node_id text,
        data json NOT NULL,
        PRIMARY KEY (run_uid, seq, day)
    ) PARTITION BY RANGE (day)
    """,
    # Runs that were created on days for which nobody made a partition: before the installation, for example.
    "CREATE TABLE run_event_default PARTITION OF run_event DEFAULT",
    # Each day of old in its own partition: in the default one they would be looked through for every new day.
    """
    DO $$
    DECLARE of_day date;
    BEGIN
        FOR of_day IN SELECT DISTINCT (created_at AT TIME ZONE 'UTC')::date FROM run LOOP
            EXECUTE format('CREATE TABLE run_event_%s PARTITION OF run_event FOR VALUES FROM (%L) TO (%L)',
                           to_char(of_day, 'YYYYMMDD'), of_day, of_day + 1);
        END LOOP;
    END $$
    """,
    """
    INSERT INTO run_event (day, run_uid, seq, attempt, type, at, node_id, data)
    SELECT (run.created_at AT TIME ZONE 'UTC')::date, run_uid, seq, event.attempt, type, at, node_id, data
    FROM run_event_old AS event JOIN run ON run.uid = run_uid
    """,
    "DROP TABLE run_event_old",
    """
    CREATE INDEX run_event_checkpoint ON run_event (run_uid, ((data->>'step')::int))
    WHERE type = 'checkpoint_saved'
    """,
    """
    CREATE TABLE run_token (
        run_uid text NOT NULL,
        seq bigint NOT NULL,
        attempt integer NOT NULL,
        type text NOT NULL,
        at timestamptz NOT NULL,
        node_id text,
        data json NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (run_uid, seq, stored_at)
    ) PARTITION BY RANGE (stored_at)
    """,
    "CREATE TABLE run_token_default PARTITION OF run_token DEFAULT",
    # --- which events were stored for a project, in the order of transactions: what its streams go by
    """
    CREATE TABLE project_batch (
        namespace text NOT NULL,
        tx xid8 NOT NULL DEFAULT pg_current_xact_id(),
        run_uid text NOT NULL,
        run_name text NOT NULL,
        first_seq bigint NOT NULL,
        last_seq bigint NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now()
    ) PARTITION BY RANGE (stored_at)
    """,
    "CREATE INDEX project_batch_order ON project_batch (namespace, tx)",
    "CREATE TABLE project_batch_default PARTITION OF project_batch DEFAULT",
    # --- runs
    "ALTER TABLE run ADD COLUMN active_seconds double precision NOT NULL DEFAULT 0",
    "ALTER TABLE run ADD COLUMN events_dropped_at timestamptz",
    "CREATE INDEX run_waiting_for_input ON run (namespace, created_at DESC) WHERE status = 'INTERRUPTED'",
    # Where the two seldom meet, neither index alone would find a page without reading far.
    """
    CREATE INDEX run_by_workflow_and_status ON run (namespace, workflow, status, created_at DESC, created_order DESC)
    """,
    # The days whose events may go.
    "CREATE INDEX run_with_events ON run (((created_at AT TIME ZONE 'UTC')::date)) WHERE events_dropped_at IS NULL",
    # --- attempts: what is known of each beside the runner's last seq
    """
    ALTER TABLE run_attempt
        ADD COLUMN pod text NOT NULL DEFAULT '',
        ADD COLUMN node text NOT NULL DEFAULT '',
        ADD COLUMN revision text NOT NULL DEFAULT '',
        ADD COLUMN claimed_at timestamptz,
        ADD COLUMN stopped_at timestamptz,
        ADD COLUMN result text NOT NULL DEFAULT '',
        ADD COLUMN exit_code integer,
        ADD COLUMN reason text NOT NULL DEFAULT '',
        ADD COLUMN message text NOT NULL DEFAULT ''
    """,
    "ALTER TABLE run_attempt ALTER COLUMN runner_seq SET DEFAULT 0",
    # --- times of nodes, for estimates: running means over the last runs of a revision
    """
    CREATE TABLE node_timing (
        namespace text NOT NULL,
        revision text NOT NULL,
        node_id text NOT NULL,
        runs integer NOT NULL,
        visits double precision NOT NULL,   -- of one run
        seconds double precision NOT NULL,  -- of all its visits
        PRIMARY KEY (namespace, revision, node_id)
    )
    """,
    # --- outcomes by hour; `bucket` is a step of a logarithmic scale of durations
    """
    CREATE TABLE workflow_hour (
        namespace text NOT NULL,
        workflow text NOT NULL,
        hour timestamptz NOT NULL,
        status text NOT NULL,
        bucket integer NOT NULL,
        runs bigint NOT NULL,
        seconds double precision NOT NULL,
        active_seconds double precision NOT NULL,
        PRIMARY KEY (namespace, workflow, hour, status, bucket)
    )
    """,
    # --- graphs by workflow, the one reported last first
    "ALTER TABLE workflow_graph ADD COLUMN workflow text NOT NULL DEFAULT ''",
    "ALTER TABLE workflow_graph ADD COLUMN reported_at timestamptz NOT NULL DEFAULT now()",
    "CREATE INDEX workflow_graph_newest ON workflow_graph (namespace, workflow, reported_at DESC)",
    # --- what all replicas share
    "CREATE TABLE installation (name text PRIMARY KEY, value text NOT NULL)",
    "INSERT INTO installation VALUES ('cursor_key', gen_random_uuid()::text || gen_random_uuid()::text)",
    # --- tickets for streams: single use, seconds long
    """
    CREATE TABLE stream_ticket (
        digest bytea PRIMARY KEY,
        grant_ json NOT NULL,
        expires_at timestamptz NOT NULL
    )
    """,
)

UNDO = (
    "DROP INDEX workflow_graph_newest",
    "ALTER TABLE workflow_graph DROP COLUMN reported_at, DROP COLUMN workflow",
    "DROP TABLE stream_ticket, installation, workflow_hour, node_timing, project_batch",
    "ALTER TABLE run_attempt ALTER COLUMN runner_seq DROP DEFAULT",
    """
    ALTER TABLE run_attempt DROP COLUMN pod, DROP COLUMN node, DROP COLUMN revision, DROP COLUMN claimed_at,
        DROP COLUMN stopped_at, DROP COLUMN result, DROP COLUMN exit_code, DROP COLUMN reason, DROP COLUMN message
    """,
    "DROP INDEX run_with_events, run_by_workflow_and_status, run_waiting_for_input",
    "ALTER TABLE run DROP COLUMN events_dropped_at, DROP COLUMN active_seconds",
    """
    CREATE TABLE run_event_old (
        run_uid text NOT NULL,
        seq bigint NOT NULL,
        attempt integer NOT NULL,
        type text NOT NULL,
        at timestamptz NOT NULL,
        node_id text,
        data json NOT NULL,
        stored_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (run_uid, seq)
    )
    """,
    """
    INSERT INTO run_event_old (run_uid, seq, attempt, type, at, node_id, data)
    SELECT run_uid, seq, attempt, type, at, node_id, data FROM run_event
    UNION ALL SELECT run_uid, seq, attempt, type, at, node_id, data FROM run_token
    """,
    "DROP TABLE run_event, run_token",
    "ALTER TABLE run_event_old RENAME TO run_event",
    "ALTER INDEX run_event_old_pkey RENAME TO run_event_pkey",
)


def upgrade() -> None:
    """Make the new tables and move the events."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Move the events back; what only the new tables knew is lost."""
    for statement in UNDO:
        op.execute(statement)
