"""Where the ledger lies: an SQLite file in the store, or a PostgreSQL database by URL; how it is opened, and its schema brought to date."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event, exc

from riskwarn.errors import BusyError, ConflictError, DefinitionError, NotFoundError, TamperedError
from riskwarn.ledger.tables import REVISION

URL = "RISKWARN_LEDGER"
"""Environment variable with the URL of a ledger that is not the store's own file."""
FILE = "ledger.db"
_BUSY_MS = 20_000
_DRIVERS = ("sqlite", "postgresql+psycopg")


def open_engine(folder: Path, url: str | None) -> sa.Engine:
    """The database of a ledger: at `url`, else where ``RISKWARN_LEDGER`` says, else the store's own SQLite file.

    Raises
    ------
    DefinitionError
        The URL cannot be read, or names no database that is known; a password in it is never repeated.
    """
    parsed = _parsed(url or os.environ.get(URL) or f"sqlite:///{(folder / FILE).resolve()}")
    try:
        if parsed.get_backend_name() == "sqlite":
            return _sqlite(parsed)
        return sa.create_engine(parsed, pool_pre_ping=True)
    except ModuleNotFoundError as error:
        raise DefinitionError(
            f"the ledger is at {_hidden(parsed)}, and {error.name} is not installed: pip install 'riskwarn[postgres]'."
        ) from None


def _parsed(url: str) -> sa.URL:
    try:
        parsed = sa.make_url(url)
    except exc.ArgumentError:
        raise DefinitionError(
            "the URL of the ledger cannot be read; wanted one such as postgresql+psycopg://user@host/database."
        ) from None
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername=_DRIVERS[1])
    if parsed.drivername not in _DRIVERS or (parsed.drivername == "sqlite" and not parsed.database):
        raise DefinitionError(f"no ledger lies at {_hidden(parsed)}; wanted sqlite:///FILE or {_DRIVERS[1]}://….")
    return parsed


def _hidden(url: sa.URL) -> str:
    return url.render_as_string(hide_password=True)


def place_of(engine: sa.Engine) -> str:
    """Where a ledger lies, in words: the file, or the URL without its password."""
    url = engine.url
    return str(url.database) if url.get_backend_name() == "sqlite" else _hidden(url)


def exists(engine: sa.Engine) -> bool:
    """Whether there is a database with a schema; asking makes no file.

    Raises
    ------
    NotFoundError
        The database does not answer.
    """
    url = engine.url
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return False
    with linked(engine) as link:
        return revision_of(link) is not None


def _sqlite(url: sa.URL) -> sa.Engine:
    """Write-ahead log, keys enforced, flushed at each commit; a writer takes the lock when it begins, a reader none."""
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY_MS / 1000})

    @event.listens_for(engine, "connect")
    def _set(link: Any, _: Any) -> None:
        link.isolation_level = None  # transactions begin where we say so, below
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL", f"busy_timeout={_BUSY_MS}"):
            link.execute(f"PRAGMA {pragma}").close()

    @event.listens_for(engine, "begin")
    def _begin(link: sa.Connection) -> None:
        link.exec_driver_sql("BEGIN IMMEDIATE" if link.get_execution_options().get("writes") else "BEGIN")

    return engine


@contextmanager
def linked(engine: sa.Engine, *, writes: bool = False) -> Iterator[sa.Connection]:
    """A connection in one transaction, committed when the block ends well; what the database refuses is told by an error of ours.

    Raises
    ------
    BusyError
        Another job writes for longer than twenty seconds.
    ConflictError
        What was to be written is there already, or names what is not there.
    NotFoundError
        The database does not answer.
    TamperedError
        It refused to change what only grows, or is damaged.
    """
    try:
        with engine.connect().execution_options(writes=writes) as link, link.begin():
            yield link
    except exc.DBAPIError as error:
        raise _told(engine, error) from error


def _told(engine: sa.Engine, error: exc.DBAPIError) -> Exception:
    said, place = str(error.orig), place_of(engine)
    if "locked" in said:
        return BusyError(f"the ledger in {place} is held by another job; try again.")
    if "only grows" in said or "malformed" in said or "not a database" in said:
        return TamperedError(f"the ledger in {place}: {said.splitlines()[0]}.")
    if isinstance(error, exc.IntegrityError):
        return ConflictError(
            f"the ledger in {place} has this row already, or another one that it needs is not there; nothing was written. Read it again, then decide."
        )
    return NotFoundError(f"the ledger in {place} does not answer: {type(error.orig).__name__}.")


def revision_of(link: sa.Connection) -> str | None:
    """The revision of the schema that is there; none where there is no ledger yet."""
    if not sa.inspect(link).has_table("alembic_version"):
        return None
    return link.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def check_revision(engine: sa.Engine, link: sa.Connection) -> None:
    """Refuse a ledger whose schema is another one.

    Raises
    ------
    DefinitionError
        The message says which command brings it to date.
    """
    there = revision_of(link)
    if there != REVISION:
        raise DefinitionError(
            f"the ledger in {place_of(engine)} has schema {there or 'none'}, this version reads {REVISION}: run `riskwarn ledger upgrade`."
        )


def prepare(engine: sa.Engine) -> None:
    """Make the schema where there is none, and refuse another one.

    Raises
    ------
    DefinitionError
        The message says which command brings it to date.
    """
    with linked(engine) as link:
        there = revision_of(link)
    if there is None:
        migrate(engine)
    with linked(engine) as link:
        check_revision(engine, link)


def migrate(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema to a revision, up or down: ``head`` the newest, ``base`` none.

    Raises
    ------
    NotFoundError
        There is no such revision.
    """
    from alembic import command  # noqa: PLC0415 - only who changes the schema pays for it
    from alembic.config import Config  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415
    from alembic.util import CommandError  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
    with linked(engine, writes=True) as link:
        config.attributes["connection"] = link
        there = revision_of(link)
        try:
            known = [s.revision for s in ScriptDirectory.from_config(config).walk_revisions()]
            down = revision == "base" or (there in known and revision in known[known.index(there) + 1 :])
            (command.downgrade if down else command.upgrade)(config, revision)
        except CommandError:
            raise NotFoundError(
                f"the ledger has no schema {revision!r}; there are: base, {', '.join(known[::-1])}."
            ) from None
