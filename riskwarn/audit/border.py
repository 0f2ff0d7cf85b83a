"""Is a gain luck of where the borders of the grids lie."""

import numpy as np
import pandas as pd

from riskwarn import metrics
from riskwarn.audit.evidence import grids_of, rival_of
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.errors import DataError

_DRAWN = "as drawn"


@checked
def placement(report: Report, *, share: float | None = None, side: int = 2) -> pd.DataFrame:
    """Captures when grids are merged into blocks of `side` by `side`, from every one of the ``side²`` starting corners.

    Borders of grids are an accident; a gain that hangs on them is none. Counts by grid can be merged but not split or moved, so smaller
    cells are not tried. Grids go to the block their centre lies in; a block's score is its grids' expected counts over their area, and
    the list holds `share` of the area, so all placements watch the same ground.

    Parameters
    ----------
    report
        Of a backtest, with grids.
    share
        Of the area on the list; the experiment's first by default.
    side
        Of a block, in typical grids, at least 2.

    Returns
    -------
    placement
        One row a model: `model`, `as_drawn` capture of the grids themselves at this share of the area, `lowest` and `highest` of the merged
        ones, `gain_as_drawn`, `gain_lowest`, `gain_highest` over the `rival` in the same placement.

    Raises
    ------
    DataError
        The report has no grids, or they lack `x_km` and `y_km`.
    """
    grids = grids_of(report)
    if not {"x_km", "y_km"} <= set(grids) or grids[["x_km", "y_km"]].isna().any(axis=None):
        raise DataError("moving the borders needs x_km and y_km of every grid; give backtest a table that has them.")
    area = grids["area_km2"] if "area_km2" in grids and grids["area_km2"].notna().all() else pd.Series(1.0, grids.index)
    rows = report.predictions.astype({"grid_id": "str"})
    wanted, cell = share or report.experiment.judge.shares[0], side * _spacing(grids)
    blocks = {_DRAWN: pd.Series(np.arange(len(grids)), grids.index)} | {
        f"{i}, {j}": _blocks(grids, cell, i / side, j / side) for i in range(side) for j in range(side)
    }
    captures = pd.DataFrame({name: _captures(rows, block, area, wanted) for name, block in blocks.items()})
    rival = rival_of(report, report.experiment.gate.metric, str(report.differences()["model"].iloc[0]))
    gain, merged = captures - captures.loc[rival], [name for name in captures if name != _DRAWN]
    return (
        pd.DataFrame(
            {
                "as_drawn": captures[_DRAWN],
                "lowest": captures[merged].min(axis=1),
                "highest": captures[merged].max(axis=1),
                "gain_as_drawn": gain[_DRAWN],
                "gain_lowest": gain[merged].min(axis=1),
                "gain_highest": gain[merged].max(axis=1),
                "rival": rival,
            }
        )
        .rename_axis("model")
        .reset_index()
    )


def _spacing(grids: pd.DataFrame) -> float:
    """Median distance from a grid's centre to the nearest other, km."""
    from scipy.spatial import cKDTree  # noqa: PLC0415

    centres = grids[["x_km", "y_km"]].to_numpy(dtype=float)
    return float(np.median(cKDTree(centres).query(centres, k=2)[0][:, 1]))


def _blocks(grids: pd.DataFrame, cell: float, east: float, north: float) -> pd.Series:
    """Number of the block each centre lies in; blocks start a part of their side before the south-west corner."""
    at = [
        np.floor((grids[axis] - grids[axis].min()) / cell + part + 1 / 8)
        for axis, part in (("x_km", east), ("y_km", north))
    ]
    return pd.Series(pd.factorize(pd.MultiIndex.from_arrays(at))[0], grids.index)


def _captures(rows: pd.DataFrame, block: pd.Series, area: pd.Series, share: float) -> pd.Series:
    """Pooled capture of each model at a share of the area, its grids merged into blocks."""
    size = area.groupby(block).sum()
    merged = rows.assign(block=block.reindex(rows["grid_id"]).to_numpy())
    sums = merged.groupby(["model", "as_of", "block"], sort=False)[["y", "expected"]].sum().reset_index("block")
    by_model: dict[str, list[float]] = {}
    for (model, _), date in sums.groupby(["model", "as_of"], sort=False):
        ground = size[date["block"]].to_numpy()
        part = metrics.capture(
            date["y"], date["expected"].to_numpy() / ground, ground, share=share, budget="area", ties="mean"
        )
        by_model.setdefault(str(model), []).append(float(part * date["y"].sum()))
    events = rows.groupby("model", sort=False)["y"].sum()
    return pd.Series({model: sum(caught) / events[model] for model, caught in by_model.items()})
