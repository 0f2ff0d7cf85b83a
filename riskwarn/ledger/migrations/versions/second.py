"""Accounts, failed tries, sessions and tokens."""

import sqlalchemy as sa
from alembic import op

from riskwarn.ledger.tables import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the four tables."""
    _accounts()
    op.create_table(
        "tries",
        sa.Column("digest", sa.String(64), primary_key=True),
        sa.Column("n", sa.Integer, nullable=False),
        sa.Column("last_at", Instant, nullable=False),
    )
    _sessions()
    _tokens()


def downgrade() -> None:
    """Take them away."""
    for table in ("tokens", "sessions", "tries", "accounts"):
        op.drop_table(table)


def _accounts() -> None:
    op.create_table(
        "accounts",
        sa.Column("account_id", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(64), nullable=False, unique=True),
        sa.Column("role", sa.String(32), nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("area", "password")),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        *(sa.Column(name, Instant, nullable=False) for name in ("made_at", "changed_at")),
    )


def _sessions() -> None:
    op.create_table(
        "sessions",
        sa.Column("digest", sa.String(64), primary_key=True),
        _of_account(),
        sa.Column("epoch", sa.Integer, nullable=False),
        *(sa.Column(name, Instant, nullable=False) for name in ("made_at", "seen_at", "expires_at")),
    )


def _tokens() -> None:
    op.create_table(
        "tokens",
        sa.Column("token_id", sa.String(16), primary_key=True),
        sa.Column("digest", sa.String(64), nullable=False, unique=True),
        _of_account(),
        sa.Column("epoch", sa.Integer, nullable=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in ("scopes", "area")),
        sa.Column("purpose", sa.String(32), nullable=False),
        *(sa.Column(name, Instant, nullable=False) for name in ("made_at", "expires_at")),
        sa.Column("revoked_at", Instant, nullable=True),
    )


def _of_account() -> sa.Column:
    return sa.Column("account_id", sa.String(32), sa.ForeignKey("accounts.account_id"), nullable=False)
