"""The morning page: a list short enough to be read, the newest first, each place with why now and one step."""

import json

import numpy as np
import pandas as pd
import pytest
from towns import web as web_town
from towns.web import Altered

from riskwarn.plan import LANES
from riskwarn.web import listed, morning, standing
from riskwarn.web.nights import Nights


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return Nights(web_town.build(tmp_path_factory.mktemp("morning"))).at()


def alerts(*rows):
    """Alerts of lane, level and trend."""
    return pd.DataFrame(rows, columns=["lane", "level", "trend"])


def test_what_is_new_or_worse_is_read_first():
    """A new blue goes before an old red: the reader knows the old one."""
    read = morning.ordered(alerts(("standing", "red", "same"), ("explore", "blue", "new"), ("rising", "red", "worse")))

    assert read.index.tolist() == [2, 1, 0]


def test_no_lane_crowds_out_another():
    """However many alerts the rules raise, the first of each lane come before the fourth of one."""
    many = alerts(*[("triggered", "red", "same")] * 30, *[(lane, "yellow", "same") for lane in LANES[1:]])
    short = morning.shortlist(many, pd.Series([None] * len(many)), of_city=10, of_county=8)

    assert set(short["lane"]) == set(LANES)
    assert len(short) == 10


@pytest.mark.parametrize("of_county", [1, 3, 8])
def test_no_county_has_more_than_its_share_of_the_page(of_county):
    """A county fills at most its share; alerts of no county are bounded by the page alone, and nothing is shown twice."""
    rng = np.random.default_rng(of_county)
    lanes, levels = rng.choice(LANES, 200), rng.choice(["red", "orange", "yellow", "blue"], 200)
    many = alerts(*zip(lanes, levels, rng.choice(["new", "same"], 200), strict=True))
    county = pd.Series(rng.choice([*"ABCDEF", None], 200))
    short = morning.shortlist(many, county, of_city=40, of_county=of_county)

    assert short.index.is_unique
    assert len(short) <= 40
    assert county[short.index].value_counts().max() <= of_county


def ruled(n, rule="ladder_overdue", *, trend="same", level="red", **more):
    """So many alerts of one rule."""
    told = {"lane": "triggered", "level": level, "trend": trend, "parts": json.dumps({rule: 2})}
    return pd.DataFrame({**told, "since": pd.Timestamp("2025-01-03", tz=web_town.ZONE), **more}, index=range(n))


def test_a_rule_that_holds_everywhere_is_one_line():
    """Where it stands as it stood; what is new or of another rule is read by itself, and nobody is left out of the count."""
    many = pd.concat(
        [ruled(30), ruled(2, trend="new"), ruled(3, "county_overdue", level="orange"), ruled(9, level="orange")],
        ignore_index=True,
    )
    both = ruled(1).assign(parts='{"county_overdue": 1, "ladder_overdue": 2}')
    alone, groups = standing.folded(pd.concat([many, both], ignore_index=True))

    assert [(g.rule, g.level, g.n) for g in groups] == [("ladder_overdue", "red", 30), ("ladder_overdue", "orange", 9)]
    assert len(alone) + sum(g.n for g in groups) == len(many) + 1
    assert set(alone["trend"]) == {"new", "same"}
    assert (
        groups[0].text("en")
        == "Reached the police, its case overdue: 30 places, as the night before; the oldest listed since 3 Jan"
    )
    assert "30处，与上一期相同" in groups[0].text("zh")


@pytest.mark.parametrize("n", [1, standing.GROUP_FROM - 1])
def test_a_rare_rule_is_read_place_by_place(n):
    """Below the mark each place has its own line, and so it has on a list without lanes."""
    assert len(standing.folded(ruled(n))[0]) == n
    assert standing.folded(ruled(20).drop(columns="lane"))[1] == ()


def test_a_group_stands_on_the_page(night):
    """The section of the rules shows the group with its count, and counts nobody twice as more."""
    many = ruled(20, alert_id=[f"x{i}" for i in range(20)], grid_ids="G0001", action="A1", target="", gap_kinds="")
    sections = morning._sections(
        Altered(
            night, alerts=many.assign(state="published", owner=None, due_at=pd.NaT, probability=np.nan, rank=pd.NA)
        ),
        "en",
    )

    assert [(s.lane, s.total, len(s.lines), s.n_more, [g.n for g in s.groups]) for s in sections] == [
        ("triggered", 20, 0, 0, [20])
    ]


def test_sections_hold_each_alert_once(night):
    """New and worse alerts stand in the first section and in no lane; totals add up to the list."""
    sections = morning.sections(night, "en")
    ids = [line.alert["alert_id"] for section in sections for line in section.lines]

    assert len(ids) == len(set(ids))
    assert sum(section.total for section in sections) == len(night.alerts)
    assert all(len(section.lines) <= section.total for section in sections)


def test_why_now_goes_first():
    """A reason of the last weeks is told before a stronger one of the whole year; the others keep their order."""
    features = {
        "year": {"clause": {"kind": "lasting", "days": 364, "around": ""}},
        "month": {"clause": {"kind": "habit", "days": 28, "around": ""}},
        "around": {"clause": {"kind": "habit", "days": 7, "around": "nearby"}},
    }
    reasons = pd.DataFrame({"feature": ["year", "around", "month"], "contribution": [2.0, 1.0, 0.5]})

    assert listed._newest_first(reasons, features)["feature"].tolist() == ["month", "year", "around"]
    assert listed._newest_first(reasons.head(2), features)["feature"].tolist() == ["year", "around"]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_rule_is_told_by_what_it_found(night, language):
    """An alert of a rule says the rules that hold first, in the order they are declared, and steps in by the first."""
    alert = {
        "alert_id": "A",
        "grid_ids": ["G0001"],
        "lane": "triggered",
        "parts": json.dumps({"county_overdue": 1, "calls_at_one_place": 3}),
        "target": None,
        "action": "A1",
    }
    why = listed.why_of(night, [alert], language)["A"]

    assert why.reasons[0] == listed.RULES["calls_at_one_place"][language]
    assert why.reasons[1] == listed.RULES["county_overdue"][language]
    assert why.step == listed.RULE_STEPS["calls_at_one_place"][language]


def test_chance_is_told_as_chance(night):
    """A place drawn at random is not given reasons that would make it look like trouble."""
    alert = {"alert_id": "drawn", "grid_ids": ["G0001"], "lane": "explore", "target": None, "action": "A1"}

    assert listed.why_of(night, [alert], "en")["drawn"].reasons == (listed.DRAWN["en"],)


def test_every_rule_has_its_sentence_and_step():
    """A rule of the plan that had no sentence would be an alert without a reason."""
    from riskwarn.plan import RULES

    assert set(listed.RULES) == set(listed.RULE_STEPS) == set(RULES)


def test_what_left_the_list_is_named(night):
    """Alerts that came, grew and eased are counted as alerts; those that are no more are named by their places."""
    now = night.alerts.head(2).assign(trend=["new", "worse"])
    then = night.alerts.tail(len(night.alerts) - 1)
    before = Altered(night, alerts=then)
    moved = morning.turnover(Altered(night, alerts=now), before)
    leads = then[~then["alert_id"].isin(now["alert_id"])]["grid_ids"].str.split().str[0]

    assert (moved.new, moved.worse, moved.better) == (1, 1, 0)
    assert moved.gone == tuple(night.names[g] for g in leads)
    assert morning.turnover(night, None) is None


def test_a_feed_is_compared_with_three_pasts(night):
    """Last week stands beside the week before, the mean of fifteen weeks and the same week a year before, all as known then."""
    changes = {change.source: change for change in morning.feed_changes(night)}
    events = web_town._events(12)
    for source, change in changes.items():
        weekly = _known_weeks(events[events["source"] == source], night.as_of)
        assert change.n == weekly[0]
        assert (change.word == "no_reading") == (source == "hotline"), source
        for name, n in (("week", weekly[1]), ("usual", np.mean(weekly[1:16])), ("year", weekly[52])):
            expected = weekly[0] / n - 1 if n else np.nan
            # the usual is that of the law, which allows for what few weeks cannot tell: the plain mean to a thousandth
            assert change.against[name] == pytest.approx(expected, rel=1e-3, nan_ok=True), (source, name)


def _known_weeks(events, at):
    """Events of each week back from `at`, as known when it ended."""
    ends = [at - pd.DateOffset(weeks=back) for back in range(53)]
    return [
        int(
            (
                (events["occurred_at"] >= end - pd.DateOffset(weeks=1))
                & (events["occurred_at"] < end)
                & (events["known_at"] < end)
            ).sum()
        )
        for end in ends
    ]
