"""Small charts as numbers for inline SVG; templates draw them, so that text is escaped and no script is needed."""

from collections.abc import Mapping, Sequence

import numpy as np

WIDTH, HEIGHT = 640, 120
"""Drawing area of a weekly chart, SVG units; axes lie outside."""
_GAP = 0.25


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
