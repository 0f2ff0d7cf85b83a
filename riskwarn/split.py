"""Which dates and grids train, which test: rolling origin with a computed gap, unseen areas, an unseen season.

A label of `as_of` looks at the days from `as_of` to `as_of` + horizon, and late records still change it for `settle` days more.
So its value is known from `as_of` + horizon + settle on, and the row may train a model of that instant, not of an earlier one. That
sum is the gap; it follows from the label and cannot be set::

    train as_of ──── horizon ────┼── settle ──┤ ≤ first test as_of
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DefinitionError, LabelError

SEASONS = ("winter", "spring", "summer", "autumn")
"""Of the northern half: December to February, March to May, June to August, September to November."""


@dataclass(frozen=True)
class Fold:
    """One honest rehearsal: learn from `train_dates`, forecast `test_dates`.

    Attributes
    ----------
    train_dates, test_dates
        Dates of the rows, rising. Every training label was known at the first test date.
    gap_days
        Least time from a training date to the first test date, horizon + settle, days.

    Examples
    --------
    >>> dates = pd.date_range("2025-01-06", periods=3, freq="7D")
    >>> fold = Fold(dates[:1], dates[2:], gap_days=14)
    >>> train, test = fold.rows(dates.repeat(2))
    >>> train.tolist(), test.tolist()
    ([0, 1], [4, 5])
    """

    train_dates: pd.DatetimeIndex
    test_dates: pd.DatetimeIndex
    gap_days: float

    def rows(self, as_ofs: pd.Series | pd.DatetimeIndex) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of a panel that train and that test, given each row's `as_of`.

        Parameters
        ----------
        as_ofs
            (n,) date of each row of the panel.

        Returns
        -------
        train, test
            Row numbers, from 0.

        Examples
        --------
        >>> dates = pd.DatetimeIndex(["2025-01-06", "2025-01-13", "2025-01-20"])
        >>> Fold(dates[:1], dates[2:], 14.0).rows(dates.repeat(2))
        (array([0, 1]), array([4, 5]))
        """
        dates = pd.DatetimeIndex(as_ofs)
        return np.flatnonzero(dates.isin(self.train_dates)), np.flatnonzero(dates.isin(self.test_dates))


@checked
def known_before(as_ofs: pd.DatetimeIndex, at: pd.Timestamp, *, horizon_days: float, settle_days: float) -> np.ndarray:
    """Which dates' labels were final at `at`: as_of + horizon + settle ≤ `at`.

    The bound is inclusive because the label's window and its settling time end before that instant: they hold what was known
    strictly earlier.

    Parameters
    ----------
    as_ofs
        (n,) dates of the rows.
    at
        Instant at which a model is trained.
    horizon_days, settle_days
        Length of the label's window, and how long late records still change it, days.

    Returns
    -------
    known
        (n,) bool.

    Examples
    --------
    >>> days = pd.date_range("2025-01-06", periods=4, freq="7D")
    >>> known_before(days, pd.Timestamp("2025-01-27"), horizon_days=7, settle_days=7).tolist()
    [True, True, False, False]
    """
    return np.asarray(as_ofs + pd.Timedelta(days=horizon_days + settle_days) <= at)


@checked
def rolling_origin(
    as_ofs: pd.DatetimeIndex | pd.Series,
    *,
    horizon_days: float,
    settle_days: float,
    n_folds: int,
    test_dates: int,
    min_train_dates: int,
    max_train_dates: int | None = None,
) -> list[Fold]:
    """Folds that move through time: each tests on the next `test_dates` dates and learns from what was known before them.

    The last fold ends with the last date, the folds touch and do not overlap. A date trains a fold only if its label was known
    at the fold's first test date: as_of + horizon + settle ≤ first test as_of. Nothing later is seen, not even by the fold's later
    test dates.

    Parameters
    ----------
    as_ofs
        Dates of the panel whose labels are settled, in any order; repeats count once.
    horizon_days, settle_days
        Length of the label's window, and how long late records still change it, days.
    n_folds
        Number of folds.
    test_dates
        Dates each fold tests on.
    min_train_dates
        Fewest dates the first fold may learn from.
    max_train_dates
        Most dates a fold learns from, the newest; all if not given.

    Returns
    -------
    folds
        The oldest first. Test dates of different folds are disjoint and rise.

    Raises
    ------
    DefinitionError
        A setting is out of range, or a date is missing.
    LabelError
        There are not enough dates; the message says how many are required and how many were found.

    Examples
    --------
    >>> weeks = pd.date_range("2025-01-06", periods=10, freq="7D")
    >>> for fold in rolling_origin(weeks, horizon_days=7, settle_days=7, n_folds=2, test_dates=2, min_train_dates=2):
    ...     print(len(fold.train_dates), fold.train_dates[-1].date(), fold.test_dates[0].date(), fold.gap_days)
    5 2025-02-03 2025-02-17 14
    7 2025-02-17 2025-03-03 14
    """
    _settings(
        horizon_days,
        settle_days,
        n_folds=n_folds,
        test_dates=test_dates,
        min_train_dates=min_train_dates,
        max_train_dates=max_train_dates,
    )
    dates = _distinct(as_ofs)
    first = len(dates) - n_folds * test_dates
    if first < 1:
        raise LabelError(
            f"{n_folds} folds of {test_dates} test dates need {n_folds * test_dates} dates beside the training ones, "
            f"found {len(dates)} in all: use fewer folds or a longer panel."
        )
    folds = [
        _fold(dates, dates[at : at + test_dates], horizon_days, settle_days, max_train_dates)
        for at in range(first, len(dates), test_dates)
    ]
    _enough(folds[0], min_train_dates, dates)
    return folds


@dataclass(frozen=True)
class RollingOrigin:
    """`rolling_origin` as a scikit-learn splitter: rows of one date stay together, and `groups` are the dates.

    Parameters
    ----------
    horizon_days, settle_days, n_folds, test_dates, min_train_dates, max_train_dates
        As for :func:`rolling_origin`.

    Examples
    --------
    >>> weeks = pd.date_range("2025-01-06", periods=6, freq="7D")
    >>> X = pd.DataFrame({"as_of": weeks.repeat(2), "n": range(12)})
    >>> splitter = RollingOrigin(horizon_days=7, settle_days=0, n_folds=2, test_dates=1, min_train_dates=2)
    >>> [(train.tolist(), test.tolist()) for train, test in splitter.split(X)]
    [([0, 1, 2, 3, 4, 5, 6, 7], [8, 9]), ([0, 1, 2, 3, 4, 5, 6, 7, 8, 9], [10, 11])]
    """

    horizon_days: float
    settle_days: float
    n_folds: int
    test_dates: int
    min_train_dates: int
    max_train_dates: int | None = None

    def split(self, X: Any = None, y: Any = None, groups: Any = None) -> Iterator[tuple[np.ndarray, np.ndarray]]:  # noqa: ARG002, N803 scikit-learn's names
        """Row numbers (train, test) of each fold.

        Parameters
        ----------
        X
            The rows; if `groups` is not given, their dates are its column or index level `as_of`.
        y
            Not used.
        groups
            (n,) Date of each row.

        Yields
        ------
        train, test
            Row numbers of one fold, the oldest fold first.

        Raises
        ------
        DefinitionError
            The rows have no dates.
        LabelError
            There are not enough dates.
        """
        dates = pd.DatetimeIndex(_row_dates(X) if groups is None else groups)
        folds = rolling_origin(
            dates,
            horizon_days=self.horizon_days,
            settle_days=self.settle_days,
            n_folds=self.n_folds,
            test_dates=self.test_dates,
            min_train_dates=self.min_train_dates,
            max_train_dates=self.max_train_dates,
        )
        for fold in folds:
            yield fold.rows(dates)

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002, N803 scikit-learn's names
        """Number of folds.

        Parameters
        ----------
        X, y, groups
            Not used; scikit-learn hands them over.

        Returns
        -------
        n_splits
            `n_folds`.

        Examples
        --------
        >>> RollingOrigin(horizon_days=7, settle_days=0, n_folds=2, test_dates=1, min_train_dates=2).get_n_splits()
        2
        """
        return self.n_folds


@dataclass(frozen=True)
class AreaFold:
    """Learn from `train_grids`, forecast `test_grids`, whose parent areas were never seen."""

    train_grids: pd.Index
    test_grids: pd.Index


@checked
def leave_area_out(grid_parents: pd.Series | Mapping[str, str], n_blocks: int, seed: int) -> list[AreaFold]:
    """Folds over space: whole parent areas (townships) are held out, so no test grid has a sibling in training.

    Parents are shuffled by `seed` and each joins the block with the fewest grids so far, the largest first, so blocks have
    about equally many grids. Apply it within a `Fold`, or the future of other areas trains.

    Parameters
    ----------
    grid_parents
        Parent area of each grid, indexed by `grid_id`.
    n_blocks
        Number of folds, 2 to the number of parents.
    seed
        Same seed, same folds, in whatever order the grids come.

    Returns
    -------
    folds
        Each grid is in exactly one `test_grids`.

    Raises
    ------
    DefinitionError
        A grid has no parent or comes twice, or `n_blocks` is out of range.

    Examples
    --------
    >>> folds = leave_area_out({"G1": "T1", "G2": "T1", "G3": "T2", "G4": "T3"}, n_blocks=2, seed=0)
    >>> [fold.test_grids.tolist() for fold in folds]
    [['G1', 'G2'], ['G3', 'G4']]
    """
    parents = pd.Series(grid_parents).sort_index()
    if parents.isna().any() or parents.index.has_duplicates:
        raise DefinitionError(
            f"each grid needs one parent area: {int(parents.isna().sum())} have none, "
            f"{int(parents.index.duplicated().sum())} come twice."
        )
    sizes = parents.value_counts().sort_index()
    if not 2 <= n_blocks <= len(sizes):
        raise DefinitionError(f"n_blocks must be 2 to the {len(sizes)} parent areas, got {n_blocks}.")
    shuffled = sizes.iloc[np.random.default_rng(seed).permutation(len(sizes))]
    block, filled = {}, np.zeros(n_blocks)
    for parent, n in shuffled.sort_values(ascending=False, kind="stable").items():
        block[parent] = int(filled.argmin())
        filled[block[parent]] += n
    blocks = parents.map(block).to_numpy()
    return [AreaFold(parents.index[blocks != b], parents.index[blocks == b]) for b in range(n_blocks)]


@checked
def worst_season(
    as_ofs: pd.DatetimeIndex | pd.Series,
    *,
    horizon_days: float,
    settle_days: float,
    min_train_dates: int,
    seasons: tuple[str, str, str, str] = SEASONS,
) -> dict[str, Fold]:
    """Folds over seasons: each tests on a season's latest run of dates and learns from earlier dates whose labels never touch it.

    The worst of the four is what to expect in a time of year the model has not lived through. A training date falls out if it
    or any day of its label's window lies in the season, and, as always, unless its label was known at the first test date.

    Parameters
    ----------
    as_ofs, horizon_days, settle_days, min_train_dates
        As in `rolling_origin`. The horizon must be shorter than the nine months outside a season.
    seasons
        Names of the quarters that begin in December, March, June and September.

    Returns
    -------
    folds
        One for each season that has dates with at least `min_train_dates` to learn from.

    Raises
    ------
    DefinitionError
        A setting is out of range, or a date is missing.
    LabelError
        No season has enough dates before it; the message says how many are required and how many the best season has.

    Examples
    --------
    >>> weeks = pd.date_range("2023-01-02", "2024-12-23", freq="7D")
    >>> folds = worst_season(weeks, horizon_days=7, settle_days=0, min_train_dates=20)
    >>> {season: (fold.test_dates[0].strftime("%Y-%m"), len(fold.train_dates)) for season, fold in folds.items()}
    {'winter': ('2024-12', 76), 'spring': ('2024-03', 46), 'summer': ('2024-06', 59), 'autumn': ('2024-09', 72)}
    """
    _settings(horizon_days, settle_days, min_train_dates=min_train_dates)
    if horizon_days > 270:
        raise DefinitionError(f"horizon_days must be at most 270 to leave a season out, got {horizon_days:g}.")
    dates = _distinct(as_ofs)
    starts, ends = _season(dates), _season(dates + pd.Timedelta(days=horizon_days) - pd.Timedelta(microseconds=1))
    folds, most = {}, 0
    for number, name in enumerate(seasons):
        # the seasons a window passes through are those from its first to its last, round the year
        touches = (number - starts) % 4 <= (ends - starts) % 4
        test = _latest_run(dates, starts == number)
        if test.empty:
            continue
        fold = _fold(dates[~touches].append(test), test, horizon_days, settle_days, None)
        most = max(most, len(fold.train_dates))
        if len(fold.train_dates) >= min_train_dates:
            folds[name] = fold
    if not folds:
        raise LabelError(
            f"leaving a season out needs {min_train_dates} earlier dates to learn from, found at most {most}."
        )
    return folds


def _fold(
    dates: pd.DatetimeIndex,
    test: pd.DatetimeIndex,
    horizon_days: float,
    settle_days: float,
    max_train_dates: int | None,
) -> Fold:
    """The fold that tests on `test` and learns from what of `dates` was known before it."""
    train = dates[known_before(dates, test[0], horizon_days=horizon_days, settle_days=settle_days)]
    return Fold(train if max_train_dates is None else train[-max_train_dates:], test, horizon_days + settle_days)


def _enough(fold: Fold, min_train_dates: int, dates: pd.DatetimeIndex) -> None:
    n_dates = len(fold.train_dates)
    if n_dates < min_train_dates:
        raise LabelError(
            f"the first fold, which tests from {fold.test_dates[0].date()}, needs {min_train_dates} training dates known by then "
            f"(at least {fold.gap_days:g} days before), found {n_dates} of {len(dates)} dates since {dates[0].date()}: "
            "use fewer folds, a shorter label or a longer panel."
        )


def _settings(
    horizon_days: float,
    settle_days: float,
    *,
    min_train_dates: int,
    n_folds: int = 1,
    test_dates: int = 1,
    max_train_dates: int | None = None,
) -> None:
    """Refuse settings out of range, all at once."""
    wrong = [
        f"{name} must be {wanted}, got {value}"
        for name, value, wanted, ok in (
            ("horizon_days", horizon_days, "above 0", horizon_days > 0),
            ("settle_days", settle_days, "at least 0", settle_days >= 0),
            ("n_folds", n_folds, "at least 1", n_folds >= 1),
            ("test_dates", test_dates, "at least 1", test_dates >= 1),
            ("min_train_dates", min_train_dates, "at least 1", min_train_dates >= 1),
            (
                "max_train_dates",
                max_train_dates,
                f"at least min_train_dates ({min_train_dates})",
                max_train_dates is None or max_train_dates >= min_train_dates,
            ),
        )
        if not ok
    ]
    if wrong:
        raise DefinitionError("; ".join(wrong) + ".")


def _distinct(as_ofs: pd.DatetimeIndex | pd.Series) -> pd.DatetimeIndex:
    """The dates, each once, rising."""
    dates = pd.DatetimeIndex(as_ofs)
    if dates.hasnans:
        raise DefinitionError(f"as_of is missing in {int(dates.isna().sum())} of {len(dates)} rows.")
    return dates.unique().sort_values()


def _row_dates(rows: Any) -> Any:
    """Date of each row of a table that carries them."""
    if isinstance(rows, pd.DataFrame):
        if "as_of" in rows.index.names:
            return rows.index.get_level_values("as_of")
        if "as_of" in rows:
            return rows["as_of"]
    raise DefinitionError("the rows have no dates: give groups=as_of, or a table with a column or index level 'as_of'.")


def _season(dates: pd.DatetimeIndex) -> np.ndarray:
    """Number of the quarter from December each date lies in, 0 to 3."""
    return np.asarray(dates.month % 12 // 3)


def _latest_run(dates: pd.DatetimeIndex, inside: np.ndarray) -> pd.DatetimeIndex:
    """The last unbroken run of dates that lie inside."""
    if not inside.any():
        return dates[:0]
    last = int(np.flatnonzero(inside)[-1])
    outside = np.flatnonzero(~inside[:last])
    return dates[(outside[-1] + 1 if outside.size else 0) : last + 1]
