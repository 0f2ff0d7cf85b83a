"""Monitoring: what of tonight is unlike what came before, in the feeds and in the scores; each night, before anyone reads the list.

A gap says where the centre is blind; a monitor says that the data or the model changed. It changes no score and closes no list.

===========  ==============================  ==============================================================================
monitor      scope                           value, and what is usual
===========  ==============================  ==============================================================================
volume       feed, feed/category             -log10 p of its oddest one, three, five or seven days among all feeds and categories;
                                             warn and alarm are passed by chance one night in a month and one in a year; a feed
                                             that has stopped is told by its habit before the silence, as long as it is silent; a feed that
                                             comes in lumps by its deliveries
volume       feed/county:…                   the same of each county, where there are several
recording    feed@grid:A>B, feed@grid:A,     records that moved to another grid, large grids that turned, categories that changed their code,
             feed@x>y, feed@reporting        more reporting without more incidents; of the city, and of a county
volume       feed@copies                     the same of the share of the day's records that repeat another one
category     feed@unknown, feed@new          share of the week's records without a category, and in new ones
feature      every feature                   population stability against the training time
score        score                           the same of the log of the expected count
rank         order, list                     1 - rank correlation with the night before, 1 - overlap of the riskiest tenth
calibration  count, probability              abs(log(events / forecast)) of the newest settled date, calibration error of the settled ones
===========  ==============================  ==============================================================================

Drifts of features, scores, ranks and calibration warn above the largest one within the training time, and alarm above 2.5 times that. Of a
model that forecasts the level of the city, the count warns above twice what the model says it is commonly off, where that is less.

::

    mark ─┬ tally ─ volume ─┬ category
          │                 └ recording
          ├ drift ── usual
          └ phrases
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.monitoring.category import category_marks
from riskwarn.monitoring.drift import (
    ONE_DAY,
    calibration_marks,
    drift_marks,
    panels_of,
    rank_marks,
    settling_dates,
    training_dates,
)
from riskwarn.monitoring.mark import COLUMNS, STATES, counts, summary, worst
from riskwarn.monitoring.phrases import in_words
from riskwarn.monitoring.recording import recording_marks
from riskwarn.monitoring.tally import tallies
from riskwarn.monitoring.usual import Memory, Usual
from riskwarn.monitoring.volume import flows, replay, volume_marks
from riskwarn.store import Store

__all__ = [
    "COLUMNS",
    "STATES",
    "check",
    "check_all",
    "check_feeds",
    "counts",
    "in_words",
    "replay",
    "summary",
    "worst",
]


@checked
def check(store: Store | History, model: RiskModel | None, as_of: object) -> pd.DataFrame:
    """All monitors of one night, the loudest first.

    Parameters
    ----------
    store
        Where the events are, or their history.
    model
        The model of the night; without one only the feeds are looked at.
    as_of
        The night: a date means its local midnight. Nothing known later is used.

    Returns
    -------
    marks
        Table `marks` (:data:`riskwarn.schema.MARKS`), one row a monitor and scope: `state` (``ok``, ``unknown``, ``warn``, ``alarm``), `fault`, `observed`, `expected`, `days`, and `value`
        with its limits `warn` and `alarm`. :func:`in_words` says them in a sentence.

    Raises
    ------
    StaleDataError
        The night lies after the data.
    DataError
        Nothing was known at `as_of`.

    Examples
    --------
    >>> at = pd.date_range("2024-01-01", periods=100, tz="Asia/Shanghai").as_unit("us")
    >>> events = pd.DataFrame({"source": "hotline", "event_id": at.strftime("%j"), "known_at": at, "occurred_at": at,
    ...                        "grid_id": "G1", "category": "noise"})
    >>> history = History.of(events, pd.DataFrame({"grid_id": ["G1"], "valid_from": at[:1]}))
    >>> check(history, None, "2024-04-10")["state"].value_counts().to_dict()
    {'ok': 5}
    """
    history = store if isinstance(store, History) else History.load(store, as_of=as_of)
    return check_all(history, [] if model is None else [model], as_of)


@checked
def check_all(
    history: History, models: Sequence[RiskModel], as_of: object, *, store: Store | None = None
) -> pd.DataFrame:
    """The monitors of a night of several questions: feeds once, a feature that several models read once, and the scores of each model.

    Parameters
    ----------
    history
        What was known.
    models
        Those of the night; none where only feeds are looked at.
    as_of
        The night.
    store
        The city's, whose lock is held: what was usual is kept there between nights (:class:`riskwarn.monitoring.usual.Memory`).

    Returns
    -------
    marks
        As :func:`check`; `target` names the model, empty for feeds.

    Raises
    ------
    StaleDataError, DataError
        As :func:`check`.
    """
    tables = [check_feeds(history, as_of).assign(target="")]
    tables += _checked(history, models, as_of, Memory(store, history)) if models else []
    table = pd.concat(tables, ignore_index=True)
    order = table.assign(
        loud=[-STATES.index(s) for s in table["state"]], odd=-(table["value"] / table["alarm"]).replace(np.inf, np.nan)
    )
    sorted_table = table.loc[order.sort_values(["loud", "odd", "scope"], kind="stable").index].reset_index(drop=True)
    sorted_table.insert(0, "as_of", history.at([as_of]).local[0])
    return sorted_table[["as_of", "target", *COLUMNS]]


@checked
def check_feeds(history: History, as_of: object) -> pd.DataFrame:
    """Volume, recording and categories of every feed, of the city and of its counties.

    Parameters
    ----------
    history
        The city's records.
    as_of
        The night; a date means its local midnight.

    Returns
    -------
    marks
        One row a monitor and feed: `state`, `value`, and the limits it was held against (`warn`, `alarm`).

    Raises
    ------
    DataError
        Nothing was known then.
    """
    snapshot = history.at([as_of])
    counted = list(tallies(history, int(snapshot.micros[0])))
    feeds = list(flows(history, int(snapshot.micros[0]), counted))
    if not feeds:
        raise DataError(
            f"nothing was known at {snapshot.local[0]:%Y-%m-%d}: there is no feed to look at; choose a later date."
        )
    changed = recording_marks(history, counted)
    tables = [volume_marks(feeds), *([changed] if len(changed) else []), category_marks(feeds)]
    return pd.concat(tables, ignore_index=True)


def _checked(history: History, models: Sequence[RiskModel], as_of: object, memory: Memory) -> Iterator[pd.DataFrame]:
    """What the monitors of scores say of each model; features that an earlier one reads are not looked at again."""
    at = history.at([as_of]).local[0]
    looked, recent = _looked_at(models), [settling_dates(model, at, history.timezone) for model in models]
    known = _usual(history, models, looked, memory)
    panels = panels_of(history, [{at - ONE_DAY, at, *settling} for settling in recent], models)
    for model, names, usual, settling, days in zip(models, looked, known, recent, panels, strict=True):
        yield _score_marks(names, usual, settling, days, at, model).assign(target=model.label.name)


def _usual(
    history: History, models: Sequence[RiskModel], looked: Sequence[Sequence[str]], memory: Memory
) -> list[Usual]:
    """What was usual in the training time of each model, as it was kept; what was not, is worked out and kept."""
    trained = [training_dates(model, history.timezone) for model in models]
    known = [memory.recall(*of_model) for of_model in zip(models, looked, trained, strict=True)]
    left: dict[tuple[pd.Timestamp, ...], list[int]] = {}
    for number, (dates, usual) in enumerate(zip(trained, known, strict=True)):
        if usual is None:
            left.setdefault(tuple(dates), []).append(number)
    # dates of one training time together and apart from all others: a fading count's last bit hangs on the dates it is made with
    for dates, numbers in left.items():
        wanted = [{*dates, *(d + ONE_DAY for d in dates)}] * len(numbers)
        panels = panels_of(history, wanted, [models[n] for n in numbers]) if dates else iter([{}] * len(numbers))
        for number, days in zip(numbers, panels, strict=True):
            usual = known[number] = Usual.of(looked[number], dates, days)
            memory.keep(models[number], looked[number], trained[number], usual)
    return [usual for usual in known if usual is not None]


def _looked_at(models: Sequence[RiskModel]) -> list[list[str]]:
    """Of each model the features that no earlier one reads."""
    seen: set[str] = set()
    looked = []
    for model in models:
        looked.append([name for name in model.feature_names if name not in seen])
        seen.update(looked[-1])
    return looked


def _score_marks(
    names: list[str],
    known: Usual,
    recent: list[pd.Timestamp],
    days: dict[pd.Timestamp, pd.DataFrame],
    at: pd.Timestamp,
    model: RiskModel,
) -> pd.DataFrame:
    usual = [*known.days.values()]
    pairs = [*zip(usual, known.next_days.values(), strict=True)]
    return pd.concat(
        [
            drift_marks(names, usual, days[at], apart=known.apart),
            rank_marks(pairs, (days[at - ONE_DAY], days[at])),
            calibration_marks(
                [d.dropna(subset=["y"]) for d in usual],
                [days[d].dropna(subset=["y"]) for d in recent],
                days=model.label.days,
                doubt=model.tide.variance if model.tide.weights else np.inf,
            ),
        ],
        ignore_index=True,
    )
