"""Runs, their events, node visits and graphs.

Events carry no unique key beside (run, seq), and duplicates are told by run_attempt and run_milestone, so that
run_event can be partitioned by day later without a rewrite of the rules.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

STATEMENTS = (
    """
    CREATE TABLE run (
        uid text PRIMARY KEY,
        namespace text NOT NULL,
        name text NOT NULL,
        workflow text NOT NULL,
        revision text NOT NULL DEFAULT '',
        status text NOT NULL,
        phase text NOT NULL DEFAULT '',
        reason text NOT NULL DEFAULT '',
        message text NOT NULL DEFAULT '',
        labels jsonb NOT NULL DEFAULT '{}',
        requested_by text NOT NULL DEFAULT '',
        attempt integer NOT NULL DEFAULT 0,
        step integer NOT NULL DEFAULT 0,
        progress double precision NOT NULL DEFAULT 0,
        checkpoint json,
        interrupts json,
        output json,
        output_ref text NOT NULL DEFAULT '',
        created_at timestamptz NOT NULL,
        -- resourceVersion at first sight: tells runs of the same second apart, newest first
        created_order bigint NOT NULL,
        started_at timestamptz,
        paused_at timestamptz,
        completed_at timestamptz,
        gone_at timestamptz,
        resource_version bigint NOT NULL DEFAULT 0,
        last_seq bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 80)
    """,
    "CREATE INDEX run_newest ON run (namespace, created_at DESC, created_order DESC)",
    "CREATE INDEX run_by_status ON run (namespace, status, created_at DESC, created_order DESC)",
    "CREATE INDEX run_by_workflow ON run (namespace, workflow, created_at DESC, created_order DESC)",
    "CREATE INDEX run_by_name ON run (namespace, name, created_at DESC, created_order DESC)",
    "CREATE INDEX run_by_revision ON run (namespace, revision, created_at DESC) WHERE status = 'COMPLETED'",
    "CREATE INDEX run_labels ON run USING gin (labels jsonb_path_ops)",
    "CREATE INDEX run_not_gone ON run (created_at) WHERE gone_at IS NULL",
    """
    CREATE TABLE run_event (
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
    CREATE TABLE run_attempt (
        run_uid text NOT NULL,
        attempt integer NOT NULL,
        runner_seq bigint NOT NULL,
        PRIMARY KEY (run_uid, attempt)
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE TABLE run_milestone (
        run_uid text NOT NULL,
        key text NOT NULL,
        PRIMARY KEY (run_uid, key)
    )
    """,
    """
    CREATE TABLE node_visit (
        run_uid text NOT NULL,
        attempt integer NOT NULL,
        task_id text NOT NULL,
        ns text NOT NULL DEFAULT '',
        node_id text NOT NULL,
        step integer NOT NULL DEFAULT 0,
        visit integer NOT NULL DEFAULT 1,
        status text NOT NULL,
        progress double precision NOT NULL DEFAULT 0,
        error text,
        started_at timestamptz NOT NULL,
        completed_at timestamptz,
        PRIMARY KEY (run_uid, attempt, task_id, ns)
    ) WITH (fillfactor = 80)
    """,
    """
    CREATE TABLE workflow_graph (
        namespace text NOT NULL,
        revision text NOT NULL,
        graph json NOT NULL,
        PRIMARY KEY (namespace, revision)
    )
    """,
)


def upgrade() -> None:
    """Make the tables."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Drop the tables, with everything in them."""
    for table in ("workflow_graph", "node_visit", "run_milestone", "run_attempt", "run_event", "run"):
        op.execute(f"DROP TABLE {table}")
