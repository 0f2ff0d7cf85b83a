"""Items, transitions, outcomes, nights, outbox and the head of the chain."""

import sqlalchemy as sa
from alembic import op

from riskwarn.ledger.tables import Instant

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ONLY_GROW = ("transitions", "outcomes", "nights")
_INDEXES = (
    ("ix_items_subject", "items", "subject"),
    ("ix_items_state", "items", "state"),
    ("ix_items_source_id", "items", "source_id"),
    ("ix_outbox_delivered_at", "outbox", "delivered_at"),
)


def upgrade() -> None:
    """Make the tables, and the triggers that let three of them only grow."""
    _items()
    _transitions()
    _outcomes()
    _nights()
    _outbox()
    _chain()
    for name, table, column in _INDEXES:
        op.create_index(name, table, [column])
    for table in _ONLY_GROW:
        guard(table)


def downgrade() -> None:
    """Take all of it away."""
    for name, table, _ in _INDEXES:
        op.drop_index(name, table)
    for table in ("chain", "outbox", "nights", "outcomes", "transitions", "items"):
        op.drop_table(table)
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP FUNCTION ledger_only_grows()")


def _items() -> None:
    texts = ("subject", "source_id", "topic", "path", "grid_ids", "owner")
    words = {"kind": 16, "lane": 32, "level": 16, "state": 32, "parent": 16}
    op.create_table(
        "items",
        sa.Column("item_id", sa.String(16), primary_key=True),
        *(sa.Column(name, sa.Text, nullable=False) for name in texts),
        *(sa.Column(name, sa.String(n), nullable=False) for name, n in words.items()),
        sa.Column("version", sa.Integer, nullable=False),
        *(sa.Column(name, Instant, nullable=False) for name in ("first_night", "last_night", "changed_at")),
        sa.Column("reading", sa.JSON, nullable=False),
    )


def _transitions() -> None:
    words = {"action": 32, "from_state": 32, "to_state": 32, "role": 32, "account": 16, "code": 32}
    op.create_table(
        "transitions",
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("item_id", sa.String(16), sa.ForeignKey("items.item_id"), nullable=False),
        sa.Column("n", sa.Integer, nullable=False),
        *(sa.Column(name, sa.String(n), nullable=False) for name, n in words.items()),
        sa.Column("at", Instant, nullable=False),
        sa.Column("area", sa.Text, nullable=False),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("before", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.UniqueConstraint("item_id", "n", name="uq_transitions_item_n"),
    )


def _outcomes() -> None:
    op.create_table(
        "outcomes",
        sa.Column("item_id", sa.String(16), sa.ForeignKey("items.item_id"), primary_key=True),
        sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("counts", sa.String(16), nullable=False),
        sa.Column("at", Instant, nullable=False),
        sa.Column("propensity", sa.Float, nullable=True),
    )


def _nights() -> None:
    op.create_table(
        "nights",
        sa.Column("as_of", Instant, primary_key=True),
        sa.Column("run", sa.String(64), primary_key=True),
        sa.Column("entered_at", Instant, nullable=False),
        sa.Column("n_items", sa.Integer, nullable=False),
        sa.Column("passed", sa.Boolean, nullable=False),
    )


def _outbox() -> None:
    op.create_table(
        "outbox",
        sa.Column("message_id", sa.String(32), primary_key=True),
        sa.Column("topic", sa.String(32), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("made_at", Instant, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("delivered_at", Instant, nullable=True),
    )


def _chain() -> None:
    op.create_table(
        "chain",
        sa.Column("ledger", sa.String(32), primary_key=True),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("signature", sa.String(64), nullable=False),
    )


def guard(table: str) -> None:
    """Let the database itself refuse to change or remove a row of a table."""
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{table} only grows'); END"
            )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION ledger_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION '% only grows', TG_TABLE_NAME; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_update BEFORE UPDATE OR DELETE ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION ledger_only_grows()"
    )
    op.execute(
        f"CREATE TRIGGER {table}_no_delete BEFORE TRUNCATE ON {table} "
        "FOR EACH STATEMENT EXECUTE FUNCTION ledger_only_grows()"
    )
