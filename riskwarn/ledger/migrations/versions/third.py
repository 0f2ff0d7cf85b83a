"""What is to be told to whom by webhook."""

import sqlalchemy as sa
from alembic import op

from riskwarn.ledger.tables import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "deliveries",
        sa.Column("delivery_id", sa.String(40), primary_key=True),
        sa.Column("webhook", sa.String(64), nullable=False),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("next_at", Instant, nullable=False),
        *(sa.Column(name, Instant, nullable=True) for name in ("taken_at", "given_up_at")),
        sa.Column("fault", sa.Text, nullable=False),
    )
    op.create_index("ix_deliveries_webhook", "deliveries", ["webhook", "taken_at", "given_up_at"])


def downgrade() -> None:
    """Take it away."""
    op.drop_index("ix_deliveries_webhook", "deliveries")
    op.drop_table("deliveries")
