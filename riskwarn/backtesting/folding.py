"""Which rows train and which test: rolling origin, areas left out, seasons left out."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from riskwarn.backtesting.report import Split
from riskwarn.calling import checked
from riskwarn.errors import DefinitionError
from riskwarn.experiment import Experiment
from riskwarn.split import Fold, leave_area_out, rolling_origin, worst_season

PARENTS = ("township_id", "community_id", "county_id")
"""Areas that may be left out whole, the first that all grids have."""
_MOST_BLOCKS = 4


@checked
def folds_of(experiment: Experiment, rows: pd.DataFrame) -> list[Fold]:
    """The folds of an experiment over the dates of `rows`; the gap follows from the label.

    Parameters
    ----------
    experiment
        Label and folds.
    rows
        Settled rows of the panel.

    Returns
    -------
    folds
        The oldest first.

    Raises
    ------
    LabelError
        There are not enough dates.
    """
    plan, label = experiment.folds, experiment.label
    return rolling_origin(
        rows["as_of"],
        horizon_days=label.days,
        settle_days=label.settle_days,
        n_folds=plan.n_folds,
        test_dates=plan.test_dates,
        min_train_dates=plan.min_train_dates,
    )


@checked
def parent_of(grids: pd.DataFrame | None, grid_ids: pd.Index) -> pd.Series:
    """The parent area of each grid, of the first kind in :data:`PARENTS` that all grids have.

    Parameters
    ----------
    grids
        Table `grids`; of several rows of a grid the last counts.
    grid_ids
        (n,) grids of the panel.

    Returns
    -------
    parents
        (n,) text, indexed by grid.

    Raises
    ------
    DefinitionError
        There is no table, or no kind of area that all grids have and that parts them.

    Examples
    --------
    >>> grids = pd.DataFrame({"grid_id": ["A", "B"], "county_id": ["K", "K"], "township_id": ["T1", "T2"]})
    >>> parent_of(grids, pd.Index(["B", "A"])).to_dict()
    {'B': 'T2', 'A': 'T1'}
    """
    if grids is not None:
        areas = grids.drop_duplicates("grid_id", keep="last").set_index("grid_id").reindex(grid_ids)
        for kind in PARENTS:
            if kind in areas and areas[kind].notna().all() and len(areas[kind].unique()) > 1:
                return areas[kind].astype("str")
    raise DefinitionError(
        f"no area can be left out: give backtest the table of grids with one of {', '.join(PARENTS)} for each of its {len(grid_ids)} grids."
    )


def parts_of(
    experiment: Experiment, rows: pd.DataFrame, split: Split, grids: pd.DataFrame | None
) -> Iterator[tuple[int | str, np.ndarray, np.ndarray]]:
    """Name of the fold and the row numbers that train and that test, one model a part."""
    label = experiment.label
    if split == "worst_season":
        seasons = worst_season(
            rows["as_of"],
            horizon_days=label.days,
            settle_days=label.settle_days,
            min_train_dates=experiment.folds.min_train_dates,
        )
        yield from ((name, *fold.rows(rows["as_of"])) for name, fold in seasons.items())
        return
    folds = folds_of(experiment, rows)
    if split == "rolling_origin":
        yield from ((n, *fold.rows(rows["as_of"])) for n, fold in enumerate(folds, 1))
        return
    parents = parent_of(grids, pd.Index(rows["grid_id"].astype("str").unique()))
    areas = leave_area_out(parents, min(_MOST_BLOCKS, parents.nunique()), experiment.model.seed)
    held_out = [rows["grid_id"].astype("str").isin(area.test_grids).to_numpy() for area in areas]
    for n, fold in enumerate(folds, 1):
        train, test = fold.rows(rows["as_of"])
        yield from ((n, train[~out[train]], test[out[test]]) for out in held_out)
