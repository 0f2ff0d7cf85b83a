"""No feature sees the future: six relations over every kind of feature, and thirteen planted bugs they must kill."""

from functools import partial

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from mutants import MUTANTS
from towns.events import AS_OF, BASE, GRIDS, SOURCES, crowd, hours, logs, revision, table

from riskwarn import testing
from riskwarn.errors import DataError
from riskwarn.feature import (
    KINDS,
    Amber,
    Attribute,
    Climb,
    Closed,
    Count,
    Coverage,
    Cusum,
    DatePart,
    DaysSince,
    Delay,
    Density,
    Entropy,
    Ewma,
    Faded,
    Handling,
    Harmonic,
    LastYear,
    Level,
    MeanSeverity,
    MixTrend,
    MostAtOnePlace,
    NewKinds,
    Observed,
    OfCity,
    Open,
    OpenAge,
    OpenMatters,
    Overdue,
    OverdueDays,
    OverdueShare,
    Own,
    OwnNormal,
    PerHousehold,
    Places,
    Product,
    Rate,
    Ratio,
    Recent,
    Recurrence,
    RepeatedPlaces,
    RepeatShare,
    Rise,
    Rung,
    SameSeason,
    Season,
    Share,
    SinceChange,
    Spread,
    SpringFestival,
    Staff,
    Total,
    Trend,
    Unheralded,
    UnsettledPlaces,
    Unstaffed,
    UrbanClass,
    WageWindow,
    Window,
    Workdays,
)
from riskwarn.feature.base import furthest
from riskwarn.history import History, Stream
from riskwarn.testing import assert_no_leak, measure_of

WEAPON = Stream("police_call", tag="weapon")
OWN = (Stream("dispute"), Stream("police_call"))
FEATURES = [
    Count("dispute", days=28),
    Count(WEAPON, days=84),
    Count(Stream("dispute", origin="citizen", severity=2), days=28),
    Count(Stream("police_call", ("P04",), hours=(20, 6)), days=28),
    Count(Stream("dispute", border=True, linked=True), days=28),
    Rate("dispute", days=28),
    Own((Stream("dispute"), Stream("police_call")), 4),
    Level("police_call"),
    Rise("dispute", days=7),
    Cusum("dispute"),
    DaysSince("police_call"),
    DaysSince("dispute", cap=30),
    Recent("dispute", half_life=14),
    Ewma("dispute"),
    MeanSeverity("dispute", days=84),
    Share("dispute", "police_call", days=84),
    Open("dispute"),
    Open("dispute", days=28),
    Overdue("dispute"),
    Amber("dispute"),
    OverdueShare("dispute"),
    OverdueDays("dispute"),
    OpenAge("dispute"),
    OpenAge("dispute", q=0.5),
    Closed("dispute"),
    Handling("dispute", days=84),
    Handling("dispute", days=84, q=0.9),
    Delay("dispute", days=28),
    Recurrence("dispute", days=84),
    Entropy("dispute", days=84),
    NewKinds("dispute", days=7, past=28),
    MostAtOnePlace(("dispute", "police_call"), days=28),
    RepeatedPlaces(("dispute", "police_call"), days=28),
    RepeatedPlaces("dispute", days=84, at_least=3),
    UnsettledPlaces("police_call", days=28),
    UnsettledPlaces(("dispute", "police_call"), days=84, at_least=2),
    RepeatShare("dispute", days=84),
    Rung(),
    OpenMatters(),
    Climb(),
    Unheralded(),
    PerHousehold("dispute", days=84),
    Observed("dispute"),
    OfCity(Count("dispute", days=28)),
    Count("dispute", days=28).nearby(),
    Count("dispute", days=28).nearby(total=True),
    Rise("dispute").nearby(),
    Count("dispute", days=28).of_parent("township_id"),
    Ratio(Count("dispute", days=28), Count("dispute", days=84)),
    Product(Count("dispute", days=28), Count("police_call", days=28)),
    MixTrend("dispute", days=28, level="township_id"),
    Trend("dispute", days=28),
    Trend("dispute", days=28, level="township_id"),
    LastYear("dispute", days=28),
    *(
        OwnNormal((Stream("dispute"), Stream("police_call")), 7, past_days=28, part=part)
        for part in ("expected", "threshold", "tail")
    ),
    Faded(OWN, half_life=9),
    Harmonic(OWN, weeks=3),
    SameSeason(OWN, days=28, years=2),
    Spread(Own(OWN, 4), reach=0.5),
    Spread(Harmonic(OWN, weeks=3), reach=1, shape="bands"),
    Spread(MeanSeverity("dispute", days=84), reach=1.5),
]
CALENDAR = [
    Season("sin"),
    SpringFestival(),
    WageWindow(),
    Window("farm"),
    *(DatePart(part) for part in ("month", "week", "weekday", "day_of_year", "quarter")),
    Workdays(7),
    SinceChange("2025-01-20"),
]
PLACE = [Attribute("households", log=True), Density(), UrbanClass(("220",), "rural")]
TABLED = [
    Count(Stream("visit", tag="valid"), days=28),
    DaysSince("visit"),
    Total("visit", days=28),
    Coverage("visit", days=28),
    Staff(),
    Unstaffed("roster"),
    Count(Stream("step", ("return",), tag="again"), days=28),
    Open("diversion", days=84),
    Places("school"),
]
MANY = settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))


def name(feature):
    return feature.name


def test_every_kind_is_here():
    """A new kind of feature is held to the relations from its first day."""
    made_of = {type(f).__name__ for f in [*FEATURES, *CALENDAR, *PLACE, *TABLED]}

    assert made_of == set(KINDS)


def same(features, found, wanted):
    for feature, a, b in zip(features, found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6, err_msg=feature.name)


@pytest.mark.parametrize(
    "relation",
    [testing.no_future, testing.as_it_stood, testing.any_order, testing.any_repeat],
    ids=lambda r: r.__name__,
)
def test_known_records_alone_decide(relation):
    """What becomes known at as_of or later, the order of rows and rows written twice change no feature."""

    @MANY
    @given(logs)
    def holds(events):
        same(FEATURES, *relation(measure_of(FEATURES, GRIDS), {"events": events}, AS_OF))

    holds()


def test_other_grids_change_nothing():
    """Records of other grids do not reach a feature that looks at its own grid, though one id begins the other's."""
    own = [f for f in FEATURES if f.looks == "own"]

    @MANY
    @given(logs, st.sampled_from(list(enumerate(GRIDS["grid_id"]))))
    def holds(events, grid):
        place, grid_id = grid
        same(own, *testing.own_grid(measure_of(own, GRIDS), {"events": events}, AS_OF, place=place, grid_id=grid_id))

    holds()


def test_neighbours_reach_only_neighbours():
    """A feature of neighbours does not look at grids that are not beside its own."""
    ids = [f"N{i}" for i in range(9)]
    line = pd.DataFrame({"grid_id": ids, "valid_from": AS_OF, "x_km": np.arange(9.0), "y_km": 0.0})
    events = table(
        [revision(event_id="x", known=24 * 30, grid="N0"), revision(source="police_call", known=1, grid="N5")]
    )
    found = measure_of(Count("dispute", days=28).nearby(), line)({"events": events}, AS_OF)

    assert found[1] > 0
    assert found[8] == 0


def test_the_clock_on_the_wall_is_not_read():
    """Moving all records and as_of by 77 hours changes no feature, save those that read the hour or the calendar."""
    daily = [f for f in FEATURES if f.clock or isinstance(f, Handling)]
    free = [f for f in FEATURES if f not in daily]

    @MANY
    @given(logs)
    def holds(events):
        for features, n in ((free, 77), (daily, 72)):
            same(features, *testing.any_clock(measure_of(features, GRIDS), {"events": events}, AS_OF, turn=hours(n)))

    holds()


@pytest.mark.parametrize("feature", [*CALENDAR, *PLACE], ids=name)
def test_events_do_not_move_the_calendar(feature):
    """Features of the date and of the grid do not look at events."""
    values = [measure_of(feature, GRIDS)({"events": events}, AS_OF) for events in (table(BASE), crowd(60))]

    np.testing.assert_array_equal(*values)


def tables():
    """A city's other tables, some rows known late."""
    day = [AS_OF - pd.Timedelta(days=d) for d in (50, 30, 20, 10, 3, 1)]
    late = pd.Timedelta(days=5)
    visits = pd.DataFrame(
        {
            "visit_id": [f"v{i}" for i in range(6)],
            "started_at": day,
            "grid_id": ["G1", "G1", "G2", "G10", "G1", "G2"],
            "known_at": [d + late for d in day],
            "kind": "patrol",
            "purpose": ["routine", "alert"] * 3,
            "n_households": [1, 2, 3, 4, 5, 6],
            "valid": [True, True, False, True, True, True],
        }
    )
    workflow = pd.DataFrame(
        {
            "case_id": ["k0", "k0", "k0", "k1", "k1", "k1"],
            "step": [0, 1, 2, 0, 1, 2],
            "action": ["return", "return", "close"] * 2,
            "at": day,
            "known_at": [d + late for d in day],
            "grid_id": "G1",
        }
    )
    diversions = pd.DataFrame(
        {
            "call_id": list("abcdef"),
            "to_org": "o1",
            "sent_at": day,
            "received_at": [d + late if i % 2 else pd.NaT for i, d in enumerate(day)],
            "grid_id": ["G1", "G2"] * 3,
        }
    )
    roster = pd.DataFrame({"grid_id": ["G1", "G2"] * 3, "day_at": day, "n_workers": [1.0, 0.0, 2.0, 1.0, 0.5, 0.0]})
    places = pd.DataFrame({"grid_id": ["G1", "G2"], "kind": ["school", "hotel"], "n": [2.0, 1.0]})
    return {"visits": visits, "workflow": workflow, "diversions": diversions, "roster": roster, "places": places}


@pytest.mark.parametrize("feature", TABLED, ids=name)
def test_other_tables_hide_their_future_too(feature):
    """Visits, steps, diverted calls and rosters first known later change nothing."""
    log = {"events": crowd(60), **tables()}
    value = measure_of(feature, GRIDS)(log, AS_OF)

    assert_no_leak(feature, log, AS_OF, grids=GRIDS)
    assert np.isfinite(value).any()


def test_every_feature_is_proved_honest():
    """The public proof passes for every feature of ours on a log of six hundred revisions."""
    assert_no_leak(measure_of([*FEATURES, *CALENDAR, *PLACE], GRIDS), crowd(), AS_OF)
    assert_no_leak(Count("dispute", days=28), crowd(), AS_OF, grids=GRIDS)


RELATIONS = (testing.no_future, testing.as_it_stood, testing.any_order, testing.any_repeat, testing.any_clock)
DENSE, SPARSE = crowd(300, seed=3, n_days=60), crowd(24, seed=2, n_days=60)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda m: m.__name__)
def test_planted_bugs_are_killed(mutant):
    """Each of the planted ways to see the future, or to count wrongly, breaks at least one relation."""
    at = AS_OF + hours(9)
    trials = [partial(relation, mutant, {"events": events}, at) for events in (SPARSE, DENSE) for relation in RELATIONS]
    trials += [
        partial(testing.own_grid, mutant, {"events": DENSE}, at, place=p, grid_id=g)
        for p, g in enumerate(GRIDS["grid_id"])
    ]

    assert any(not np.allclose(*trial(), equal_nan=True) for trial in trials)


@pytest.mark.parametrize("honest", [Count("dispute", days=28), Rise("dispute")], ids=name)
def test_the_same_relations_spare_the_honest(honest):
    """The log that kills the planted bugs lets an honest feature pass, so it is the bugs that are found."""
    measure = measure_of(honest, GRIDS)
    for events in (DENSE, SPARSE):
        for relation in RELATIONS:
            np.testing.assert_allclose(*relation(measure, {"events": events}, AS_OF + hours(9)), rtol=1e-5)
    for place, grid_id in enumerate(GRIDS["grid_id"]):
        pair = testing.own_grid(measure, {"events": DENSE}, AS_OF + hours(9), place=place, grid_id=grid_id)
        np.testing.assert_allclose(*pair, rtol=1e-5)


def leaking(log, as_of):
    """A data scientist's own function that forgot about known_at."""
    events = log["events"]
    recent = events[(events["occurred_at"] < as_of) & (events["occurred_at"] >= as_of - pd.Timedelta(days=28))]
    return recent.groupby("grid_id")["event_id"].nunique().reindex(GRIDS["grid_id"], fill_value=0).to_numpy(float)


def test_the_proof_names_feature_relation_and_numbers():
    """Somebody whose feature leaks reads which one, how, where and by how much."""
    with pytest.raises(
        AssertionError, match=r"'leaking' breaks 'no future': in grid number 0 it is .* from what was known"
    ):
        assert_no_leak(leaking, crowd(), AS_OF, grids=GRIDS)


def test_a_proof_needs_a_past():
    """A date before the first record proves nothing and is refused."""
    with pytest.raises(DataError, match="choose a date that has a past"):
        assert_no_leak(Count("dispute", days=7), table(BASE), "2020-01-01", grids=GRIDS)


def test_one_date_equals_many():
    """A feature of one date is the same alone, among weekly and among irregular dates."""
    events = crowd(400)
    history = History.of(events, GRIDS)
    weekly = pd.date_range("2025-02-01", periods=8, freq="7D")
    odd = weekly[[0, 1, 3, 7]]
    for feature in FEATURES:
        many = feature.compute(history.at(weekly))
        np.testing.assert_allclose(
            feature.compute(history.at(odd)), many[:, [0, 1, 3, 7]], rtol=1e-6, atol=1e-9, err_msg=feature.name
        )
        for t, at in enumerate(weekly):
            np.testing.assert_allclose(
                feature.compute(history.at([at]))[:, 0], many[:, t], rtol=1e-6, atol=1e-9, err_msg=feature.name
            )


def test_one_grid_equals_all():
    """A city of one grid gives the grid what it has among the others, where the feature looks at nothing else."""
    first = [revision(source=s, event_id=f"{g}-{s}", known=1, grid=g) for g in GRIDS["grid_id"] for s in SOURCES]
    events = pd.concat([crowd(400), table(first)], ignore_index=True)
    events = events[events["occurred_at"] >= events["occurred_at"].iloc[-1]]
    own = [f for f in FEATURES if f.looks == "own"]
    for place, grid_id in enumerate(GRIDS["grid_id"]):
        alone = GRIDS[GRIDS["grid_id"] == grid_id]
        whole, single = (History.of(events, grids, until=AS_OF).at([AS_OF]) for grids in (GRIDS, alone))
        for feature in own:
            found = feature.compute(whole)[place, 0], feature.compute(single)[0, 0]
            np.testing.assert_allclose(*found, rtol=1e-6, err_msg=f"{feature.name} in {grid_id}")


NEAR = [f for f in [*FEATURES, *CALENDAR, *PLACE, *TABLED] if furthest(f) in {"own", "near"}]


@given(logs, st.sets(st.sampled_from(range(3)), min_size=1))
@MANY
def test_some_grids_equal_those_of_all(events, chosen):
    """The history of some grids gives each what it has in the city, for every feature that looks no further than the neighbours.

    So it does where a feed has no record in these grids, where the city tells an attribute of other grids alone, and where a grid
    has no neighbours.
    """
    numbers = np.array(sorted(chosen))
    grids = GRIDS.assign(x_km=[0.0, 1.0, 50.0], households=[100.0, 300.0, np.nan], urban_class=["111", "112", None])
    days = [AS_OF, AS_OF + pd.Timedelta(days=7), AS_OF + pd.Timedelta(days=30)]
    city = History.of(events, grids, tables=tables(), until=days[-1])
    whole, part = city.at(days), city.part(numbers).at(days)
    for feature in NEAR:
        found, wanted = feature.compute(part), np.broadcast_to(feature.compute(whole), whole.shape)[numbers]
        np.testing.assert_array_equal(np.broadcast_to(found, part.shape), wanted, err_msg=feature.name)


def test_a_part_of_a_part_is_a_part():
    """Grids taken from some of a city's grids are those grids of the city, with the neighbours they have there."""
    city = History.of(crowd(60), GRIDS)
    twice, once = city.part(np.array([0, 2])).part(np.array([1])), city.part(np.array([2]))

    assert twice.grids["grid_id"].tolist() == ["G2"]
    assert len(twice.facts) == len(once.facts) == (city.facts.grid == 2).sum() > 0
    np.testing.assert_array_equal(*[part.neighbors().toarray() for part in (twice, once)])
    assert furthest(Ratio(Count("dispute", days=7).of_parent(), Count("dispute", days=7).nearby())) == "parent"


def test_sources_of_the_worlds_are_read():
    """The worlds hold both feeds, so that no relation holds for want of events."""
    assert History.of(crowd(60), GRIDS).sources == list(SOURCES)
