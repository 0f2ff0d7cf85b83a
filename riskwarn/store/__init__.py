"""The only package that reads or writes tables on disk: a folder of Parquet files, nothing to install.

::

    parquet      how a table becomes a file
    pointer      which folder holds, as a small file
    format       what the folder means, and how an older one becomes today's
    lock         one writer at a time
    key          what signs the models kept here
    files        which files hold: those of the last delivery committed
    tables       the source tables, read and merged
    transaction  one delivery: all of it or nothing
    nights       what was published, night by night
    store        these together, with the city's clock
"""

from riskwarn.store.format import FORMAT
from riskwarn.store.key import signature
from riskwarn.store.nights import PublishedNight
from riskwarn.store.store import Store
from riskwarn.store.tables import NIGHT_TABLES, Written
from riskwarn.store.transaction import Transaction

__all__ = [
    "FORMAT",
    "NIGHT_TABLES",
    "PublishedNight",
    "Store",
    "Transaction",
    "Written",
    "signature",
]
