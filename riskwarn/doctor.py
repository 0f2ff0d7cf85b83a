"""The doctor: what a centre looks at before it trusts a store, each with its remedy."""

import importlib.metadata
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

import pandas as pd

from riskwarn import tracking
from riskwarn.calling import checked
from riskwarn.degraded import in_words
from riskwarn.errors import DefinitionError, RiskwarnError
from riskwarn.extras import EXTRA_OF, missing_extra
from riskwarn.gaps.calendar import basis_of, workdays
from riskwarn.history import kernel
from riskwarn.store import FORMAT, Store
from riskwarn.store.approval import SOON_DAYS
from riskwarn.store.key import KEY, read_private
from riskwarn.store.pruning import size

if TYPE_CHECKING:
    from riskwarn.webhooks import Webhooks

State = Literal["ok", "warn", "fail"]
STATES: tuple[State, ...] = ("ok", "warn", "fail")
EXIT_CODES = {"ok": 0, "warn": 4, "fail": 5}
"""What the command line ends with, by the gravest finding."""
STALE_HOURS = 26
_QUIET_DAYS = 2
_LATE_HOURS = 1
_LEAST_FREE = 2.0
_CORE = ("riskwarn", "numpy", "pandas", "pyarrow", "lightgbm", "scikit-learn")
_GUESTS = ("mlflow", "geopandas", "fastapi", "holidays")


@dataclass(frozen=True)
class Finding:
    """One thing looked at.

    Parameters
    ----------
    name
        What was looked at.
    state
        ``ok``, ``warn`` or ``fail``.
    said
        What was found.
    remedy
        What to do; empty where all is well.
    """

    name: str
    state: State
    said: str
    remedy: str = ""


@checked
def examine(store: Store | None = None, *, now: pd.Timestamp | None = None) -> list[Finding]:
    """Look at the installation, and at a store where one is given.

    Parameters
    ----------
    store
        The city.
    now
        The present instant; that of the machine's clock by default.

    Returns
    -------
    findings
        In a fixed order. A look that itself fails is a finding.

    Examples
    --------
    >>> [finding.name for finding in examine()]
    ['python', 'packages', 'kernel']
    """
    at = pd.Timestamp.now("UTC") if now is None else now
    looks: list[Callable[[], Iterator[Finding]]] = [_python, _packages, _kernel]
    if store is not None:
        of_store = (_format, _disk, _key, _champions, _tracker, _feeds, _calendar, _sound, _newest)
        looks += [partial(look, store) for look in of_store]
        looks += [partial(look, store, at) for look in (_held, _age, _webhooks)]
    return [finding for look in looks for finding in _safely(look)]


@checked
def gravest(findings: list[Finding]) -> State:
    """The gravest state among findings.

    Parameters
    ----------
    findings
        Of a check-up.

    Returns
    -------
    state
        ``ok`` where there are none.

    Examples
    --------
    >>> gravest([Finding("disk", "ok", ""), Finding("key", "warn", "")])
    'warn'
    """
    return max((finding.state for finding in findings), key=STATES.index, default="ok")


def _safely(look: Callable[[], Iterator[Finding]]) -> list[Finding]:
    try:
        return list(look())
    except ImportError as error:
        return [_unloaded(error)]
    except (RiskwarnError, OSError, ValueError, KeyError) as error:
        reason = str(error) if isinstance(error, RiskwarnError) else type(error).__name__
        return [Finding("look", "fail", reason, "mend what it names and ask again.")]


def _unloaded(error: ImportError) -> Finding:
    """A package that cannot be loaded: a warning where it comes with an extra, for a host may do without."""
    known = missing_extra(error) if isinstance(error, ModuleNotFoundError) else None
    if known:
        remedy = f"pip install 'riskwarn[{EXTRA_OF[str(known.name)]}]', or do without what it is for."
        return Finding("packages", "warn", f"{known.name} is not installed", remedy)
    said = f"{error.name or error} cannot be loaded"
    return Finding("packages", "fail", said, "install riskwarn again, with what it needs.")


def _python() -> Iterator[Finding]:
    old = sys.version_info < (3, 11)
    yield Finding("python", "fail" if old else "ok", platform.python_version(), "install 3.11 or newer." if old else "")


def _packages() -> Iterator[Finding]:
    versions = [f"{name} {importlib.metadata.version(name)}" for name in _CORE]
    yield Finding("packages", "ok", ", ".join([*versions, *map(_guest, _GUESTS)]))


def _guest(name: str) -> str:
    """A package that a host may do without, with its version."""
    try:
        return f"{name} {importlib.metadata.version(name)}"
    except importlib.metadata.PackageNotFoundError:
        return f"no {name}"


def _kernel() -> Iterator[Finding]:
    if kernel.compiled() is None:
        yield Finding(
            "kernel",
            "warn",
            "counting runs in numpy, several times slower",
            "install with a C compiler at hand, and unset RISKWARN_KERNEL.",
        )
    else:
        yield Finding("kernel", "ok", "compiled")


def _format(store: Store) -> Iterator[Finding]:
    old = store.format < FORMAT
    remedy = "`riskwarn migrate`; the next job that writes does it too." if old else ""
    yield Finding(
        "format", "warn" if old else "ok", f"store format {store.format} of {FORMAT}, {store.timezone}", remedy
    )


def _disk(store: Store) -> Iterator[Finding]:
    """Room for a month of nights as large as the newest, and twice the store for a migration or backup beside it."""
    free, whole = shutil.disk_usage(store.path).free, size(store.path)
    nights = store.nights()
    month = 30 * size(store.night(nights[-1]).path) if nights else 0
    state: State = "fail" if free < month / 10 else "warn" if free < max(month, _LEAST_FREE * whole) else "ok"
    remedy = "" if state == "ok" else "make room: `riskwarn prune`, or a larger disk."
    yield Finding("disk", state, f"{free / 1e9:,.1f} GB free, the store has {whole / 1e9:,.2f}", remedy)


def _key(store: Store) -> Iterator[Finding]:
    place = store.path / KEY
    try:
        read_private(place)
    except FileNotFoundError:
        remedy = "train or promote a model, or restore the key from its backup."
        yield Finding("key", "warn", "no key: no kept model can be read", remedy)
    except DefinitionError as error:
        yield Finding("key", "fail", str(error), f"chmod 600 {place}, or restore the key from its backup.")
    except OSError as error:
        remedy = "run as the account that the store is of."
        yield Finding("key", "fail", f"{place} cannot be read: {error.strerror}", remedy)
    else:
        yield Finding("key", "ok", "there, for its owner alone")


def _champions(store: Store) -> Iterator[Finding]:
    """Whether each target has a champion that can be read."""
    targets = tracking.kept_targets(store.path)
    if not targets:
        yield Finding("champion", "fail", "no model is kept", "`riskwarn train`, then `riskwarn promote`.")
    for target in targets:
        try:
            model = tracking.kept(store.path, target, alias=tracking.CHAMPION)
        except RiskwarnError as error:
            yield Finding(f"champion {target}", "fail", str(error), "promote or train it again.")
            continue
        if model is None:
            yield Finding(
                f"champion {target}", "warn", "only a candidate", f"`riskwarn promote {target}`, if its gate passed."
            )
        else:
            yield Finding(
                f"champion {target}", "ok", f"version {model.version}, trained to {str(model.facts.get('last'))[:10]}"
            )


def _tracker(store: Store) -> Iterator[Finding]:
    """Whether MLflow answers; nights do without it."""
    uri = tracking.default_uri(store.path)
    file = tracking.sqlite_file(uri)
    try:
        tracking.check_answers(uri)
    except RiskwarnError as error:
        yield Finding("tracker", "warn", str(error), "start it before the next training; nights need none.")
        return
    yield Finding(
        "tracker", "ok", "answers" if file is None else "a file of the store" if file.exists() else "none yet"
    )


def _feeds(store: Store) -> Iterator[Finding]:
    """Age of each feed's last record against the newest of all."""
    newest = store.known_until()
    for source in store.sources():
        last = store.read("events", columns=["known_at"], source=source)["known_at"].max()
        days = (newest - last) / pd.Timedelta(days=1)
        state: State = "warn" if days > _QUIET_DAYS else "ok"
        remedy = (
            "ask who delivers it; `riskwarn monitor --feeds` says whether that is usual." if state == "warn" else ""
        )
        yield Finding(
            f"feed {source}", state, f"last record {last:%Y-%m-%d %H:%M}, {days:.1f} days before the newest", remedy
        )


def _calendar(store: Store) -> Iterator[Finding]:
    """Whether the coming year's holidays are known, where the city keeps China's."""
    changes = store.path / "calendar.csv"
    if changes.exists() or basis_of(store.timezone) == "plain":
        yield Finding("calendar", "ok", "the city's own" if changes.exists() else "Monday to Friday")
        return
    first = date.today()  # noqa: DTZ011 - a year ahead, to the day
    try:
        workdays(first, first + timedelta(days=365), basis="china")
    except RiskwarnError as error:
        yield Finding(
            "calendar",
            "warn",
            str(error),
            "update the package holidays when the year is announced, or bring a calendar.csv.",
        )
    else:
        yield Finding("calendar", "ok", "public holidays and make-up days of the coming year")


def _sound(store: Store) -> Iterator[Finding]:
    faults = store.faults()
    yield from (Finding("nights", "fail", fault, "run the night again, or move the folder away.") for fault in faults)
    n_aside = len(store.aside())
    if n_aside:
        yield Finding(
            "aside",
            "warn",
            f"{n_aside} runs could not be right and are not published",
            f"look into {store.path / 'aside'}; prune takes them away with their dates.",
        )
    if not faults:
        yield Finding("nights", "ok", f"{(n := len(store.nights())):,} night{'' if n == 1 else 's'}")


def _age(store: Store, now: pd.Timestamp) -> Iterator[Finding]:
    nights = store.nights()
    if not nights:
        yield Finding("age", "fail", "no night is published", "`riskwarn nightly`.")
        return
    age = now - nights[-1]
    hours = age / pd.Timedelta(hours=1)
    state: State = "fail" if hours > STALE_HOURS else "ok"
    yield Finding(
        "age",
        state,
        f"the newest night is {nights[-1]:%Y-%m-%d}, {_old(age)} old",
        "see why the job did not run; the page shows an old list." if state == "fail" else "",
    )


def _old(age: pd.Timedelta) -> str:
    """A span in the unit that a person would take: hours up to two days, days up to two years, then years."""
    days, hours = age / pd.Timedelta(days=1), round(age / pd.Timedelta(hours=1))
    if days < 2:
        return f"{hours} hour{'' if hours == 1 else 's'}"
    return f"{days:.0f} days" if days < 730 else f"{days / 365.25:.1f} years"


def _newest(store: Store) -> Iterator[Finding]:
    """What the newest night says of itself: degraded, forced, what its monitors found."""
    if not store.nights():
        return
    night = store.newest_night()
    if lacks := in_words(night.facts):
        yield Finding(
            "degraded", "warn", f"{night.as_of:%Y-%m-%d}: {lacks}", "bring the data in and run the night again."
        )
    for target, why in (night.facts.get("fallen") or {}).items():
        said = f"{night.as_of:%Y-%m-%d}: {target} was answered by the model before its champion: {why}"
        yield Finding("fallen", "warn", said, "`riskwarn retrain` with these libraries, or promote a sound version.")
    if forced := night.facts.get("forced"):
        yield Finding(
            "forced",
            "warn",
            f"{night.as_of:%Y-%m-%d}: {forced['why']}; {' '.join(forced['faults'])}",
            "see whether it was right.",
        )
    counts = night.facts.get("monitors") or {}
    n_loud = int(counts.get("alarm", 0)) + int(counts.get("warn", 0))
    yield Finding(
        "monitors",
        "warn" if n_loud else "ok",
        ", ".join(f"{n} {state}" for state, n in counts.items()) or "none",
        "`riskwarn monitor` says each." if n_loud else "",
    )


def _held(store: Store, now: pd.Timestamp) -> Iterator[Finding]:
    if (stop := store.stopped) is not None:
        yield Finding("stop", "warn", stop.said, stop.lift)
    elif (approval := store.approval) is not None and approval.days_left(
        now.tz_convert(store.timezone).date()
    ) <= SOON_DAYS:
        said = f"publishing and showing scores is approved until {approval.until}, and stops after it"
        yield Finding("approval", "warn", said, "review it, then `riskwarn approve --until DATE --by ROLE --why …`.")
    for at, hold in store.holds().items():
        said = f"{at:%Y-%m-%d} is held at run {hold.run} since {hold.since[:16]}: {hold.why}"
        yield Finding("rollback", "warn", said, f"`riskwarn rollback {at:%Y-%m-%d} --release` when it is mended.")


def _webhooks(store: Store, now: pd.Timestamp) -> Iterator[Finding]:
    """Whether those who are to be told can be, and have been."""
    from riskwarn.webhooks import has_ledger, load_webhooks  # noqa: PLC0415 - a host without a ledger tells nobody
    from riskwarn.webhooks.declaration import secret_of  # noqa: PLC0415

    declared = load_webhooks(store.path)
    for webhook in declared.webhooks:
        try:
            secret_of(store.path, webhook)
        except RiskwarnError as error:
            yield Finding(
                "webhooks", "fail", str(error), "put the secret where webhooks.toml says, as its owner alone."
            )
    if has_ledger(store):
        yield from _told(store, declared, now)


def _told(store: Store, declared: "Webhooks", now: pd.Timestamp) -> Iterator[Finding]:
    from riskwarn.ledger import Ledger  # noqa: PLC0415
    from riskwarn.webhooks import standings  # noqa: PLC0415

    with Ledger(store) as ledger:
        stands = standings(ledger, [webhook.name for webhook in declared.webhooks])
    for it in stands:
        name, said = f"webhook {it.name}", f"{it.waiting:,} wait, {it.given_up:,} given up"
        why = f"; last: {it.fault}" if it.fault else ""
        late = it.oldest_at is not None and now - pd.Timestamp(it.oldest_at) > timedelta(hours=_LATE_HOURS)
        if it.given_up:
            remedy = f"`riskwarn webhooks test {it.name}`, then `riskwarn webhooks send --again {it.name}`."
            yield Finding(name, "fail", said + why, remedy)
        elif late:
            remedy = f"`riskwarn webhooks test {it.name}`; does `riskwarn webhooks send` or the server run?"
            yield Finding(name, "warn", said + why, remedy)
        else:
            yield Finding(name, "ok", said)
