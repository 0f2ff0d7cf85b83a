"""The tables of the ledger in SQL, the same on SQLite and PostgreSQL."""

import datetime as dt
from typing import Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator

REVISION = "0004"
"""The revision of the schema that this code reads and writes."""
ONLY_GROW = ("transitions", "outcomes", "nights", "notes")
"""Tables whose rows a trigger of the database keeps from change and removal."""


class Instant(TypeDecorator[dt.datetime]):
    """An instant in UTC to the microsecond; a time without a zone is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:
        """What is sent to the database; SQLite keeps no zone, so all of it is UTC there."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"an instant of the ledger has a zone, got {value}.")
        at = value.astimezone(dt.UTC)
        plain = dt.datetime(
            at.year, at.month, at.day, at.hour, at.minute, at.second, at.microsecond, tzinfo=dt.UTC
        )  # a pandas time would be kept with nanoseconds
        return plain.replace(tzinfo=None) if dialect.name == "sqlite" else plain

    def process_result_value(self, value: dt.datetime | None, dialect: Any) -> dt.datetime | None:  # noqa: ARG002 - the base's
        """What was kept, in UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=dt.UTC) if value.tzinfo is None else value.astimezone(dt.UTC)


METADATA = sa.MetaData()

ITEMS = sa.Table(
    "items",
    METADATA,
    sa.Column("item_id", sa.String(16), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("source_id", sa.Text, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("lane", sa.String(32), nullable=False),
    sa.Column("path", sa.Text, nullable=False),
    sa.Column("grid_ids", sa.Text, nullable=False),
    sa.Column("level", sa.String(16), nullable=False),
    sa.Column("state", sa.String(32), nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("owner", sa.Text, nullable=False),
    sa.Column("parent", sa.String(16), nullable=False),
    sa.Column("first_night", Instant, nullable=False),
    sa.Column("last_night", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("reading", sa.JSON, nullable=False),
    sa.Index("ix_items_subject", "subject"),
    sa.Index("ix_items_state", "state"),
    sa.Index("ix_items_source_id", "source_id"),
)
TRANSITIONS = sa.Table(
    "transitions",
    METADATA,
    sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("item_id", sa.String(16), sa.ForeignKey("items.item_id"), nullable=False),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("from_state", sa.String(32), nullable=False),
    sa.Column("to_state", sa.String(32), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("area", sa.Text, nullable=False),
    sa.Column("account", sa.String(16), nullable=False),
    sa.Column("code", sa.String(32), nullable=False),
    sa.Column("detail", sa.JSON, nullable=False),
    sa.Column("before", sa.String(64), nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.UniqueConstraint("item_id", "n", name="uq_transitions_item_n"),
)
OUTCOMES = sa.Table(
    "outcomes",
    METADATA,
    sa.Column("item_id", sa.String(16), sa.ForeignKey("items.item_id"), primary_key=True),
    sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("code", sa.String(32), nullable=False),
    sa.Column("counts", sa.String(16), nullable=False),
    sa.Column("at", Instant, nullable=False),
    sa.Column("propensity", sa.Float, nullable=True),
)
NIGHTS = sa.Table(
    "nights",
    METADATA,
    sa.Column("as_of", Instant, primary_key=True),
    sa.Column("run", sa.String(64), primary_key=True),
    sa.Column("entered_at", Instant, nullable=False),
    sa.Column("n_items", sa.Integer, nullable=False),
    sa.Column("passed", sa.Boolean, nullable=False),
)
NOTES = sa.Table(
    "notes",
    METADATA,
    sa.Column("note_id", sa.String(16), primary_key=True),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("area", sa.Text, nullable=False),
    sa.Column("remarks", sa.Text, nullable=False),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("account", sa.String(16), nullable=False),
    sa.Column("language", sa.String(16), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("signature", sa.String(64), nullable=False),
)
OUTBOX = sa.Table(
    "outbox",
    METADATA,
    sa.Column("message_id", sa.String(32), primary_key=True),
    sa.Column("topic", sa.String(32), nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("delivered_at", Instant, nullable=True),
    sa.Index("ix_outbox_delivered_at", "delivered_at"),
)
DELIVERIES = sa.Table(
    "deliveries",
    METADATA,
    sa.Column("delivery_id", sa.String(40), primary_key=True),
    sa.Column("webhook", sa.String(64), nullable=False),
    sa.Column("topic", sa.String(32), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("next_at", Instant, nullable=False),
    sa.Column("taken_at", Instant, nullable=True),
    sa.Column("given_up_at", Instant, nullable=True),
    sa.Column("fault", sa.Text, nullable=False),
    sa.Index("ix_deliveries_webhook", "webhook", "taken_at", "given_up_at"),
)
CHAIN = sa.Table(
    "chain",
    METADATA,
    sa.Column("ledger", sa.String(32), primary_key=True),
    sa.Column("seq", sa.BigInteger, nullable=False),
    sa.Column("digest", sa.String(64), nullable=False),
    sa.Column("signature", sa.String(64), nullable=False),
)
ACCOUNTS = sa.Table(
    "accounts",
    METADATA,
    sa.Column("account_id", sa.String(32), primary_key=True),
    sa.Column("name", sa.String(64), nullable=False, unique=True),
    sa.Column("role", sa.String(32), nullable=False),
    sa.Column("area", sa.Text, nullable=False),
    sa.Column("password", sa.Text, nullable=False),
    sa.Column("disabled", sa.Boolean, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("changed_at", Instant, nullable=False),
)
TRIES = sa.Table(
    "tries",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("n", sa.Integer, nullable=False),
    sa.Column("last_at", Instant, nullable=False),
)
SESSIONS = sa.Table(
    "sessions",
    METADATA,
    sa.Column("digest", sa.String(64), primary_key=True),
    sa.Column("account_id", sa.String(32), sa.ForeignKey("accounts.account_id"), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("seen_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)
TOKENS = sa.Table(
    "tokens",
    METADATA,
    sa.Column("token_id", sa.String(16), primary_key=True),
    sa.Column("digest", sa.String(64), nullable=False, unique=True),
    sa.Column("account_id", sa.String(32), sa.ForeignKey("accounts.account_id"), nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("area", sa.Text, nullable=False),
    sa.Column("purpose", sa.String(32), nullable=False),
    sa.Column("made_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("revoked_at", Instant, nullable=True),
)
