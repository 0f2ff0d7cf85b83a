"""In which mode a centre works, who switched and why: a log in the store that only grows, of roles and never of persons."""

import csv
import io
from dataclasses import dataclass

import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, did_you_mean
from riskwarn.plan import MODES
from riskwarn.privacy import reason_of
from riskwarn.store import Store

LOG = "modes.csv"
ROLES = (
    "shift_leader",
    "city_analyst",
    "county_centre",
    "township_centre",
    "supervisor",
    "batch_operator",
    "admin",
)
"""Who may be named: a role of the centre."""
_COLUMNS = ("at", "mode", "by", "why")


@dataclass(frozen=True)
class Switch:
    """From when which mode holds, who said so and why. A centre that never switched is in ``normal`` since ever: `at` is None."""

    mode: str = "normal"
    at: pd.Timestamp | None = None
    by: str = ""
    why: str = ""


@checked
def switches(store: Store) -> list[Switch]:
    """Every switch of a store, oldest first.

    Parameters
    ----------
    store
        The city.

    Returns
    -------
    switches
        Empty where the centre never switched.

    Raises
    ------
    DataError
        The log is damaged.
    """
    place = store.files.find(LOG)
    if place is None:
        return []
    try:
        rows = list(csv.DictReader(io.StringIO(place.read_text("utf-8"), newline="")))
        made = [
            Switch(row["mode"], pd.Timestamp(row["at"]).tz_convert(store.timezone), row["by"], row["why"])
            for row in rows
        ]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise DataError(
            f"{place} is damaged ({type(error).__name__}); put it back from a copy, its columns are {', '.join(_COLUMNS)}."
        ) from None
    return made


@checked
def mode_at(store: Store, as_of: object = None) -> Switch:
    """The switch that holds at an instant: the last one made before it, or at it.

    Parameters
    ----------
    store
        The city.
    as_of
        The instant, now by default; a date means its local midnight.

    Returns
    -------
    switch
        ``normal`` where none was made.

    Raises
    ------
    DataError
        The log is damaged.

    Examples
    --------
    >>> import tempfile
    >>> store = Store(tempfile.mkdtemp() + "/city", timezone="Asia/Shanghai")
    >>> _ = switch(store, "urgent", by="shift_leader", why="flood warning", at="2025-03-03")
    >>> mode_at(store, "2025-03-02").mode, mode_at(store, "2025-03-03").mode
    ('normal', 'urgent')
    """
    at = pd.Timestamp.now(tz=store.timezone) if as_of is None else store.instant(as_of)
    made = [switch for switch in switches(store) if switch.at is not None and switch.at <= at]
    return made[-1] if made else Switch()


@checked
def switch(store: Store, mode: str, *, by: str, why: str, at: object = None) -> Switch:
    """Switch the mode, and write down who did and why. What was written before stays.

    Parameters
    ----------
    store
        The city.
    mode
        ``normal``, ``urgent`` or ``war``.
    by
        A role (:data:`ROLES`), never a person.
    why
        The reason, in a few words, without a person in them.
    at
        From when it holds; now by default. Not before the last switch.

    Returns
    -------
    switch
        As written.

    Raises
    ------
    DataError
        An unknown mode or role, no reason, or an instant before the last switch.
    PrivacyError
        The reason may name a person.
    BusyError
        Another job holds the store.
    """
    instant = pd.Timestamp.now(tz=store.timezone).floor("s") if at is None else store.instant(at)
    made = Switch(_one_of("mode", mode, MODES), instant, role_given(by), reason_of(why, "why the mode is switched"))
    with store.transaction() as staged:
        before = switches(store)
        if before and before[-1].at is not None and before[-1].at > instant:
            raise DataError(
                f"the last switch is of {before[-1].at}, after {instant}; the log only grows: choose a later instant."
            )
        text = io.StringIO(newline="")
        rows = csv.writer(text, lineterminator="\n")
        rows.writerows([_COLUMNS, *((str(s.at), s.mode, s.by, s.why) for s in (*before, made))])
        staged.write_file(LOG, text.getvalue().encode())
    return made


def _one_of(what: str, word: str, known: tuple[str, ...]) -> str:
    if word not in known:
        raise DataError(f"no {what} {word!r}{did_you_mean(word, known)}; wanted one of {', '.join(known)}.")
    return word


@checked
def role_given(by: str) -> str:
    """A role in which somebody acts by hand.

    Parameters
    ----------
    by
        One of :data:`ROLES`, never a person.

    Returns
    -------
    role
        As given.

    Raises
    ------
    DataError
        There is no such role.
    """
    return _one_of("role", by, ROLES)
