"""How good were the scores and the gaps, against the truth: skill as a share of the oracle's, calibration, recall, delay."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError

SHARES = (0.005, 0.02, 0.05)
"""Shares of grids at which capture is told."""
BANDS = {
    "red": (0.0, 0.005),
    "orange": (0.005, 0.02),
    "yellow": (0.02, 0.07),
    "blue": (0.07, 0.15),
    "none": (0.15, 1.0),
}
"""Bands of rank, as shares of the grids of a night."""


@checked
def score(
    truth: Mapping[str, pd.DataFrame],
    *,
    scores: pd.DataFrame | None = None,
    gaps: pd.DataFrame | None = None,
    targets: Mapping[str, str] | None = None,
    nights: Sequence[object] | None = None,
) -> dict[str, pd.DataFrame]:
    """Score predictions, gaps, or both against the truth of a simulated city.

    Parameters
    ----------
    truth
        From :attr:`City.truth` or :func:`read_truth`.
    scores
        In the shape of table `scores`: `grid_id`, `as_of`, `target`, `probability`. Rows of nights the truth does not speak of
        are left out.
    gaps
        In the shape of table `gaps`; all nights together.
    targets
        Your name of a target to the truth's, where they differ.
    nights
        Nights on which gaps were looked for, also those on which none was found; by default those in `gaps`.

    Returns
    -------
    tables
        With scores: `prediction` (one row a target), `bands` (one a target and band). With gaps: `gaps` (one a kind), `silence`
        (G01 by true factor), `suppression`.

    Raises
    ------
    DataError
        Neither scores nor gaps is given, or no row of the scores meets the truth.
    """
    if scores is None and gaps is None:
        raise DataError("give scores, gaps, or both.")
    tables: dict[str, pd.DataFrame] = {}
    if scores is not None:
        met = _meet(truth["prob"], scores, targets or {})
        tables |= {"prediction": prediction_table(met), "bands": band_table(met)}
    if gaps is not None:
        tables |= _gap_tables(truth, gaps, nights)
    return tables


def _gap_tables(
    truth: Mapping[str, pd.DataFrame], gaps: pd.DataFrame, nights: Sequence[object] | None
) -> dict[str, pd.DataFrame]:
    listed = _listed(gaps)
    looked = gaps["as_of"].unique() if nights is None else [pd.Timestamp(night) for night in nights]
    when = pd.DatetimeIndex(sorted(looked))
    n_grids = (
        truth["prob"].groupby("as_of")["grid_id"].nunique().max() if len(truth["prob"]) else len(truth["coverage"])
    )
    return {
        "gaps": gap_table(truth["gap"], listed, when, n_grids=int(n_grids)),
        "silence": silence_table(truth["gap"], listed, when),
        "suppression": suppression_table(truth["feed"], listed),
    }


def _meet(prob: pd.DataFrame, scores: pd.DataFrame, targets: Mapping[str, str]) -> pd.DataFrame:
    mine = scores.loc[scores["probability"].notna(), ["grid_id", "as_of", "target", "probability"]]
    mine = mine.assign(
        target=mine["target"].replace(dict(targets)), as_of=mine["as_of"].dt.tz_convert("UTC").dt.as_unit("us")
    )
    true = prob[prob["n"].notna()]
    true = true.assign(as_of=true["as_of"].dt.tz_convert("UTC").dt.as_unit("us")).rename(
        columns={"probability": "oracle", "probability_known": "informed"}
    )
    met = true.merge(mine, on=["grid_id", "as_of", "target"])
    if met.empty:
        asked, known = sorted(scores["target"].unique()), sorted(prob["target"].unique())
        raise DataError(
            f"no score meets the truth: targets are {asked}, the truth knows {known} on Mondays; name yours with targets={{...}}."
        )
    return met


def prediction_table(met: pd.DataFrame) -> pd.DataFrame:
    """One row a target: how the scores rank and how true they are, beside both oracles.

    Columns: `prevalence` · `ap`, `auc` · `capture_…` events in the top share of each night's grids · `pai_5` capture over
    share · `of_oracle`, `of_informed` capture at 5 % as a share of that of one who knows everything, or all that left a
    record · `brier` · `ece` mean gap to outcomes over tenths · `rmse_true` root mean square gap to the true probability ·
    `bias_true` mean score minus mean true probability.
    """
    return pd.DataFrame([{"target": name, **_prediction(rows)} for name, rows in met.groupby("target", sort=True)])


def _prediction(rows: pd.DataFrame) -> dict[str, float]:
    y, p, n = (rows["n"] > 0).to_numpy(float), rows["probability"].to_numpy(float), rows["n"].to_numpy(float)
    top = {f"capture_{share:g}": capture(rows, "probability", share) for share in SHARES}
    best, informed = capture(rows, "oracle", 0.05), capture(rows, "informed", 0.05)
    oracle = rows["oracle"].to_numpy(float)
    return {
        "nights": rows["as_of"].nunique(),
        "prevalence": y.mean(),
        "ap": average_precision(y, p),
        "auc": _auc(y, p),
        **top,
        "pai_5": top["capture_0.05"] / 0.05,
        "oracle_capture": best,
        "informed_capture": informed,
        "of_oracle": top["capture_0.05"] / best,
        "of_informed": top["capture_0.05"] / informed,
        "brier": float(np.mean((p - y) ** 2)),
        "brier_oracle": float(np.mean((oracle - y) ** 2)),
        "ece": calibration_error(p, y),
        "rmse_true": float(np.sqrt(np.mean((p - oracle) ** 2))),
        "bias_true": float(np.mean(p - oracle)),
        "mean_n": n.mean(),
    }


def capture(rows: pd.DataFrame, by: str, share: float) -> float:
    """Events in the top `share` of grids of each night, over all events; ties in the order of grid_id."""
    order = rows.sort_values(["as_of", by, "grid_id"], ascending=[True, False, True], kind="stable")
    place = order.groupby("as_of").cumcount()
    size = order.groupby("as_of")["n"].transform("size")
    listed = place < np.round(share * size).clip(lower=1)
    total = float(order["n"].sum())
    return float(order.loc[listed, "n"].sum()) / total if total else float("nan")


def average_precision(y: np.ndarray, p: np.ndarray) -> float:
    """Mean precision at the positives, ties as one step; nan without a positive.

    Examples
    --------
    >>> average_precision(np.array([1.0, 0.0, 1.0]), np.array([0.9, 0.5, 0.1]))
    0.8333333333333333
    """
    order = np.argsort(-p, kind="stable")
    hits, at = np.cumsum(y[order]), p[order]
    last = np.append(at[1:] != at[:-1], True) if len(at) else np.zeros(0, bool)
    hits, listed = hits[last], (np.arange(len(at)) + 1)[last]
    total = y.sum()
    return float((np.diff(hits, prepend=0) * hits / listed).sum() / total) if total else float("nan")


def _auc(y: np.ndarray, p: np.ndarray) -> float:
    rank = pd.Series(p).rank().to_numpy()
    ones, zeros = y.sum(), (1 - y).sum()
    return float((rank[y > 0].sum() - ones * (ones + 1) / 2) / (ones * zeros)) if ones and zeros else float("nan")


def calibration_error(p: np.ndarray, y: np.ndarray, *, bins: int = 10) -> float:
    """Expected calibration error over bins of equal size: mean absolute gap of score and outcome, weighted by size."""
    tenth = np.argsort(np.argsort(p, kind="stable"), kind="stable") * bins // max(len(p), 1)
    mean = pd.DataFrame({"bin": tenth, "gap": p - y}).groupby("bin")["gap"].agg(["mean", "size"])
    return float((mean["mean"].abs() * mean["size"]).sum() / mean["size"].sum())


def band_table(met: pd.DataFrame) -> pd.DataFrame:
    """One row a target and band of rank: grids a night, mean score, share that came true, mean true probability."""
    order = met.sort_values(
        ["target", "as_of", "probability", "grid_id"], ascending=[True, True, False, True], kind="stable"
    )
    group = order.groupby(["target", "as_of"])
    place = (group.cumcount() / group["n"].transform("size")).to_numpy()
    edges = [low for low, _ in BANDS.values()][1:]
    band = pd.Categorical.from_codes(np.searchsorted(edges, place, side="right"), list(BANDS), ordered=True)
    banded = order.assign(band=band, y=(order["n"] > 0).astype(float)).groupby(["target", "band"], observed=True)
    table = banded.agg(
        n=("y", "size"),
        mean_score=("probability", "mean"),
        observed=("y", "mean"),
        mean_true=("oracle", "mean"),
        nights=("as_of", "nunique"),
    )
    return table.assign(grids=table["n"] / table["nights"]).drop(columns=["n", "nights"]).reset_index()


def same_scope(scope: pd.Series) -> pd.Series:
    """Scopes in one spelling: separators and the order of a pair do not matter.

    Examples
    --------
    >>> same_scope(pd.Series(["pair:B|A", "feed:hotline:99"])).tolist()
    ['pair:A/B', 'feed:99/hotline']
    """
    made = {s: _spelled(s) for s in scope.unique()}
    return scope.map(made)


def _spelled(scope: str) -> str:
    head, _, rest = scope.partition(":")
    return head + ":" + "/".join(sorted(t for t in re.split(r"[^\w.-]+", rest) if t))


def _listed(gaps: pd.DataFrame) -> pd.DataFrame:
    """Open, unsuppressed rows: kind, scope in one spelling, as_of, strength; a scope once a night."""
    shown = gaps[gaps["state"] == "open"] if "state" in gaps else gaps
    if "suppressed_by" in shown:
        shown = shown[shown["suppressed_by"].isna()]
    strength = shown["severity"].astype(float) * shown["confidence"].astype(float).clip(lower=1e-3)
    made = shown[["kind", "scope", "as_of"]].assign(scope=same_scope(shown["scope"]), strength=strength)
    return made.sort_values("strength", ascending=False, kind="stable").drop_duplicates(["kind", "scope", "as_of"])


def _true_nights(gap: pd.DataFrame, nights: pd.DatetimeIndex) -> pd.DataFrame:
    """One row a spell and night on which it is there to be found: from_at < as_of <= to_at."""
    first = nights.searchsorted(gap["from_at"], side="right")
    last = np.maximum(nights.searchsorted(gap["to_at"], side="right"), first)
    times = last - first
    row = np.repeat(np.arange(len(gap)), times)
    at = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + first[row]
    return pd.DataFrame(
        {
            "spell": row,
            "as_of": nights[at],
            "kind": gap["kind"].to_numpy()[row],
            "scope": same_scope(gap["scope"]).to_numpy()[row],
        }
    )


def _matched(gap: pd.DataFrame, listed: pd.DataFrame, nights: pd.DatetimeIndex) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Listed rows with `hit`, and pairs of listed row and the spell it met."""
    gap = gap.reset_index(drop=True)
    there = _true_nights(gap, nights)
    other = gap[gap["alias"] != ""]
    alias = _true_nights(other.assign(scope=other["alias"]), nights)
    alias["spell"] = other.index.to_numpy()[alias["spell"]]
    listed = listed.assign(row=np.arange(len(listed)))
    met = listed.merge(pd.concat([there, alias], ignore_index=True), on=["kind", "scope", "as_of"])
    return listed.assign(hit=listed["row"].isin(met["row"])), met


def gap_table(gap: pd.DataFrame, listed: pd.DataFrame, nights: pd.DatetimeIndex, *, n_grids: int) -> pd.DataFrame:
    """One row a kind that has truth or was listed.

    Columns: `spells` there to be found on some night · `listed` rows · `precision` rows that point at a spell · `recall` spells
    listed on some night · `f1` · `ap` average precision over rows by severity times confidence, against all true scope-nights ·
    `days_to_detect` median from the later of onset and the first night to the first listing · `false_per_1000_grid_nights`.
    """
    kinds = sorted(set(gap["kind"]) | set(listed["kind"]))
    rows = [
        _gap_row(k, gap[gap["kind"] == k].reset_index(drop=True), listed[listed["kind"] == k], nights, n_grids)
        for k in kinds
    ]
    return pd.DataFrame(rows)


def _gap_row(
    kind: str, gap: pd.DataFrame, listed: pd.DataFrame, nights: pd.DatetimeIndex, n_grids: int
) -> dict[str, object]:
    listed, met = _matched(gap, listed, nights)
    there = _true_nights(gap, nights)
    spells, met_spells = there["spell"].nunique(), met["spell"].nunique()
    precision = float(listed["hit"].mean()) if len(listed) else float("nan")
    recall = met_spells / spells if spells else float("nan")
    f1 = (
        2 * precision * recall / (precision + recall)
        if precision + recall > 0
        else 0.0
        if len(listed) and spells
        else float("nan")
    )
    false = int((~listed["hit"]).sum())
    return {
        "kind": kind,
        "spells": spells,
        "listed": len(listed),
        "precision": precision,
        "recall": recall,
        "f1": f1,
        "ap": _listing_ap(listed, len(there[["scope", "as_of"]].drop_duplicates())),
        "days_to_detect": _delay(gap, met, nights),
        "false_per_1000_grid_nights": 1000 * false / (n_grids * max(len(nights), 1)),
    }


def _listing_ap(listed: pd.DataFrame, n_true: int) -> float:
    if not n_true:
        return float("nan")
    order = listed.sort_values("strength", ascending=False, kind="stable")
    hit = order["hit"].to_numpy(float)
    return min(float((hit * np.cumsum(hit) / (np.arange(len(hit)) + 1)).sum() / n_true), 1.0)


def _delay(gap: pd.DataFrame, met: pd.DataFrame, nights: pd.DatetimeIndex) -> float:
    if met.empty:
        return float("nan")
    first = met.groupby("spell")["as_of"].min()
    onset = gap["from_at"].loc[first.index]
    late = first - onset.where(onset > nights[0], nights[0])
    return float((late / pd.Timedelta(days=1)).median())


def silence_table(gap: pd.DataFrame, listed: pd.DataFrame, nights: pd.DatetimeIndex) -> pd.DataFrame:
    """G01 by true factor (0 is total silence): `spells`, `recall`, `days_to_detect`."""
    silent = gap[gap["kind"] == "G01"]
    rows = []
    for factor, some in silent.groupby("strength", sort=True):
        row = _gap_row("G01", some.reset_index(drop=True), listed[listed["kind"] == "G01"], nights, 1)
        rows.append({"factor": factor, **{k: row[k] for k in ("spells", "recall", "days_to_detect")}})
    return pd.DataFrame(rows, columns=["factor", "spells", "recall", "days_to_detect"])


def suppression_table(feed: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Silent-grid alarms raised while the county's grid reports truly stood still: `alarms`, `in_outage`, `share` (best 0)."""
    alarms = listed[(listed["kind"] == "G01") & listed["scope"].str.startswith("grid:")]
    stopped = feed[feed["kind"].isin(["outage", "backlog"]) & (feed["source"] == "grid_report")]
    county = alarms["scope"].str[5:11] + "000000"
    inside = np.zeros(len(alarms), bool)
    for spell in stopped.itertuples():
        inside |= (
            (county == spell.org_code) & (alarms["as_of"] > spell.from_at) & (alarms["as_of"] <= spell.to_at)
        ).to_numpy()
    n = len(alarms)
    return pd.DataFrame(
        {"alarms": [n], "in_outage": [int(inside.sum())], "share": [inside.mean() if n else float("nan")]}
    )
