"""The only package that reads or writes tables on disk: a folder of Parquet files, nothing to install.

::

    parquet      how a table becomes a file
    pointer      which folder holds, as a small file
    remote       places in object stores, used as paths are
    format       what the folder means, and how an older one becomes today's
    lock         one writer at a time
    key          what signs the models kept here
    files        which files hold: those of the last delivery committed
    parts        the files a table lies in
    tables       the source tables, read and merged
    uniting      files of several stores as one
    transaction  one delivery: all of it or nothing
    nights       what was published, night by night
    publication  what is done to nights
    hold         a rollback of a night, which stays until it is released
    pruning      which old nights may go
    operations   the log of what people did by hand
    store        these together, with the city's clock
"""

from riskwarn.store.format import FORMAT
from riskwarn.store.hold import Hold
from riskwarn.store.key import signature
from riskwarn.store.nights import PublishedNight
from riskwarn.store.parts import NIGHT_TABLES
from riskwarn.store.pruning import LEAST_KEPT, Pruned
from riskwarn.store.stop import Stop
from riskwarn.store.store import Store
from riskwarn.store.tables import Written
from riskwarn.store.transaction import Transaction

__all__ = [
    "FORMAT",
    "LEAST_KEPT",
    "NIGHT_TABLES",
    "Hold",
    "Pruned",
    "PublishedNight",
    "Stop",
    "Store",
    "Transaction",
    "Written",
    "signature",
]
