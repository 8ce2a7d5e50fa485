"""What the sweep of storage needs to know of a run that is gone: where its input lies, and whether it was swept."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE run ADD COLUMN input_ref text NOT NULL DEFAULT ''",
    "ALTER TABLE run ADD COLUMN swept_at timestamptz",
    "CREATE INDEX run_to_sweep ON run (gone_at) WHERE gone_at IS NOT NULL AND swept_at IS NULL",
)


def upgrade() -> None:
    """Add both."""
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    """Forget both."""
    op.execute("DROP INDEX run_to_sweep")
    for column in ("swept_at", "input_ref"):
        op.execute(f"ALTER TABLE run DROP COLUMN {column}")
