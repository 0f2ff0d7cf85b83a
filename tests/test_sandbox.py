"""Scores with events that nobody stored: in every bit what a store that holds them would be given."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import towns
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from riskwarn import tracking
from riskwarn.answer import model_of
from riskwarn.errors import DataError, DefinitionError, NotFoundError
from riskwarn.history.log import COLUMNS
from riskwarn.pipeline import night_panel
from riskwarn.sandbox import events_of, sandbox_scores
from riskwarn.scoring import score
from riskwarn.store import Store
from riskwarn.store.supposed import Supposed

NIGHT = towns.STREET_NIGHT


@pytest.fixture(scope="module")
def street(tmp_path_factory):
    """The street with a champion; only read."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("sandbox") / "street")
    tracking.keep(tracking.kept(store.path, towns.TARGET, alias="candidate"), store.path, alias="champion")
    return store


def event(n, grid="", *, days=3.0, late=0.1, source="police_call", category="P04", **more):
    """A call so many days before the night, known a tenth of a day later."""
    at = pd.Timestamp(NIGHT, tz=towns.ZONE) - pd.Timedelta(days=days)
    times = {"occurred_at": at, "known_at": at + pd.Timedelta(days=late)}
    return {"source": source, "event_id": f"sandbox-{n}", "grid_id": grid, "category": category, **times, **more}


def places(store):
    return store.grids(NIGHT)["grid_id"].astype(str).tolist()


def of_a_store_that_holds(store, events, folder, *, in_place_of="", grids=()):
    """The scores of a copy into which the events were written, and from which others were taken, the ordinary way."""
    held = towns.copy(store, folder)
    try:
        rows = held.read("events")
        if in_place_of:
            inside = rows[rows["grid_id"].isin(list(grids))]
            gone = rows if in_place_of == "all" else rows.merge(inside[["source", "event_id"]].drop_duplicates())
            with held.transaction() as staged:
                staged.replace("events", rows.iloc[:0], of=gone[["source", "event_id"]])
        held.write("events", events)
        model = model_of(held, towns.TARGET)
        panel = night_panel(held, model, NIGHT)
        return score(model, panel, capacity=5)
    finally:
        shutil.rmtree(folder)


def same(one, other):
    """Whether two tables of scores are one in every bit."""
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    numbers = ["probability", "expected", "lower", "upper", "p_in_top"]
    return all((one[c].to_numpy(float).tobytes() == other[c].to_numpy(float).tobytes()) for c in numbers)


MOMENTS = st.floats(0.2, 400).map(lambda days: round(days, 3))


@settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_supposed_store_scores_as_one_that_holds(street, tmp_path_factory, data):
    """Whatever is posted, added or in place of others: equal in every bit to a store into which it was written."""
    grids = places(street)
    posted = data.draw(
        st.lists(
            st.tuples(
                st.sampled_from([*grids, ""]),
                MOMENTS,
                st.sampled_from([0.0, 0.1, 30.0]),
                st.sampled_from(["P04", "P01"]),
                st.integers(0, 3),
                st.booleans(),
            ),
            min_size=1,
            max_size=8,
        )
    )
    rows = [
        event(n, grid, days=days, late=late, category=category, severity=severity, retracted=retracted)
        for n, (grid, days, late, category, severity, retracted) in enumerate(posted)
    ]
    in_place_of = data.draw(st.sampled_from(["", "grids", "all"]))
    if in_place_of == "all":
        rows += [
            event("x", grids[0], days=30.0),
            event("y", grids[0], days=20, category="P01"),
            event("z", grids[0], days=0.5),
        ]
    chosen = data.draw(st.lists(st.sampled_from(grids), max_size=3)) if in_place_of == "grids" else []
    events = pd.DataFrame(rows)
    of = {"in_place_of": in_place_of, "grids": chosen}
    before = street.fingerprint()

    scores = sandbox_scores(street, towns.TARGET, events, as_of=NIGHT, capacity=5, **of)

    assert same(scores, of_a_store_that_holds(street, events, tmp_path_factory.mktemp("held") / "street", **of))
    assert street.fingerprint() == before


def test_nothing_posted_is_the_night_itself(street):
    """Without an event, and with one that becomes known only at the night, the scores are those of the store."""
    model = model_of(street, towns.TARGET)
    now = score(model, night_panel(street, model, NIGHT), capacity=5)
    late = pd.DataFrame([event(0, places(street)[0], days=1.0, late=1.0)])

    assert same(sandbox_scores(street, towns.TARGET, late, as_of=NIGHT, capacity=5), now)
    assert same(sandbox_scores(street, towns.TARGET, street.read("events").head(3), as_of=NIGHT, capacity=5), now)


def test_a_revision_that_is_posted_goes_before_the_one_that_is_stored(street, tmp_path):
    """An event that is told anew, withdrawn or told twice with two contents holds as the store would hold it."""
    there = street.read("events").iloc[-40:-36]
    at = there["known_at"].max() + pd.Timedelta(hours=1)
    anew = pd.concat([there.assign(known_at=at, retracted=True), there.assign(category="P01")], ignore_index=True)

    scores = sandbox_scores(street, towns.TARGET, anew, as_of=NIGHT, capacity=5)

    assert same(scores, of_a_store_that_holds(street, anew, tmp_path / "held"))


def test_more_calls_raise_a_grid(street):
    """Twelve more calls in the calmest grid bring it up, and no other grid's expected count is changed where no neighbour saw them."""
    model = model_of(street, towns.TARGET)
    now = score(model, night_panel(street, model, NIGHT), capacity=5)
    calm = now.loc[now["rank"].idxmax(), "grid_id"]
    events = pd.DataFrame([event(n, calm, days=1 + n) for n in range(12)])
    then = sandbox_scores(street, towns.TARGET, events, as_of=NIGHT, capacity=5)

    assert then.set_index("grid_id").loc[calm, "rank"] < now.set_index("grid_id").loc[calm, "rank"]


def test_what_cannot_be_scored_is_refused(street):
    """No such grid, a broken row, no event left of a feed that is counted, no such model, a word that is none."""
    grid = places(street)[0]
    wrong = [
        (DataError, [event(0, "nowhere")], {}),
        (DataError, [event(0, grid) | {"severity": 7}], {}),
        (DataError, [{"source": "police_call"}], {}),
        (DefinitionError, [event(0, grid, source="other_feed", category="X")], {"in_place_of": "all"}),
        (DataError, [event(0, grid)], {"in_place_of": "some"}),
    ]
    for kind, rows, of in wrong:
        with pytest.raises(kind):
            sandbox_scores(street, towns.TARGET, pd.DataFrame(rows), as_of=NIGHT, **of)
    with pytest.raises(NotFoundError):
        sandbox_scores(street, "nothing_7d", pd.DataFrame([event(0, grid)]), as_of=NIGHT)


def test_a_supposed_store_is_never_written(street):
    """It reads like a store, and refuses to be written."""
    supposed = Supposed(street, pd.DataFrame([event(0, "")]))

    assert len(supposed.read("events")) == len(street.read("events")) + 1
    assert set(COLUMNS) <= set(supposed.arrow("events").column_names)
    with pytest.raises(DataError, match="only read"):
        supposed.write("events", pd.DataFrame([event(1, "")]))


def test_an_event_goes_with_every_grid_it_was_ever_told_to_lie_in(tmp_path):
    """A call that was moved is gone whole, in whatever month it was moved, if either grid is taken out; its neighbours stay."""
    store = Store(tmp_path / "city", timezone=towns.ZONE)
    begin = pd.Timestamp("2025-01-01", tz=towns.ZONE)
    store.write("grids", pd.DataFrame({"grid_id": ["G1", "G2"], "valid_from": begin}))
    said = [(1, "G1", 0), (1, "G2", 60), (2, "G2", 0), (3, "G1", 30)]
    store.write(
        "events",
        pd.DataFrame(
            [event(n, g) | {"occurred_at": begin, "known_at": begin + pd.Timedelta(days=d)} for n, g, d in said]
        ),
    )
    none = store.read("events").iloc[:0]

    left = {
        grid: Supposed(store, none, in_place_of="grids", grids=[grid]).read("events")["event_id"].tolist()
        for grid in ("G1", "G2")
    }
    assert left == {"G1": ["sandbox-2"], "G2": ["sandbox-3"]}


def test_a_supposed_store_without_events_speaks_of_no_instant(street):
    """What all its events were taken from is up to no date, not up to that of the store."""
    none = street.read("events").iloc[:0]
    with pytest.raises(NotFoundError, match="no event would be left"):
        Supposed(street, none, in_place_of="all").known_until()
    assert Supposed(street, none).known_until() == street.known_until()


def test_plain_values_become_the_table():
    """Times of any zone, whole numbers and flags that may be missing."""
    at = "2025-01-08T09:30:00+08:00"
    rows = [
        {
            "source": "a",
            "event_id": "1",
            "known_at": at,
            "occurred_at": at,
            "grid_id": "",
            "category": "D02",
            "severity": 2,
        },
        {
            "source": "a",
            "event_id": "2",
            "known_at": "2025-01-08T01:30:00.5Z",
            "occurred_at": at,
            "grid_id": "",
            "category": "D02",
            "retracted": True,
        },
    ]
    events = events_of(json.loads(json.dumps(rows)))

    assert events["retracted"].tolist() == [False, True]
    assert events["severity"].tolist()[0] == 2
    assert np.diff(events["known_at"].to_numpy())[0] == np.timedelta64(500, "ms")
