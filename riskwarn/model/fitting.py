"""How a model is fitted: parts on the early dates, their shares and the calibration on the latest, rate and line on all."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pandas as pd

from riskwarn.baseline import Additive, Line, settled_rows
from riskwarn.calibration import Calibration
from riskwarn.draws import CITY, INDEPENDENT, common_factors, parents_of
from riskwarn.errors import LabelError
from riskwarn.experiment import ModelSettings
from riskwarn.feature import Faded, Feature, Nearby, Own, Season
from riskwarn.label import HALF_LIVES, Label
from riskwarn.model import forest, tide
from riskwarn.model.golden import FACT, golden_of
from riskwarn.model.joint import Joint
from riskwarn.model.values import check_holds, matrix
from riskwarn.rows import KEYS, Rows
from riskwarn.stack import stack

M = TypeVar("M", bound=Joint)
_CALIBRATION_SHARE = 0.25
"""Share of the training dates, the latest, on which the calibration is fitted."""
_COUNTS = ("count", "weighted count")
"""Units of features that add up."""
_RATE_CELLS = 30_000_000
"""Rows times columns from which the rate is fitted to some of the dates."""
_ASKED, _ASKED_ROWS, _LEAST_ASKED = 32, 65_000, 12
"""Dates of which the shape is asked how much it expects in all: at most so many, or so many rows, but no fewer than the last."""


Grow = Callable[[Sequence[Feature], ModelSettings, Rows, Additive], str]
"""What grows trees: from features, settings, rows and the rate they start from to LightGBM's text."""


def fitted(model: M, panel: pd.DataFrame | Rows, grids: pd.DataFrame | None, grow: Grow = forest.grown) -> M:
    """A copy of `model` that has learnt from the settled rows of `panel`, and from `grids` what larger areas share.

    Of rows that lie on disk no more than a part is read at a time; what comes of it is the same. Trees are grown here, or elsewhere.

    Raises
    ------
    LabelError
        Too few dates, no settled outcome, or only one class.
    DataError
        A feature column is missing, or holds what is no number or infinite.
    """
    check_holds(Rows.of(panel).columns, model.feature_names)
    rows = _in_order(settled_rows(panel))
    ranges = _ranges(rows, model.feature_names)
    early, late = _parted(rows, model.label)
    judged = dataclasses.replace(_grown(model, early, grow), seen_days=(rows.as_of.max() - rows.as_of.min()).days)
    learnt = _on_its_tide(_renewed(_joined(judged, late, grids), rows), rows)
    facts = {
        "n_rows": len(rows),
        "n_events": float(rows.y.sum()),
        "first": str(rows.as_of.min()),
        "last": str(rows.as_of.max()),
        "ranges": ranges,
    }
    return dataclasses.replace(learnt, facts={**learnt.facts, **facts, FACT: golden_of(learnt, rows)})


def _parted(rows: Rows, label: Label) -> tuple[Rows, Rows]:
    """Rows of the early dates, whose outcomes were told by then, and of the latest quarter."""
    dates = np.sort(rows.as_of.unique())
    cut = pd.Timestamp(dates[int(len(dates) * (1 - _CALIBRATION_SHARE))])
    early = rows[(rows.as_of + pd.Timedelta(days=label.wait_days) <= cut).to_numpy()]
    late = rows[(rows.as_of >= cut).to_numpy()]
    if len(np.unique(early.y)) < 2:
        span = (dates[-1] - dates[0]).days if len(dates) > 1 else 0
        raise LabelError(
            f"the settled dates span {span} days, too few to train and calibrate apart with a horizon of "
            f"{label.days:g} days and {label.settle_days:g} to settle; give earlier dates."
        )
    return early, late


def _grown(model: M, rows: Rows, grow: Grow) -> M:
    """Rate, trees and line fitted to `rows`, without shares and calibration."""
    learnt = _renewed(model, rows)
    return dataclasses.replace(learnt, trees=grow(model.shape_features, model.settings, rows, learnt.rate))


def _renewed(model: M, rows: Rows) -> M:
    """`model` with rate and line fitted to `rows`."""
    added, exceeds = _adding(model), _exceeds(model)
    some = _some(rows, len(added))
    read = some.frame([*added, *([exceeds] if exceeds else [])])
    rate = Additive.fit(read.assign(y=some.y), added, exceeds=exceeds)
    begun = model.line if model.line.weights else None
    signs = [f.monotone for f in model.shape_features]
    line = Line.fit(rows, model.shape_names, l2=model.settings.line_l2, signs=signs, start=begun)
    return dataclasses.replace(model, rate=rate, line=line)


def _on_its_tide(model: M, rows: Rows) -> M:
    """`model` with the level of the city as its totals forecast it, and with its doubt in place of that about a level that stays."""
    names = [f.name for f in model.label.totals]
    if not names or not {*names, _longest(model)} <= {*model.feature_names}:
        return model
    totals = dict(zip(names, map(float, HALF_LIVES), strict=True))
    waves = [f.name for f in model.features if isinstance(f, Season)]
    label, overlap = model.label, _overlap(rows, model.label)
    found = tide.fitted(
        _nights(model, rows, [*totals, *waves]),
        totals,
        waves,
        days=label.days,
        wait_days=label.wait_days,
        overlap=overlap,
    )
    if not found.weights:
        return model
    # a bit too much: dispersion holds the spread of the late dates as it is, this is widened by the one degree of freedom they cost
    before = model.common[CITY]
    spread = max(model.calibration.dispersion - before, 0.0) + found.variance
    return dataclasses.replace(
        model,
        tide=found,
        calibration=dataclasses.replace(model.calibration, dispersion=spread),
        common={**model.common, CITY: found.variance, INDEPENDENT: found.independent},
    )


def _longest(model: Joint) -> str:
    """The grid's own events with the longest memory."""
    return Faded(model.label.streams, HALF_LIVES[-1]).name


def _nights(model: Joint, rows: Rows, names: list[str]) -> pd.DataFrame:
    """A row a date: what came, what the same grids had, what the shape expects at some of the dates, and the city's columns."""
    code, dates = pd.factorize(rows.as_of, sort=True)
    first = np.unique(code, return_index=True)[1]
    nights = rows[first].frame(names).reset_index(drop=True).assign(as_of=dates)
    n_asked = np.clip(_ASKED_ROWS * len(dates) // len(rows), _LEAST_ASKED, _ASKED)
    asked = np.unique(np.linspace(0, len(dates) - 1, n_asked).astype(int))
    of_asked = np.isin(code, asked)
    shape = np.full(len(dates), np.nan)
    expected = np.exp(rows[of_asked].each(model.shape_margin, model.shape_names))
    shape[asked] = np.bincount(code[of_asked], expected, len(dates))[asked]
    longest = _longest(model)
    own = np.bincount(code, rows.each(lambda part: part[longest].to_numpy(dtype=float), [longest]), len(dates))
    return nights.assign(y=np.bincount(code, rows.y), own=own, shape=shape)


def _joined(grown: M, late: Rows, grids: pd.DataFrame | None) -> M:
    """`grown` with the shares and the calibration that dates it has not seen ask for."""
    label, y, overlap = grown.label, late.y, _overlap(late, grown.label)
    # a count is what one would fall back to for a count, not for an outcome that is about change
    priors = _priors(grown.features) if label.is_count else []
    counts = Line.plain(late.frame(priors), priors)
    parts = [late.each(grown.tree_margin, grown.shape_names), late.each(grown.line.margin, grown.line.columns)]
    parts += [late.each(grown.rate.margin, grown.rate.columns)] if grown.rate.weights else []
    rates, n = np.column_stack([*parts, late.each(counts.parts, priors)]), len(parts)
    rivals = range(2, rates.shape[1]) if label.is_count else ()
    shares = stack(rates, y, late.as_of, rivals=rivals, overlap=overlap)
    of_line, of_rate = float(shares[1]), float(shares[2:n].sum())
    counted = counts.times(shares[n:].tolist())
    joined = dataclasses.replace(grown, line_share=of_line, rate_share=of_rate, counts=counted)
    # how busy a date was chose no share, so here parts that know no calendar hear of it
    joint = rates @ shares + joined.blind_share * late.each(joined.season.margin, joined.season.columns)
    fit = Calibration.fit if label.is_count else Calibration.fit_chance
    calibration = fit(joint, y, overlap=overlap)
    areas = None if grids is None else parents_of(late.keys["grid_id"], grids)
    expected, before = calibration.expected(joint), np.exp(rates[:, 0])
    common = common_factors(y, expected, late.as_of, areas, before=before, overlap=overlap)
    # the level was fitted to these very dates, so their spread about it lacks how far the city moves on
    moved = max(common[CITY] - common_factors(y, expected, late.as_of)[CITY], 0.0)
    calibration = dataclasses.replace(calibration, dispersion=calibration.dispersion + moved)
    return dataclasses.replace(joined, calibration=calibration, common=common)


def _overlap(rows: Rows, label: Label) -> float:
    """How many dates count the same event: horizon over days between dates, at least 1."""
    apart = pd.Series(rows.as_of.unique()).sort_values().diff().median() / pd.Timedelta(days=1)
    return max(label.days / apart, 1.0) if apart > 0 else 1.0


def _priors(features: tuple[Feature, ...]) -> list[str]:
    return [f.name for f in features if isinstance(f, Own)]


def _adding(model: Joint) -> list[str]:
    """What the rate adds up: the label's own faded counts, here and around, without any the prior counts; if wanted, all that feeds count."""
    faded = [f.name for f in model.features if isinstance(f.of if isinstance(f, Nearby) else f, Faded)]
    own = faded or _priors(model.features)
    if model.settings.rate_of == "label" or not model.label.is_count:
        return own
    raising = [f for f in model.shape_features if f.monotone == 1 and not isinstance(f, Own)]
    return list(dict.fromkeys([*own, *(f.name for f in raising if f.core.unit in _COUNTS)]))


def _some(rows: Rows, n_added: int) -> Rows:
    """Rows of every so many dates, where there are more than a rate of many columns needs: dates beside each other say nearly the same."""
    step = -(-len(rows) * n_added // _RATE_CELLS)
    if step <= 1:
        return rows
    code = pd.factorize(rows.as_of, sort=True)[0]
    return rows[(code.max() - code) % step == 0]


def _exceeds(model: Joint) -> str | None:
    """The threshold of an outcome that is no count; any event exceeds it where the label has none, or the model does not read it."""
    if model.label.is_count:
        return None
    threshold = model.label.normal.name if model.label.kind == "emergence" else ""
    return threshold if threshold in model.feature_names else ""


def _in_order(rows: Rows) -> Rows:
    """By grid and date, so that the same panel in any order grows the same trees; not copied where it is so already, as built panels are."""
    return rows[rows.keys[[*KEYS[:2]]].sort_values([*KEYS[:2]], kind="stable").index.to_numpy()]


def _span(part: pd.DataFrame, names: list[str]) -> tuple[pd.Series, pd.Series]:
    matrix(part, names)
    return part[names].min(), part[names].max()


def _ranges(rows: Rows, names: list[str]) -> dict[str, list[float]]:
    """Least and greatest of each column, without those of which nothing is known; what is no number or infinite is refused."""
    spans = [_span(part, names) for part in rows.panels(names)]
    low, high = (pd.concat(ends, axis=1) for ends in zip(*spans, strict=True))
    found = {name: [float(low.loc[name].min()), float(high.loc[name].max())] for name in names}
    return {name: span for name, span in found.items() if np.isfinite(span).all()}
