"""Moving a ledger to another database, whole: from the store's file to PostgreSQL as a centre grows, or back."""

import sqlalchemy as sa

from riskwarn.calling import checked
from riskwarn.errors import DataError, TamperedError
from riskwarn.ledger import chain, database
from riskwarn.ledger.ledger import Ledger
from riskwarn.ledger.tables import METADATA

_BATCH = 1000


@checked
def move(ledger: Ledger, url: str) -> chain.Verified:
    """Copy every row of a sound ledger to a new place, and verify it there. The old one stays and is read no more.

    Parameters
    ----------
    ledger
        To be copied.
    url
        Where to; there must be no ledger yet.

    Returns
    -------
    verified
        Of the new place.

    Raises
    ------
    TamperedError
        The ledger is damaged, or the copy is not like it.
    DataError
        There is a ledger already.
    """
    before = ledger.verify()
    if not before.sound:
        raise TamperedError(f"a damaged ledger is not moved: {before.faults[0]}.")
    engine = database.open_engine(ledger.store.path, url)
    try:
        _copy(ledger, engine)
    finally:
        engine.dispose()
    with Ledger(ledger.store, url=url) as moved:
        after = moved.verify()
    if (after.head, after.n_rows, after.faults) != (before.head, before.n_rows, ()):
        raise TamperedError(f"the copy in {database.place_of(engine)} is not like the ledger; drop it and try again.")
    return after


def _copy(ledger: Ledger, engine: sa.Engine) -> None:
    with database.linked(engine) as link:
        if database.revision_of(link) is not None and chain.read_head(link) is not None:
            raise DataError(f"there is a ledger in {database.place_of(engine)} already; name a new database.")
    database.migrate(engine)
    with database.linked(ledger.engine) as source, database.linked(engine, writes=True) as target:
        for table in METADATA.sorted_tables:
            rows = [row._asdict() for row in source.execute(sa.select(table))]
            for start in range(0, len(rows), _BATCH):
                target.execute(sa.insert(table), rows[start : start + _BATCH])
