"""Where two features count the same events, the one that says more of them is credited, and nothing is lost."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from riskwarn.explanation import family_contributions, sentence, words_of_features
from riskwarn.explanation.reasons import credited
from riskwarn.feature import (
    Count,
    DaysSince,
    Faded,
    MostAtOnePlace,
    Open,
    Overdue,
    Own,
    Recent,
    RepeatedPlaces,
    UrbanClass,
    Window,
)
from riskwarn.history import Stream
from riskwarn.model import RiskModel

PLACE = MostAtOnePlace(("dispute", "police_call"), days=28)
PLACES = RepeatedPlaces(("dispute", "police_call"), days=28)
FEATURES = (
    PLACE,
    Count("dispute", days=28),
    Count("police_call", days=28),
    Count("police_call", days=84),
    Recent("police_call", half_life=14),
    DaysSince("police_call"),
    Own((Stream("police_call", ("P04",)),), 4),
    Own((Stream("police_call", ("P04",)),), 52),
    Count("hotline", days=28),
    Count("police_call", days=28).nearby(),
    Open("petition"),
    Overdue("petition"),
    Open("dispute"),
    PLACES,
)
FADED = tuple(Faded(("dispute",), half_life) for half_life in (7, 28, 364))
AT = {f.name: k for k, f in enumerate(FEATURES)}
RECENT = ("dispute_n_28d", "police_call_n_28d", "police_call_recent_14d", "police_call_days_since", "prior_4w")


def row(**named):
    found = np.zeros((1, len(FEATURES)))
    for name, value in named.items():
        found[0, AT[name]] = value
    return found


def test_overdue_cases_are_credited_with_their_part_of_the_open_ones():
    """Of four open petitions one of which is overdue, a quarter of what open petitions pull is the overdue one's."""
    parts = credited(
        FEATURES, row(petition_open_n=0.8, petition_overdue_n=0.1), row(petition_open_n=4, petition_overdue_n=1)
    )

    assert parts[0, AT["petition_open_n"]] == pytest.approx(0.6)
    assert parts[0, AT["petition_overdue_n"]] == pytest.approx(0.3)


@pytest.mark.parametrize("most", [0, 1, 3])
def test_a_repeated_place_is_credited_with_its_part_of_recent_events(most):
    """Where three of four recent events lie at one place, three quarters of what each recent number pulls is that place's; a place with one event has no part."""
    pulls = dict.fromkeys(RECENT, 0.4)
    values = row(**{PLACE.name: most, "dispute_n_28d": 1, "police_call_n_28d": 3, "police_call_days_since": 5})
    parts = credited(FEATURES, row(**pulls), values)
    share = 0.75 if most == 3 else 0

    assert parts[0, AT[PLACE.name]] == pytest.approx(0.4 * share * len(RECENT))
    assert [parts[0, AT[n]] for n in RECENT] == pytest.approx([0.4 * (1 - share)] * len(RECENT))


def test_old_other_and_neighbouring_events_stay_where_they_are():
    """A place takes nothing from long windows, an event long ago, other feeds or the grids around."""
    others = [n for n in AT if n not in {*RECENT, PLACE.name, "petition_open_n", "petition_overdue_n"}]
    values = row(**{PLACE.name: 3, "dispute_n_28d": 1, "police_call_n_28d": 3, "police_call_days_since": 90})
    given_ = row(**dict.fromkeys([*others, "police_call_days_since"], 0.4))

    np.testing.assert_array_equal(credited(FEATURES, given_, values), given_)


def test_the_number_of_repeated_places_speaks_with_the_place():
    """It keeps its own pull, beside what the place with most takes, and both are one reason."""
    pulls = row(**{PLACE.name: 0.1, PLACES.name: 0.3, "police_call_n_28d": 0.4})
    parts = credited(
        FEATURES, pulls, row(**{PLACE.name: 3, PLACES.name: 1, "police_call_n_28d": 3, "dispute_n_28d": 3})
    )

    assert parts[0, AT[PLACES.name]] == 0.3
    assert parts[0, AT[PLACE.name]] == pytest.approx(0.1 + 0.4 / 2)
    assert PLACE.family == PLACES.family


numbers = st.lists(st.floats(-3, 3), min_size=len(FEATURES), max_size=len(FEATURES))
counts = st.lists(st.one_of(st.integers(0, 9), st.just(float("nan"))), min_size=len(FEATURES), max_size=len(FEATURES))


@given(numbers, counts)
def test_no_credit_is_lost_or_made(parts, values):
    """A row has the same sum whatever is moved, missing numbers move nothing and what lowers stays."""
    before = np.array([parts])
    after = credited(FEATURES, before, np.array([values], dtype=float))

    assert after.sum() == pytest.approx(before.sum(), abs=1e-9)
    assert np.isfinite(after).all()
    assert (after[before < 0] >= before[before < 0]).all()


def told(feature, value, language, **more):
    return sentence(words_of_features([feature])[feature.name], value, 1.0, language=language, **more)


def test_a_repeated_place_is_told_as_one():
    """Two events or more at one place are said to be at one place; one event is not a repeated place, and none is none."""
    assert told(PLACE, 3, "zh") == "近28天同一地点已发生矛盾纠纷或警情3起"
    assert told(PLACE, 3, "en") == "3 disputes or police calls at one place in the last 28 days"
    assert "one place" not in told(PLACE, 1, "en")
    assert told(PLACE, 0, "en").startswith("No disputes or police calls in the last 28 days")


def test_yes_and_no_are_told_in_words():
    """What is 0 or 1 is told as yes or no, never as a number."""
    for feature in (UrbanClass(("210",), "rural"), Window("heating")):
        for language in ("zh", "en"):
            both = {told(feature, float(v), language) for v in (0, 1)}
            assert len(both) == 2
            assert not [t for t in both if any(c.isdigit() for c in t)]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["repeat", "season"])
def test_the_true_driver_of_a_simulated_city_is_its_first_reason(name, monkeypatch):
    """In a simulated city with one cause made strong, that cause is the first reason in four of five grids that it truly drives."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent.parent / "benchmarks"))
    sys.modules.pop("planted_causes", None)
    import planted_causes

    cause = next(c for c in planted_causes.CAUSES if c.name == name)
    town = replace(planted_causes.simulation.PRESETS["tiny"], communities=180, grids=600)
    found = planted_causes.grids_of(cause, town if name == "season" else "small")
    driven = found[found["driven"]]

    assert len(driven) >= 15
    assert driven["named"].mean() >= 0.8
    assert not len(found[found["absent"]]) or found.loc[found["absent"], "named"].mean() <= 0.2


class Even(RiskModel):
    """A model whose every feature pulls by one."""

    def __init__(self, *features):
        object.__setattr__(self, "features", features)

    def contributions(self, rows):
        return pd.DataFrame(1.0, index=rows.index, columns=self.feature_names)


@pytest.mark.parametrize(
    ("features", "spoken"),
    [
        ((*FADED, Count("dispute", days=14), Count("dispute", days=56)), [0, 0, 0, 2, 3]),
        ((*FADED, Own(("dispute",), 4), Own(("dispute",), 52)), [0, 0, 0, 3, 2]),
        (tuple(f.nearby() for f in FADED), [0, 0, 3]),
    ],
    ids=["by plain counts", "by prior counts", "by the one that fades last"],
)
def test_faded_counts_are_told_in_easier_words(features, spoken):
    """A faded count's pull is told by the count of about twice its half-life, a plain one first, then a prior one; alone, by the longest."""
    model = Even(*features)
    rows = pd.DataFrame(1.0, index=range(2), columns=model.feature_names)
    _, pulls = family_contributions(model, rows)

    assert pulls.tolist() == [spoken] * 2
