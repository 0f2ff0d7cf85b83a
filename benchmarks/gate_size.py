"""How often the gate calls a difference clear where there is none: ``python benchmarks/gate_size.py`` writes the table of docs/backtesting.md.

Null series are sums over the horizon of weekly noise, a date a week, as two equally good models give them. The interval in use stands beside the
percentile interval of a bootstrap over blocks of four dates, which it replaced.
"""

import re

import numpy as np
from results import ROOT
from scipy.fft import dct

from riskwarn import metrics

HORIZONS, DATES = (7, 14, 28, 56, 91), (8, 12, 16, 24, 36, 60)
KINDS = {
    "normal": lambda rng, shape: rng.normal(size=shape),
    "heavy tails": lambda rng, shape: rng.standard_t(3, size=shape),
    "a third carried over": lambda rng, shape: carried(rng.normal(size=shape), 0.33),
}
N_SERIES, N_DRAWS, BLOCK = 20_000, 500, 4


def main() -> None:
    rows = [
        {"noise of a week": kind, "horizon, days": days}
        | {f"{n} dates": f"{100 * size(draw, days, n):.1f}" for n in DATES}
        for kind, draw in KINDS.items()
        for days in HORIZONS
    ]
    rows += [
        {"noise of a week": "normal, block bootstrap", "horizon, days": days}
        | {f"{n} dates": f"{100 * size(KINDS['normal'], days, n, law=bootstrap, n_series=600):.1f}" for n in DATES}
        for days in HORIZONS
    ]
    table = markdown(rows)
    print(table)
    target = ROOT / "docs" / "backtesting.md"
    text = re.sub(
        r"(<!-- gate size -->\n).*?(<!-- end -->)",
        lambda m: f"{m[1]}{table}\n{m[2]}",
        target.read_text("utf-8"),
        flags=re.DOTALL,
    )
    target.write_text(text, encoding="utf-8")


def markdown(rows: list[dict[str, object]]) -> str:
    lines = [list(rows[0]), ["---"] * len(rows[0]), *(row.values() for row in rows)]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def carried(noise: np.ndarray, share: float) -> np.ndarray:
    """Each week with a share of the one before."""
    for week in range(1, noise.shape[1]):
        noise[:, week] += share * noise[:, week - 1]
    return noise


def size(draw, horizon: int, n_dates: int, *, law=None, n_series: int = N_SERIES) -> float:
    """Share of null series called clear on one side, the mean of both sides."""
    rng, weeks, before = np.random.default_rng(horizon * 100 + n_dates), horizon // 7, 20
    noise = draw(rng, (n_series, before + n_dates + weeks - 1))[:, before:]
    total = np.cumsum(np.pad(noise, ((0, 0), (1, 0))), axis=1)
    series = total[:, weeks:] - total[:, :-weeks]
    told = law or in_use(metrics.shared_windows(7 * np.arange(n_dates), horizon))
    return float(told(series, rng).mean()) / 2


def in_use(shared: np.ndarray):
    """Whether zero lies outside the interval of :func:`riskwarn.metrics.difference_interval`, of many series at once.

    Its half width is the length of a few cosines of the series times a number that only the dates tell, so one interval tells it for all.
    """

    def told(series: np.ndarray, _: np.random.Generator) -> np.ndarray:
        one = metrics.difference_interval(series[0], np.zeros(len(shared)), shared=shared)
        length = np.linalg.norm(dct(series, norm="ortho")[:, 1 : 1 + one.n_terms], axis=1)
        return np.abs(series.mean(axis=1)) > (one.high - one.low) / 2 * length / length[0]

    return told


def bootstrap(series: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Whether zero lies outside the percentile interval of a circular block bootstrap (Politis & Romano 1992), of each series."""
    return np.array([_by_blocks(one, rng) for one in series])


def _by_blocks(series: np.ndarray, rng: np.random.Generator) -> bool:
    n = len(series)
    starts = rng.integers(0, n, (N_DRAWS, -(-n // BLOCK)))
    rows = ((starts[:, :, None] + np.arange(BLOCK)) % n).reshape(N_DRAWS, -1)[:, :n]
    low, high = np.quantile(series[rows].mean(axis=1), [0.025, 0.975])
    return bool(low > 0 or high < 0)


if __name__ == "__main__":
    main()
