"""Small charts as numbers for inline SVG; templates draw them, so that text is escaped and no script is needed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

WIDTH, HEIGHT = 640, 120
"""Drawing area of a weekly chart, SVG units; axes lie outside."""
SMALL_WIDTH, SMALL_HEIGHT = 130, 30
"""Drawing area of one of several small charts."""
_GAP, _MARGIN = 0.25, 15


def stacked(series: Mapping[str, Sequence[int]]) -> dict[str, object]:
    """Bars of the series on top of each other.

    Parameters
    ----------
    series
        Equally long counts, oldest first.

    Returns
    -------
    chart
        `bars`: x, y, width, height, series number and index of the week; `top`: value of the upper grid line; `step`: width a bar.

    Examples
    --------
    >>> stacked({"a": [1, 0], "b": [1, 4]})["top"]
    4
    """
    counts = np.array(list(series.values()), dtype=float)
    n_weeks = counts.shape[1]
    top = nice(float(counts.sum(axis=0).max()))
    step = WIDTH / n_weeks
    ends = counts.cumsum(axis=0) / top * HEIGHT
    number, week = np.nonzero(counts)
    bars = [
        {
            "x": round(w * step + step * _GAP / 2, 1),
            "y": round(HEIGHT - ends[s, w], 1),
            "width": round(step * (1 - _GAP), 1),
            "height": round(counts[s, w] / top * HEIGHT, 1),
            "series": int(s),
            "week": int(w),
        }
        for s, w in zip(number, week, strict=True)
    ]
    return {"bars": bars, "top": top, "step": step, "width": WIDTH, "height": HEIGHT}


def nice(most: float) -> int:
    """The least of 1, 2, 4, 5, 10, 20, 40, 50 … that is not below `most`.

    Examples
    --------
    >>> nice(3), nice(37), nice(0), nice(51)
    (4, 40, 1, 100)
    """
    scale = 1
    while scale * 10 < most:
        scale *= 10
    return next(scale * factor for factor in (1, 2, 4, 5, 10) if scale * factor >= most)


def spark(weekly: Sequence[float], *, width: int = 180, height: int = 28) -> str:
    """Points of a small line chart from zero to the largest value, for an SVG polyline.

    Examples
    --------
    >>> spark([0, 2, 1], width=20, height=10)
    '1.0,9.0 10.0,1.0 19.0,5.0'
    """
    values = np.asarray(weekly, dtype=float)
    x = np.linspace(1, width - 1, len(values))
    y = height - 1 - values / max(values.max(initial=0), 1) * (height - 2)
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def intervals(
    x: Sequence[float], values: Sequence[float], bounds: Sequence[tuple[float, float] | None]
) -> dict[str, object]:
    """Points with their intervals about a line at zero.

    Parameters
    ----------
    x
        Where each stands, rising; at least two.
    values
        One a point.
    bounds
        Lower and upper end of each, none where it has none.

    Returns
    -------
    chart
        `points`: x, y, and `top` and `bottom` of the interval; `line`: points of a polyline; `ticks`: value and y of three grid lines, zero among
        them; `labels`: x and the number below.

    Examples
    --------
    >>> chart = intervals([2, 6], [1.0, -1.0], [None, (-2.0, 0.5)])
    >>> [tick["value"] for tick in chart["ticks"]], chart["points"][0]["top"] is None
    ([2, 0, -2], True)
    """
    ends = [end for pair in bounds if pair for end in pair]
    most = nice(max(abs(v) for v in (*values, *ends, 0.001)))

    def height(value: float) -> float:
        return round((1 - value / most) * HEIGHT / 2, 1)

    span = max(x[-1] - x[0], 1e-9)
    at = [round(20 + (each - x[0]) / span * (WIDTH - 40), 1) for each in x]
    points = [
        {"x": place, "y": height(v), "top": pair and height(pair[1]), "bottom": pair and height(pair[0]), "value": v}
        for place, v, pair in zip(at, values, bounds, strict=True)
    ]
    return {
        "points": points,
        "line": " ".join(f"{point['x']},{point['y']}" for point in points),
        "ticks": [{"value": value, "y": height(value)} for value in (most, 0, -most)],
        "labels": [{"x": place, "text": f"{each:g}"} for place, each in zip(at, x, strict=True)],
        "width": WIDTH,
        "height": HEIGHT,
    }


def course(
    days: Sequence[float], expected: Sequence[float], lower: Sequence[float], upper: Sequence[float]
) -> dict[str, Any]:
    """A line over nights with the interval around it; a night without a score breaks it.

    Parameters
    ----------
    days
        (n,) When each night was, oldest first, days.
    expected, lower, upper
        (n,) Of each night; NaN where there is none.

    Returns
    -------
    chart
        `x`: middle of each night; `y`: height of each value, None where there is none; `band`: corners of each part of the interval,
        `line`: corners of each part of the line, as SVG reads them; `top`: value of the upper grid line.

    Examples
    --------
    >>> course([0, 7], [1.0, 2.0], [0.0, 1.0], [2.0, 4.0])["line"]
    ['15.0,90.0 625.0,60.0']
    """
    values = np.array([expected, lower, upper], dtype=float)
    n = values.shape[1]
    top = nice(float(np.nan_to_num(values).max(initial=0)))
    since = np.asarray(days, dtype=float) - min(days, default=0)
    x = _MARGIN + since / max(since.max(initial=0), 1) * (WIDTH - 2 * _MARGIN)
    y = HEIGHT - values / top * HEIGHT
    known = np.isfinite(values).all(axis=0)
    cuts = np.flatnonzero(np.diff(known.astype(int))) + 1
    parts = [part for part in np.split(np.arange(n), cuts) if len(part) and known[part[0]]]
    return {
        "x": x.round(1).tolist(),
        "y": [None if not ok else round(float(at), 1) for ok, at in zip(known, y[0], strict=True)],
        "line": [_corners(x[part], y[0, part]) for part in parts],
        "band": [_corners(np.r_[x[part], x[part][::-1]], np.r_[y[1, part], y[2, part][::-1]]) for part in parts],
        "top": top,
        "width": WIDTH,
        "height": HEIGHT,
    }


def _corners(x: np.ndarray, y: np.ndarray) -> str:
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x, y, strict=True))


def small_bars(counts: Sequence[float], top: float) -> list[dict[str, float]]:
    """Bars of one of several small charts that share a scale.

    Parameters
    ----------
    counts
        (n,) Oldest first.
    top
        What a full bar stands for.

    Returns
    -------
    bars
        `x`, `y`, `width` and `height` of each count above zero, in a box of 130 by 30.

    Examples
    --------
    >>> small_bars([0, 2], 4)
    [{'x': 66.0, 'y': 15.0, 'width': 63.0, 'height': 15.0}]
    """
    step = SMALL_WIDTH / len(counts)
    return [
        {
            "x": n * step + 1,
            "y": SMALL_HEIGHT * (1 - count / top),
            "width": step - 2,
            "height": SMALL_HEIGHT * count / top,
        }
        for n, count in enumerate(counts)
        if count > 0
    ]
