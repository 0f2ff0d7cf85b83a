"""What changed since yesterday: who entered, left and stayed, and what moved each score, in parts that add up exactly.

The score is evaluated along one fixed path from the night before to this night, one thing at a time::

    yesterday ─ aged_out ─ new_events ─ neighbours ─ city ─ calendar ─ model ─ today

Each part is the difference between two neighbouring steps, so the parts sum to the whole change whatever the model does between
its inputs. In another order the parts would differ; the sum would not.
"""

import itertools

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.explanation.rows import features_at
from riskwarn.feature import Feature
from riskwarn.history import History
from riskwarn.language import Spoken, listed, phrase
from riskwarn.model import RiskModel
from riskwarn.store import Store

PARTS = {
    "aged_out": phrase("older events ageing out"),
    "new_events": phrase("new events"),
    "neighbours": phrase("neighbouring grids"),
    "city": phrase("the level of the city"),
    "calendar": phrase("time of year"),
    "model": phrase("the new model"),
}
"""Parts of a change, in the order of the path, in words."""


@checked
def changes(
    store: Store | History,
    model: RiskModel,
    as_of: object,
    *,
    since: object = None,
    before: RiskModel | None = None,
    capacity: int = 50,
) -> pd.DataFrame:
    """How each grid's score and rank moved between two nights, and what moved them.

    Parameters
    ----------
    store
        The city, or its history.
    model
        The model of the later night.
    as_of, since
        The two nights; `since` is the day before by default.
    before
        The model of the earlier night; the same by default.
    capacity
        Length of the list.

    Returns
    -------
    changes
        One row a grid scored on both nights, by rank: `status` (entered, left, stayed, off: beside the list on both), `rank_before`,
        `rank`, `moved` (places, up is positive), `expected_before`, `expected`, `change` of the log of the expected count; one column
        a part, summing to `change`, and one ``places_…``, summing to `moved`. `aged_out` is the passing of time over what was known
        at the earlier night; `new_events` what became known since; `neighbours` all features of the grids around; `city` the totals of
        the whole city; `calendar` the date.

    Raises
    ------
    DataError
        `since` is not before `as_of`, or `capacity` is below 1.
    """
    now, then = _histories(store, as_of, since)
    at, past = _instant(now, as_of), _instant(now, since, default=as_of)
    if capacity < 1 or past >= at:
        raise DataError(
            f"changes: wanted a capacity of at least 1 and `since` before `as_of`, got {capacity}, {past} and {at}."
        )
    steps = _path(now, then, before or model, at, past)
    margins = {name: (before or model).margin(step) for name, step in steps.items()}
    grids = steps["calendar"].index
    margins["model"] = model.margin(features_at(now, model.features, at).loc[grids])
    expected = {
        "expected_before": (before or model).calibration.of_rate(margins["start"]),
        "expected": model.calibration.of_rate(margins["model"]),
    }
    return _told(grids, margins, expected, capacity)


def _histories(store: Store | History, as_of: object, since: object) -> tuple[History, History]:
    """The history over the grids of each night; one and the same where the grids did not change."""
    if isinstance(store, History):
        return store, store
    now = History.load(store, as_of=as_of)
    past = _instant(now, since, default=as_of)
    same = store.grids(past).equals(store.grids(as_of))
    return now, now if same else History.load(store, as_of=past)


def _instant(history: History, at: object, *, default: object = None) -> pd.Timestamp:
    """An instant on the city's clock; without `at` the day before `default`."""
    if at is None:
        return _instant(history, default) - pd.DateOffset(days=1)
    instant = pd.Timestamp(at)
    return instant.tz_localize(history.timezone) if instant.tzinfo is None else instant.tz_convert(history.timezone)


def _path(
    now: History, then: History, model: RiskModel, at: pd.Timestamp, past: pd.Timestamp
) -> dict[str, pd.DataFrame]:
    """The features at each step, of the grids of both nights; each step takes over one group of columns."""
    start = features_at(then, model.features, past)
    aged = features_at(now.known_before(past), model.features, at)
    end = features_at(now, model.features, at)
    grids = end.index.intersection(start.index)
    group = {f.name: _group(f) for f in model.features}
    steps, current = {"start": start.loc[grids]}, start.loc[grids]
    for part, source, wanted in (
        ("aged_out", aged, "own"),
        ("new_events", end, "own"),
        ("neighbours", end, "neighbours"),
        ("city", end, "city"),
        ("calendar", end, "calendar"),
    ):
        columns = [name for name in current if group[name] == wanted]
        current = current.assign(**{name: source.loc[grids, name] for name in columns})
        steps[part] = current
    return steps


def _group(feature: Feature) -> str:
    if feature.around:
        return "city" if feature.around == "city" else "neighbours"
    return "calendar" if feature.dated else "own"


def _told(
    grids: pd.Index, margins: dict[str, np.ndarray], expected: dict[str, np.ndarray], capacity: int
) -> pd.DataFrame:
    ranks = {name: _rank(margin) for name, margin in margins.items()}
    names = list(margins)
    first, last = margins["start"], margins["model"]
    was, on = ranks["start"] <= capacity, ranks["model"] <= capacity
    table = pd.DataFrame(
        {
            "grid_id": grids.to_numpy(),
            "status": np.select([on & ~was, was & ~on, on], ["entered", "left", "stayed"], "off"),
            "rank_before": ranks["start"],
            "rank": ranks["model"],
            "moved": ranks["start"] - ranks["model"],
            **expected,
            "change": last - first,
        }
    )
    for earlier, part in itertools.pairwise(names):
        table[part] = margins[part] - margins[earlier]
    for earlier, part in itertools.pairwise(names):
        table[f"places_{part}"] = ranks[earlier] - ranks[part]
    return table.sort_values("rank", ignore_index=True)


def _rank(margin: np.ndarray) -> np.ndarray:
    """1 is the riskiest; ties in the order of the grids, as :func:`riskwarn.score` breaks them."""
    order = np.argsort(-margin, kind="stable")
    rank = np.empty(len(margin), dtype=np.int64)
    rank[order] = np.arange(1, len(margin) + 1)
    return rank


_STATUS = {
    "entered": phrase("Entered the list"),
    "left": phrase("Left the list"),
    "stayed": phrase("Stayed on the list"),
    "off": phrase("Not on the list"),
}
_MOVES = {
    "up": phrase("up from rank {before} to {now}"),
    "down": phrase("down from rank {before} to {now}"),
    "same": phrase("still at rank {now}"),
}
LEAST_PERCENT = 1
"""Parts that move the expected count by less are not said."""


@checked
def change_sentences(changed: pd.DataFrame, language: str) -> pd.Series:
    """Each row of :func:`changes` as a sentence: status, move, and the parts that matter, the greatest first.

    A part is said as a percentage: how much it alone, in its place on the path, changed the expected count.

    Parameters
    ----------
    changed
        Rows of :func:`changes`.
    language
        ``zh``, ``en``, or another there is a catalogue of.

    Returns
    -------
    sentences
        One a row, with the index of `changed`.

    Examples
    --------
    >>> one = pd.DataFrame({"status": ["entered"], "rank_before": [31], "rank": [4], "aged_out": [-0.05], "new_events": [0.62],
    ...                     "neighbours": [0.0], "city": [0.0], "calendar": [0.0], "model": [0.0]})
    >>> change_sentences(one, "en").iloc[0]
    'Entered the list, up from rank 31 to 4: new events +86 %, older events ageing out −5 %'
    >>> change_sentences(one, "zh").iloc[0]
    '新进清单，由第31位升至第4位：新增事件使预期起数+86%，较早事件移出统计期使预期起数−5%'
    """
    return pd.Series([_sentence(row, language) for row in changed.to_dict("records")], index=changed.index, dtype="str")


def _sentence(row: dict[str, float], language: str) -> str:
    before, now = int(row["rank_before"]), int(row["rank"])
    move = _MOVES["same" if before == now else "up" if now < before else "down"].filled(before=before, now=now)
    percents = {part: round(100 * float(np.expm1(row[part]))) for part in PARTS}
    said = [p for p in sorted(PARTS, key=lambda p: -abs(row[p])) if abs(percents[p]) >= LEAST_PERCENT]
    opening = phrase("{status}, {move}", status=_STATUS[str(row["status"])], move=move)
    if not said:
        return phrase("{opening}, its score almost unchanged", opening=opening)[language]
    parts = listed([_part(p, percents[p]) for p in said], "clauses")
    return phrase("{opening}: {parts}", opening=opening, parts=parts)[language]


def _part(part: str, percent: int) -> Spoken:
    signed = f"{'+' if percent > 0 else '−'}{abs(percent)}"
    return phrase("{part} {change} %", part=PARTS[part], change=signed)
