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
