"""A backtest of lists: the nights of the past replayed with models that knew only what was known then, each night knowing the lists before it.

A score can be good and its list useless, because a reader knows every line of it. So a list is judged by what a reader gets: how many
lines are new, how many come true, how early, and what share of the events they hold, beside plain lists of the same length.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from riskwarn.baseline import settled
from riskwarn.calling import checked
from riskwarn.errors import DefinitionError
from riskwarn.experiment import Experiment
from riskwarn.gaps import Evidence
from riskwarn.history import History
from riskwarn.label import Label
from riskwarn.lane import Memory, Night, list_night, triggered
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel
from riskwarn.plan import Mode, Plan
from riskwarn.scoring import score
from riskwarn.split import known_before
from riskwarn.store import Store

UNSEEN_DAYS = 28
"""A line is new to a reader who has not seen its place for so long."""
COUNT_LIST, MODEL_LIST, WHOLE = "top of 52 weeks", "top of the first model", "list in lanes"
_NO_RULES = ("grid_id", "rule", "level", "source", "event_id")


@dataclass(frozen=True, eq=False)
class ListReport:
    """What the replay of a plan found.

    Attributes
    ----------
    entries
        One row a list, night and grid: `list` (a lane, ``list in lanes`` for all of them, or a plain list), `as_of`, `grid_id`, `unseen`
        (not on that list, of lanes not on any of them, in the 28 days before), `n_events` of the first question within its horizon, `rises` (whether
        an emergence question came true, where one is asked) and `lead_days` (days from the first night of its unbroken time on the list to the
        first event from then on; NaN where that took longer than the horizon). So every line of such a time has the lead of its first.
    alerts
        Table `alerts` of all nights, as they would have been published but for reasons and gaps.
    n_events, n_rises
        Events and rises of all grids and nights together.
    """

    entries: pd.DataFrame
    alerts: pd.DataFrame
    n_events: float
    n_rises: float

    @cached_property
    def table(self) -> pd.DataFrame:
        """One row a list: entries a night, shares that are new, that had an event, that rose (both of the settled), capture of events and of rises, mean lead in days."""
        by = self.entries.groupby("list", sort=False)
        nights = self.entries["as_of"].nunique()
        return pd.DataFrame(
            {
                "entries_a_night": by.size() / nights,
                "unseen_28": by["unseen"].mean(),
                "hit": by["n_events"].agg(lambda n: float((n.dropna() > 0).mean())),
                "capture": by["n_events"].sum() / max(self.n_events, 1.0),
                "rise": by["rises"].mean(),
                "rises_caught": by["rises"].sum() / max(self.n_rises, 1.0),
                "lead_days": by["lead_days"].mean(),
            }
        ).rename_axis(index=None)

    def __repr__(self) -> str:
        """The table, as text."""
        return self.table.round(3).to_string()


@checked
def backtest_plan(
    store: Store | History, plan: Plan, experiments: Sequence[Experiment], *, mode: Mode | None = None
) -> ListReport:
    """Replay the nights of a plan over the test dates of its first question, and judge its lists.

    Parameters
    ----------
    store
        The city, or its history.
    plan
        Lanes, capacity, hysteresis.
    experiments
        One for each question of the plan; the dates and folds of the first question's hold for all.
    mode
        How the centre works; normal by default.

    Returns
    -------
    report
        Beside the lanes the two plain lists of the same capacity: the most events of 52 weeks, and the first model's riskiest grids.

    Raises
    ------
    DefinitionError
        A question has no experiment.
    LabelError
        A fold has nothing to learn from.
    """
    history = store if isinstance(store, History) else History.load(store)
    asked = _asked(plan, experiments)
    panels = {target: build_panel(history, experiment) for target, experiment in asked.items()}
    at_work = mode or plan.modes.normal
    alerts: dict[pd.Timestamp, pd.DataFrame] = {}
    lines: list[pd.DataFrame] = []
    for at, scores in _nights(history, asked, panels):
        alerts[at] = _list(history, plan, at_work, at, scores, {t: e.label for t, e in asked.items()}, alerts)
        lines.append(_lines(alerts[at], scores, panels[plan.targets[0]], at, at_work.capacity))
    entries = pd.concat(lines, ignore_index=True)
    return _judged(entries, _together(alerts), history, asked, panels)


def _together(alerts: Mapping[pd.Timestamp, pd.DataFrame]) -> pd.DataFrame:
    """The alerts of all nights in one table."""
    tables = list(alerts.values())
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def _asked(plan: Plan, experiments: Sequence[Experiment]) -> dict[str, Experiment]:
    """The experiment of each question, over the dates and folds of the first."""
    by_label = {experiment.label.name: experiment for experiment in experiments}
    lacking = [target for target in plan.targets if target not in by_label]
    if lacking:
        raise DefinitionError(f"question {lacking[0]!r} of the plan has no experiment; given: {', '.join(by_label)}.")
    first = by_label[plan.targets[0]]
    return {t: dataclasses.replace(by_label[t], dates=first.dates, folds=first.folds) for t in plan.targets}


def _nights(
    history: History, asked: Mapping[str, Experiment], panels: Mapping[str, pd.DataFrame]
) -> Iterator[tuple[pd.Timestamp, pd.DataFrame]]:
    """Each test date with the scores of all questions by models trained before its fold."""
    folds = next(iter(asked.values())).folds
    whole = settled(next(iter(panels.values())))
    dates = pd.DatetimeIndex(sorted(whole["as_of"].unique()))
    tested = dates[-folds.n_folds * folds.test_dates :]
    for first in range(0, len(tested), folds.test_dates):
        chunk = tested[first : first + folds.test_dates]
        models = {target: _trained(experiment, panels[target], chunk[0]) for target, experiment in asked.items()}
        for at in chunk:
            yield at, pd.concat([_scores(history, m, panels[t], at) for t, m in models.items()], ignore_index=True)


def _trained(experiment: Experiment, panel: pd.DataFrame, at: pd.Timestamp) -> RiskModel:
    """The model of a question from the dates whose outcomes were known at `at`."""
    rows = settled(panel)
    label = experiment.label
    known = known_before(pd.DatetimeIndex(rows["as_of"]), at, horizon_days=label.days, settle_days=label.settle_days)
    return RiskModel.of(experiment).fit(rows[known])


def _scores(history: History, model: RiskModel, panel: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """Of one question and night; where the question arises is asked of what was known, as the night does, since an outcome may be missing for what came later."""
    night = panel[panel["as_of"] == at].reset_index(drop=True)
    arises = model.label.arises(history.at([at]))[:, 0]
    return score(model, night, asked=None if arises.all() else arises)


def _list(
    history: History,
    plan: Plan,
    mode: Mode,
    at: pd.Timestamp,
    scores: pd.DataFrame,
    labels: Mapping[str, Label],
    earlier: Mapping[pd.Timestamp, pd.DataFrame],
) -> pd.DataFrame:
    """The alerts of one night, which knows those before it."""
    ruled = pd.DataFrame({name: pd.Series(dtype="str") for name in _NO_RULES})
    if plan.triggers.rules:
        ruled = triggered(Evidence(history, at), plan.triggers)
    memory = Memory.of(earlier, at)
    night = Night(at, history.grids, scores, labels, ruled, memory, history.neighbors())
    return list_night(night, plan, mode).alerts


def _lines(
    alerts: pd.DataFrame, scores: pd.DataFrame, panel: pd.DataFrame, at: pd.Timestamp, capacity: int
) -> pd.DataFrame:
    """The lines of each list of a night: of the lanes, of all of them, and of the plain lists."""
    grid_ids = alerts["grid_ids"].astype("str").str.split()
    lines = pd.DataFrame({"list": alerts["lane"], "grid_id": grid_ids}).explode("grid_id").astype({"grid_id": "str"})
    whole = lines.drop_duplicates("grid_id").assign(list=WHOLE)
    night = panel[panel["as_of"] == at].astype({"grid_id": "str"})
    count = night.sort_values(["prior_52w", "grid_id"], ascending=[False, True])["grid_id"].head(capacity)
    first = scores[scores["target"] == scores["target"].iloc[0]].sort_values("rank")["grid_id"].head(capacity)
    plain = [pd.DataFrame({"list": name, "grid_id": ids}) for name, ids in ((COUNT_LIST, count), (MODEL_LIST, first))]
    return pd.concat([lines, whole, *plain], ignore_index=True).assign(as_of=at)


def _judged(
    entries: pd.DataFrame,
    alerts: pd.DataFrame,
    history: History,
    asked: Mapping[str, Experiment],
    panels: Mapping[str, pd.DataFrame],
) -> ListReport:
    """What came of the lines."""
    first = next(iter(asked))
    panel = panels[first].astype({"grid_id": "str"})
    events = panel.set_index(["grid_id", "as_of"])["y" if asked[first].label.is_count else "n_events"]
    key = pd.MultiIndex.from_frame(entries[["grid_id", "as_of"]])
    rising = next((t for t, e in asked.items() if e.label.kind == "emergence"), None)
    rises = None if rising is None else panels[rising].astype({"grid_id": "str"}).set_index(["grid_id", "as_of"])["y"]
    judged = entries.assign(
        unseen=_unseen(entries),
        n_events=events.reindex(key).to_numpy(),
        rises=np.nan if rises is None else rises.reindex(key).to_numpy(),
    )
    judged["lead_days"] = _lead(judged, history, asked[first])
    nights = entries["as_of"].unique()
    total = events[events.index.get_level_values("as_of").isin(nights)].sum()
    n_rises = 0.0 if rises is None else rises[rises.index.get_level_values("as_of").isin(nights)].sum()
    return ListReport(judged, alerts, float(total), float(n_rises))


def _unseen(entries: pd.DataFrame) -> np.ndarray:
    """(n,) whether a reader of the list has not seen the place for 28 days; a reader of one lane reads them all."""
    plain = entries["list"].isin([COUNT_LIST, MODEL_LIST])
    read = entries["list"].where(plain, WHOLE)
    shown = entries.assign(read=read).drop_duplicates(["read", "grid_id", "as_of"]).sort_values("as_of")
    before = shown.groupby(["read", "grid_id"])["as_of"].shift(1)
    new = (before.isna() | (shown["as_of"] - before > pd.Timedelta(days=UNSEEN_DAYS))).to_numpy()
    by = pd.Series(new, index=pd.MultiIndex.from_frame(shown[["read", "grid_id", "as_of"]]))
    return by.reindex(pd.MultiIndex.from_arrays([read, entries["grid_id"], entries["as_of"]])).to_numpy()


def _lead(entries: pd.DataFrame, history: History, experiment: Experiment) -> np.ndarray:
    """(n,) days from the first night of an unbroken time on the list to the first event from then on; NaN where that took longer than the horizon."""
    label = experiment.label
    held = history.events_at(pd.Timestamp(history.until, unit="us", tz="UTC").tz_convert(history.timezone)).largest()
    chosen = np.zeros(len(held), dtype=bool)
    for stream in label.streams:
        chosen[history.select(held, stream)] = True
    at = (
        pd.DatetimeIndex(held.occurred[chosen].astype("datetime64[us]")).tz_localize("UTC").tz_convert(history.timezone)
    )
    times = pd.DataFrame(
        {"grid_id": history.grid_ids.astype(str)[held.grid[chosen]], "event": at.as_unit("us")}
    ).sort_values("event")
    spells = entries.assign(row=np.arange(len(entries)), start=_spell(entries)).sort_values("start")
    met = pd.merge_asof(
        spells,
        times,
        left_on="start",
        right_on="event",
        by="grid_id",
        direction="forward",
        tolerance=pd.Timedelta(days=label.days),
    ).sort_values("row")
    return ((met["event"] - met["start"]) / pd.Timedelta(days=1)).to_numpy()


def _spell(entries: pd.DataFrame) -> pd.Series:
    """The first night of the unbroken time each place has been on its list."""
    order = {at: n for n, at in enumerate(sorted(entries["as_of"].unique()))}
    in_order = entries.assign(night=entries["as_of"].map(order)).sort_values("night")
    breaks = in_order.groupby(["list", "grid_id"])["night"].diff().ne(1)
    spell = breaks.groupby([in_order["list"], in_order["grid_id"]]).cumsum()
    start = in_order.groupby([in_order["list"], in_order["grid_id"], spell])["as_of"].transform("min")
    return start.reindex(entries.index).dt.as_unit("us")
