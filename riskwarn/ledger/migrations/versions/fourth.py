"""The notes of shifts."""

import sqlalchemy as sa
from alembic import op

from riskwarn.ledger.migrations.versions.first import guard
from riskwarn.ledger.tables import Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table, and the triggers that let it only grow."""
    op.create_table(
        "notes",
        sa.Column("note_id", sa.String(16), primary_key=True),
        *(sa.Column(name, Instant, nullable=False) for name in ("since", "until", "made_at")),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("area", "remarks")),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("account", sa.String(16), nullable=False),
        sa.Column("language", sa.String(16), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
    )
    guard("notes")


def downgrade() -> None:
    """Take it away."""
    op.drop_table("notes")
