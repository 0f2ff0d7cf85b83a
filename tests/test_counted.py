"""A count as champion: it ranks as the count, its lists say what they are, and no model that beats it is passed over."""

import dataclasses

import pytest
import towns
import visiting

from riskwarn import counted as counting
from riskwarn import tracking
from riskwarn.cli import main
from riskwarn.counted import promote_count
from riskwarn.errors import DataError, GateError, NotFoundError
from riskwarn.pipeline import nightly
from riskwarn.web import create_app

NAME = "prior count 52 weeks"


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A street whose champion is the count, by the verb, and its night."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("counted") / "street")
    model = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    asked = dataclasses.replace(model, facts=model.facts | {"purpose": "mediation"})
    tracking.keep(asked, store.path, alias=tracking.CANDIDATE)
    code = main(["promote", towns.TARGET, "--baseline", NAME, "--store", str(store.path)])
    return store, code, nightly(store, towns.TARGET, as_of=towns.STREET_NIGHT)


def test_the_list_is_in_the_order_of_the_count(counted):
    """Ranks follow the count of the night, whatever the calibration; what is expected is what the past gave such counts."""
    _, code, night = counted
    counts = (
        towns.street_night().assign(grid_id=lambda rows: rows["grid_id"].astype(str)).set_index("grid_id")["prior_52w"]
    )
    ranked = night.scores.sort_values("rank")

    assert code == 0
    assert counts[ranked["grid_id"]].is_monotonic_decreasing
    assert ranked["expected"].is_monotonic_decreasing
    panel = towns.street_panel()
    champion = tracking.kept(counted[0].path, towns.TARGET, alias=tracking.CHAMPION)
    settled = panel[panel["y"].notna()]
    assert champion.predict(settled)["expected"].mean() == pytest.approx(settled["y"].mean(), rel=0.05)


def test_its_reasons_are_the_count(counted):
    """A count gives one reason a grid, and contributions add up to its margin, as any model's."""
    store, _, night = counted
    champion = tracking.kept(store.path, towns.TARGET, alias=tracking.CHAMPION)
    rows = towns.street_night()

    assert set(night.reasons["feature"]) == {"prior_52w"}
    assert champion.contributions(rows).sum(axis=1).to_numpy() == pytest.approx(champion.margin(rows))
    assert champion.is_plain


def test_page_and_facts_say_that_it_is_a_count(counted):
    """In each language, on the first page and on that of the model."""
    store, _, night = counted
    client = visiting.at_the_machine(create_app(store.path))

    assert night.facts["purpose"] == "mediation"
    assert "it has no audit of its own" in client.get("/model", params={"lang": "en"}).text
    assert night.facts["baseline"]["en"].startswith("This list is a count, prior count")
    for path in ("/", "/model"):
        for language in ("en", "zh"):
            assert night.facts["baseline"][language].rstrip(".。") in client.get(path, params={"lang": language}).text


def test_a_candidate_that_beats_the_count_is_not_passed_over(tmp_path):
    """It passed the gate: the count is refused; without any candidate, or by a name that is no count, too."""
    store = towns.copy(towns.street(), tmp_path / "street")
    model = tracking.kept(store.path, towns.TARGET, alias=tracking.CANDIDATE)
    with pytest.raises(DataError, match="wanted a count such as 'prior count 52 weeks'"):
        promote_count(store, towns.TARGET, "ewma")
    with pytest.raises(NotFoundError, match="no candidate of 'other_7d' is kept"):
        promote_count(store, "other_7d")
    tracking.keep(dataclasses.replace(model, facts={**model.facts, "gate": True}), store.path, alias=tracking.CANDIDATE)
    with pytest.raises(GateError, match="passed the gate, so it beats the counts"):
        promote_count(store, towns.TARGET, NAME)
    assert tracking.kept(store.path, towns.TARGET, alias=tracking.CHAMPION) is None


def test_records_that_come_while_a_count_is_made_are_not_learnt(tmp_path, monkeypatch):
    """The digest of its datasheet is that of the store before its history was read."""
    store = towns.copy(towns.street(), tmp_path / "street")
    before, panel_of = store.digest(), counting.panel_of

    def meanwhile(*args, **more):
        store.write("events", towns.street_events().tail(1).assign(event_id="e_late"))
        return panel_of(*args, **more)

    monkeypatch.setattr(counting, "panel_of", meanwhile)
    champion = promote_count(store, towns.TARGET, NAME)

    assert store.digest() != before
    assert champion.facts["datasheet"]["data_digest"] == before
