"""Before a night is published: what cannot be right is refused with its reason, what is right passes, and nothing is lost."""

import json
import re

import numpy as np
import pandas as pd
import pytest
import towns

from riskwarn import answer
from riskwarn.cli import main
from riskwarn.errors import UnsoundError
from riskwarn.pipeline import nightly
from riskwarn.publishing import changes, faults_of

AT = pd.Timestamp("2025-03-03", tz=towns.ZONE)
GRIDS = [f"G{i:02d}" for i in range(20)]
CAPACITY = 5


def scores(order=None, *, at=AT, level=1.0, **columns):
    """Sound scores of twenty grids, in an order from the riskiest on."""
    order = list(range(20)) if order is None else order
    expected = level * np.arange(20, 0, -1) / 10
    table = pd.DataFrame(
        {
            "grid_id": [GRIDS[i] for i in order],
            "as_of": at,
            "target": "dispute_7d",
            "probability": 1 - np.exp(-expected),
            "expected": expected,
            "lower": 0.0,
            "upper": expected + 3,
            "rank": pd.array(range(1, 21), dtype="Int64"),
            "p_in_top": 0.2,
            "state": "ok",
            "model_version": "m",
        }
    )
    return table.assign(**columns)


def faults(table, **tables):
    return faults_of({"scores": table, **tables}, as_of=AT, grids=GRIDS)


def put(column, row, value):
    """Scores with one wrong value."""
    table = scores()
    table[column] = table[column].astype(object)
    table.loc[row, column] = value
    return table.astype({column: scores()[column].dtype}, errors="ignore")


def test_a_sound_night_has_no_faults():
    """Also where some grids have no score and say so."""
    lacking = scores().assign(state=["ok"] * 18 + ["insufficient_data"] * 2)
    lacking.loc[18:, ["probability", "expected", "lower", "upper", "p_in_top", "rank"]] = None

    assert faults(scores()) == faults(lacking) == []


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (scores().iloc[:-1], "1 of 20 grids have none, first G19"),
        (scores().iloc[:0], "not one of 20 grids has any"),
        (scores().assign(grid_id=["H1", *GRIDS[1:]]), "1 grids are not among the 20 there are, first H1"),
        (scores().assign(grid_id=[GRIDS[1], *GRIDS[1:]]), "1 grids have more than one"),
        (put("expected", 3, np.nan), "1 of 20 have no finite expected"),
        (put("expected", 3, np.inf), "1 of 20 have no finite expected"),
        (put("probability", 0, 1.5), "probability: wanted at most 1"),
        (put("expected", 0, -0.1), "expected: wanted at least 0"),
        (put("rank", 0, 2), "ranks are not 1 to 20, each once"),
        (put("rank", 0, pd.NA), "ranks are not 1 to 20, each once"),
        (put("lower", 4, 99.0), "1 intervals end below their beginning"),
        (scores(at=AT - pd.Timedelta(days=1)), "20 of 20 rows are of another night"),
        (scores(state="fine"), "state: wanted one of"),
    ],
)
def test_what_cannot_be_right_is_said(table, said):
    """Rows against grids, keys, finite numbers, ranges, ranks, the night: each in a sentence of its own."""
    assert [fault for fault in faults(table) if said in fault] != []


def test_alerts_and_reasons_are_of_grids_there_are():
    """A reason or an alert of a grid nobody knows is a fault."""
    reasons = pd.DataFrame(
        {
            "grid_id": ["G01", "X1"],
            "as_of": AT,
            "target": "t",
            "place": 1,
            "feature": "f",
            "contribution": 0.1,
            "code": "c",
        }
    )

    alerts = pd.DataFrame({"alert_id": ["a", "b"], "as_of": AT, "grid_ids": ["G01 G02", "G03 X1"], "level": "red"})
    alerts = alerts.assign(state="published", target="t", action="A1", model_version="m")

    assert faults(scores(), reasons=reasons) == ["reasons: 1 grids are not among the 20 there are, first X1."]
    assert faults(scores(), alerts=alerts) == ["alerts: 1 grids are not among the 20 there are, first X1."]


def test_what_changed_since_the_night_before():
    """Share of the list that is new and factor of the mean; another model is not compared; half the grids are looked at, at most."""
    before = scores(at=AT - pd.Timedelta(days=1))
    four = scores([*range(5, 9), 0, *range(1, 5), *range(9, 20)], level=1.5)
    told = changes(four, before, CAPACITY)["dispute_7d"]

    assert (told["replaced"], told["level"]) == (pytest.approx(0.8), pytest.approx(1.5))
    assert changes(four.assign(model_version="other"), before, CAPACITY) == {}
    assert changes(scores([*range(5, 10), *range(5), *range(10, 20)]), before, 500)["dispute_7d"]["replaced"] == 0.0


# --- the night's job


@pytest.fixture
def street(tmp_path):
    """A copy of the street with a published night."""
    store = towns.copy(towns.street(), tmp_path / "street")
    nightly(store, towns.TARGET, as_of="2025-12-14", alias="candidate", capacity=CAPACITY)
    return store


def twisted(monkeypatch):
    """The night's scores doubled twice, as by a unit that changed."""
    score = answer.score
    monkeypatch.setattr(
        answer,
        "score",
        lambda *a, **k: score(*a, **k).assign(expected=lambda s: s["expected"] * 4, upper=lambda s: s["upper"] * 4),
    )


def test_a_night_that_cannot_be_right_is_set_aside(street, monkeypatch, capsys):
    """31: nothing is published, the reason is said, the run can be looked at; the night before is still the newest; mended, it comes."""
    night = (
        "nightly",
        "--as-of",
        towns.STREET_NIGHT,
        "--alias",
        "candidate",
        "--capacity",
        "5",
        "--store",
        str(street.path),
        "--json",
    )
    with monkeypatch.context() as patch:
        twisted(patch)
        capsys.readouterr()
        assert main([*night]) == main([*night]) == 31
    told = json.loads(capsys.readouterr().err.splitlines()[-1])
    (aside,) = street.aside()

    assert told["error"] == "UnsoundError"
    assert re.search(r"hold level: the mean expected of dispute_call_14d is (4\.|3\.9)", told["message"])
    assert str(aside) in told["message"]
    assert len(pd.read_parquet(aside / "scores.parquet")) == 12
    assert json.loads((aside / "facts.json").read_text())["faults"][0] in told["message"]
    assert [str(at.date()) for at in street.nights()] == ["2025-12-14"]
    assert street.faults() == []
    assert main([*night]) == 0
    assert [str(at.date()) for at in street.nights()] == ["2025-12-14", towns.STREET_NIGHT]


def test_a_forced_night_is_published_and_logged(street, monkeypatch):
    """With a reason it is published; the reason and the faults are in its facts and in the log of operations."""
    twisted(monkeypatch)
    night = nightly(
        street, towns.TARGET, as_of=towns.STREET_NIGHT, alias="candidate", capacity=CAPACITY, force="new units"
    )

    assert street.run_of(towns.STREET_NIGHT) == night.run
    facts = street.facts(towns.STREET_NIGHT)["forced"]
    assert (facts["why"], len(facts["faults"])) == ("new units", 1)
    assert [(line["verb"], line["why"]) for line in street.noted()] == [("force", "new units")]
    assert street.aside() == []


def test_force_is_for_faults_alone(street):
    """A sound night is published as ever, and nothing is logged."""
    nightly(street, towns.TARGET, as_of=towns.STREET_NIGHT, alias="candidate", capacity=CAPACITY, force="to be safe")

    assert "forced" not in street.facts(towns.STREET_NIGHT)
    assert street.noted() == []


def test_a_night_far_back_is_not_compared(street, monkeypatch):
    """Beyond a week the night before says nothing of tonight."""
    twisted(monkeypatch)
    with pytest.raises(UnsoundError):
        nightly(street, towns.TARGET, as_of="2025-12-21", alias="candidate")

    assert nightly(street, towns.TARGET, as_of="2025-12-22", alias="candidate").run
