"""A backtest of lists: every night knows only what was known then and the lists before it; plain lists have the same length."""

import dataclasses
import itertools

import numpy as np
import pandas as pd
import pytest
import towns

from riskwarn import answer, replaying, tracking
from riskwarn.errors import DefinitionError
from riskwarn.experiment import Folds
from riskwarn.history import History
from riskwarn.panel import build_panel
from riskwarn.pipeline import nightly
from riskwarn.plan import Lanes, Mode, Modes, Plan, Question, Stay, Triggers
from riskwarn.replaying import COUNT_LIST, MODEL_LIST, UNSEEN_DAYS, WHOLE, backtest_plan
from riskwarn.store import Store

CAPACITY = 8
PLAN = Plan(
    (Question(towns.TARGET),),
    lanes=Lanes(0, 0, 0, 0, 0.25),
    stay=Stay(enter="blue"),
    modes=Modes(Mode(capacity=CAPACITY)),
)


@pytest.fixture(scope="module")
def report():
    """The town's lists over six test dates."""
    asked = dataclasses.replace(towns.experiment(), folds=Folds(2, 3, 8))
    return backtest_plan(towns.city(), PLAN, [asked])


def test_lists_are_of_one_length(report):
    """The plain lists fill the capacity on every night, and the list in lanes holds no more but for what rules add."""
    lengths = report.entries.groupby(["list", "as_of"]).size().unstack("list")  # noqa: PD010
    ruled = lengths["triggered"].fillna(0) if "triggered" in lengths else 0

    assert (lengths[[COUNT_LIST, MODEL_LIST]] == CAPACITY).all(axis=None)
    assert (lengths[WHOLE] <= CAPACITY + ruled).all()


def test_a_line_is_new_once_in_four_weeks(report):
    """On the first night all is new; afterwards only what a reader has not seen for 28 days."""
    whole = report.entries[report.entries["list"] == WHOLE]
    first = whole["as_of"].min()

    assert whole.loc[whole["as_of"] == first, "unseen"].all()
    for line in whole[whole["as_of"] > first].itertuples():
        before = whole[(whole["grid_id"] == line.grid_id) & (whole["as_of"] < line.as_of)]["as_of"]
        seen = (line.as_of - before <= pd.Timedelta(days=UNSEEN_DAYS)).any()
        assert line.unseen == (not seen)


def test_what_came_true_is_counted(report):
    """Captures are shares, and on the first night of a time on a list a line has a lead where it had an event."""
    table, entries = report.table, report.entries
    fresh = entries["as_of"] == entries["as_of"].min()

    assert table["capture"].between(0, 1).all()
    assert table.loc[COUNT_LIST, "capture"] > table.loc["explore", "capture"]
    assert (entries.loc[fresh, "lead_days"].notna() == (entries.loc[fresh, "n_events"] > 0)).all()


def test_a_lead_is_of_the_whole_time_on_the_list(report):
    """From the first night of an unbroken time on to the first event, within the horizon of that night; each of its lines has the same lead."""
    entries = report.entries[report.entries["list"] == WHOLE].sort_values("as_of")
    nights = sorted(report.entries["as_of"].unique())
    history = History.load(towns.city())
    events = towns.city().read("events", source="police_call")
    events = events[(events["category"] == "P04") & events["grid_id"].isin(history.grids["grid_id"])]
    first = events.sort_values("known_at").drop_duplicates("event_id", keep="last")
    for grid, lines in entries.groupby("grid_id"):
        shown = [night in set(lines["as_of"]) for night in nights]
        at = first.loc[first["grid_id"] == grid, "occurred_at"]
        start = None
        for night, there in zip(nights, shown, strict=True):
            start = (start or night) if there else None
            if there:
                after = at[(at >= start) & (at <= start + pd.Timedelta(days=14))]
                wanted = (after.min() - start) / pd.Timedelta(days=1) if len(after) else np.nan
                lead = lines.loc[lines["as_of"] == night, "lead_days"].item()
                assert lead == pytest.approx(wanted, nan_ok=True)


def test_a_night_knows_the_lists_before_it(report):
    """An alert that was there the night before is the same alert: not new, and since the same night."""
    nights = [night for _, night in report.alerts.groupby("as_of")]
    both = [before.merge(after, on="alert_id") for before, after in itertools.pairwise(nights)]

    assert min(len(rows) for rows in both) > 0
    for rows in both:
        assert (rows["since_x"] == rows["since_y"]).all()
        assert (rows["trend_y"] != "new").all()


def test_the_future_changes_nothing():
    """What becomes known from a night on may be anything: that list, and those before it, stay as they were, and later ones do not."""
    store = towns.city()
    events = store.read("events")
    asked = dataclasses.replace(towns.experiment(), folds=Folds(2, 3, 8))
    until = pd.Timestamp(History.load(store).until, unit="us", tz="UTC")
    report = backtest_plan(History.of(events, store.read("grids"), until=until), PLAN, [asked])
    later = events["known_at"] >= sorted(report.alerts["as_of"].unique())[3]
    turned = events.assign(grid_id=events["grid_id"].where(~later, min(events["grid_id"].unique())))
    again = backtest_plan(History.of(turned, store.read("grids"), until=until), PLAN, [asked])
    same = [a.equals(b) for a, b in zip(by_night(report), by_night(again), strict=True)]

    assert same == [True] * 4 + [False] * 2


def by_night(report):
    """What each list says of its places."""
    told = ["alert_id", "grid_ids", "level", "level_tonight", "trend", "since", "reading", "probability", "rank"]
    return [night[told].reset_index(drop=True) for _, night in report.alerts.groupby("as_of")]


# --- a replay says what the nights would have said

LOUD = ("G05", "G06")
"""Two places side by side that stand out on some nights; on the others all places are alike and nothing is listed anew."""


def drawn(score, loud_nights):
    """Scores as they are on loud nights but for the two places, and all alike on the others."""

    def scored(*words, **options):
        scores = score(*words, **options)
        loud = scores["as_of"].isin(loud_nights) & scores["grid_id"].isin(LOUD)
        scores = scores.assign(expected=np.where(loud, 10.0, 1.0))
        order = scores.sort_values(["expected", "grid_id"], ascending=[False, True]).index
        return scores.assign(rank=pd.Series(range(1, len(order) + 1), index=order).astype("Int64"))

    return scored


def test_a_replay_is_the_nights_themselves(tmp_path, monkeypatch):
    """Alerts, their levels and since when they stand are those of the nightly runs, also after a night that listed nothing."""
    store = Store(tmp_path / "street", timezone=towns.ZONE)
    store.write("grids", towns.street_grids(30))
    store.write("events", towns.street_events(30))
    asked = dataclasses.replace(towns.street_experiment(), folds=Folds(1, 5, 8))
    plan = Plan(
        (Question(towns.TARGET),),
        lanes=Lanes(0, 0, 0, 0, 0),
        stay=Stay(enter="yellow", leave="blue", nights=1, dwell=2, cool_down=0),
        modes=Modes(Mode(capacity=3)),
        triggers=Triggers(rules=()),
    )
    panel = build_panel(store, asked)
    nights = sorted(panel.loc[panel["y"].notna(), "as_of"].unique())[-5:]
    loud = drawn(answer.score, [nights[0], nights[3]])
    monkeypatch.setattr(replaying, "score", loud)
    monkeypatch.setattr(answer, "score", loud)
    replay = backtest_plan(store, plan, [asked]).alerts
    tracking.keep(replaying._trained(asked, panel, nights[0]), store.path, alias=tracking.CHAMPION)
    for at in nights:
        made = nightly(store, plan=plan, as_of=at, force="drawn on purpose").alerts
        columns = ["alert_id", "grid_ids", "lane", "level", "level_tonight", "trend", "since", "reading"]
        wanted, got = (table[columns].reset_index(drop=True) for table in (made, replay[replay["as_of"] == at]))
        pd.testing.assert_frame_equal(got, wanted, check_dtype=False)

    lengths = replay.groupby("as_of").size().reindex(nights, fill_value=0)
    assert (lengths > 0).tolist() == [True, True, False, True, True]
    assert replay.loc[replay["as_of"] == nights[4], "since"].tolist() == [nights[3]] * lengths.iloc[4]


def test_a_question_needs_an_experiment():
    """A question that cannot be trained is told before anything is."""
    with pytest.raises(
        DefinitionError, match=r"question 'other' of the plan has no experiment; given: dispute_call_14d"
    ):
        backtest_plan(towns.city(), Plan((Question("other"),)), [towns.experiment()])
