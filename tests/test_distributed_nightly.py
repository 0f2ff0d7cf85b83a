"""A night made by an engine: the run and the tables of a night in memory, whole or not at all."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
import towns
from towns.country import stored
from towns.events import ZONE

from riskwarn import tracking
from riskwarn.cli import main
from riskwarn.clock import micros
from riskwarn.distributed import blocked, monitor_blocks, nightly_blocks
from riskwarn.distributed.nightly import InBlocks
from riskwarn.distributed.task import outgrown
from riskwarn.errors import DataError, DefinitionError, EngineError
from riskwarn.history import History, Stream
from riskwarn.model import RiskModel
from riskwarn.monitoring import check
from riskwarn.panel import build_panel
from riskwarn.pipeline import model_of, nightly
from riskwarn.plan import Plan, Question
from riskwarn.schema import TABLES

ALIAS = tracking.CANDIDATE
ASKED = {"as_of": towns.STREET_NIGHT, "alias": ALIAS}


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """The night of the street, made in memory."""
    store = towns.copy(towns.street(), tmp_path_factory.mktemp("whole") / "street")
    nightly(store, towns.TARGET, **ASKED)
    return store


def check_same(found, wanted, night=towns.STREET_NIGHT):
    """Two published nights are one run with the same tables: numbers to one in a million, all else to the letter."""
    at = wanted.instant(night)
    assert found.run_of(at) == wanted.run_of(at) is not None
    assert found.night(at).tables == wanted.night(at).tables
    for name in wanted.night(at).tables:
        one, other = (store.read(name, as_of=at) for store in (found, wanted))
        pd.testing.assert_frame_equal(one, other, rtol=1e-6, atol=1e-9, obj=name)
    passing = {"made_at", "seconds", "shadow"}
    one, other = ({k: v for k, v in store.facts(at).items() if k not in passing} for store in (found, wanted))
    assert one == other


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_blocks_publish_the_night_of_the_whole(published, tmp_path, n_blocks):
    """Every table and fact of the night is in 1, 2 and 7 blocks what it is in memory."""
    store = towns.copy(towns.street(), tmp_path / "street")
    night = nightly_blocks(store, towns.TARGET, **ASKED, n_blocks=n_blocks)

    assert not night.done_before
    check_same(store, published)
    assert nightly(store, towns.TARGET, **ASKED).done_before, "it is the run that one machine would make"


def test_events_say_of_each_column_whether_it_tells_anything(tmp_path):
    """A column that one machine shows of the events behind a number is shown in blocks, and none besides."""
    store, at = stored(tmp_path / "land"), pd.Timestamp("2025-06-02", tz=ZONE)
    whole = History.load(store, as_of=at).events_at(at)
    with InBlocks(n_blocks=2).opened(store, at, []) as history:
        held = history.events_at(at)
        names = [column.name for column in TABLES["events"].columns if column.name != "retracted"]
        assert {name: held.has(name) for name in names} == {name: whole.has(name) for name in names}
        assert held.has("severity")
        assert not held.has("status")


@pytest.mark.slow
def test_a_town_with_all_tables_is_published_in_blocks(tmp_path):
    """A town of two hundred grids, with visits, steps, rosters and deliveries, is in four blocks published as in memory."""
    here, there = (towns.copy(towns.city(), tmp_path / name) for name in ("here", "there"))
    for store in (here, there):
        tracking.keep(towns.model(), store.path, alias=ALIAS)
    nightly(here, towns.TARGET, as_of=towns.NIGHT, alias=ALIAS)
    nightly_blocks(there, towns.TARGET, as_of=towns.NIGHT, alias=ALIAS, n_blocks=4)

    check_same(there, here, towns.NIGHT)
    assert len(here.read("events_behind", as_of=here.instant(towns.NIGHT))) > 1000


def test_blocks_have_the_monitors_of_the_whole(published):
    """Feeds, recording, features, scores, ranks and calibration are in blocks what they are in memory."""
    model = model_of(published, towns.TARGET, alias=ALIAS)
    found = monitor_blocks(published, model, towns.STREET_NIGHT, n_blocks=3)

    pd.testing.assert_frame_equal(found, check(published, model, towns.STREET_NIGHT), rtol=1e-6, atol=1e-9)
    feeds = monitor_blocks(published, None, towns.STREET_NIGHT, n_blocks=2)
    pd.testing.assert_frame_equal(feeds, check(published, None, towns.STREET_NIGHT), check_exact=True)


def test_a_plan_is_answered_in_blocks(tmp_path):
    """Several questions, one of them measured by the whole city, a list of a night before and how that came out are in blocks what they are in memory."""
    asked = towns.copy(towns.street(), tmp_path / "asked")
    week = towns.street_experiment().over(7)
    label = dataclasses.replace(week.label, name="more_than_usual", kind="emergence", past_days=28)
    for experiment in (week, dataclasses.replace(week, label=label)):
        model = RiskModel.of(experiment).fit(build_panel(asked, experiment))
        tracking.keep(model, asked.path, alias=ALIAS)
    lanes = {towns.TARGET: "standing", "dispute_call_7d": "rising", "more_than_usual": "rising"}
    plan = Plan(tuple(Question(target, lane, alias=ALIAS) for target, lane in lanes.items()))
    later = asked.instant(towns.STREET_NIGHT) + pd.Timedelta(days=9)
    nightly(asked, plan=plan, as_of=later - pd.Timedelta(days=16))
    here, there = (towns.copy(asked, tmp_path / name) for name in ("here", "there"))
    nightly(here, plan=plan, as_of=later)
    nightly_blocks(there, plan=plan, as_of=later, n_blocks=3)

    check_same(there, here, later)
    assert len(here.read("matured", as_of=later)), "the night before has come out"


def test_a_night_that_the_data_do_not_reach_is_published_as_one(published, tmp_path):
    """Five days after the last record a night is published as degraded, in blocks as in memory."""
    late = published.known_until() + pd.Timedelta(days=5)
    here, there = (towns.copy(published, tmp_path / name) for name in ("here", "there"))
    nightly(here, towns.TARGET, as_of=late, alias=ALIAS)
    nightly_blocks(there, towns.TARGET, as_of=late, alias=ALIAS, n_blocks=2)

    assert here.facts(late)["state"] == "degraded"
    check_same(there, here, late)


def test_a_night_before_the_first_record_is_refused_alike(published):
    """Of a night before all records blocks say the very sentence that memory says."""
    first = pd.Timestamp(History.load(published).first, unit="us", tz="UTC").tz_convert(published.timezone)
    said = []
    for make in (nightly, nightly_blocks):
        with pytest.raises(DataError, match="nothing was known at") as told:
            make(published, towns.TARGET, as_of=first.normalize(), alias=ALIAS)
        said.append(str(told.value))

    assert said[0] == said[1]


def test_nothing_is_published_where_a_block_fails(tmp_path, monkeypatch):
    """An engine that ends in the middle, or that does not answer, leaves no night and no pieces behind; the next run publishes it."""
    store = towns.copy(towns.street(), tmp_path / "street")
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr(blocked, "_answer", broken)
    with pytest.raises(EngineError, match="has outgrown"):
        nightly_blocks(store, towns.TARGET, **ASKED, n_blocks=2, folder=work)
    monkeypatch.undo()

    assert store.run_of(store.instant(towns.STREET_NIGHT)) is None
    assert not list(work.iterdir())
    assert not nightly_blocks(store, towns.TARGET, **ASKED, n_blocks=2, folder=work).done_before


def broken(question, number):
    raise outgrown(number)


def test_what_lies_in_blocks_is_never_answered_with_nothing(published):
    """Who reads records of a city in blocks otherwise than block by block is refused."""
    at = published.instant(towns.STREET_NIGHT)
    with InBlocks(n_blocks=2).opened(published, at, []) as history:
        assert repr(history) == f"Block{History.load(published, as_of=at)!r}"
        with pytest.raises(DefinitionError, match="which lie in blocks"):
            history.at([at]).count(Stream("police_call"), 7)
        assert (
            history.at([at]).each(counted).sum() == History.load(published, as_of=at).at([at]).each(counted).sum() > 0
        )


def test_corrections_and_splits_are_followed(tmp_path):
    """Events held at the night, with their shares where a grid was split, how they first became known, and when feeds spoke last are those of memory."""
    store, at = stored(tmp_path / "land"), pd.Timestamp("2025-06-02", tz=ZONE)
    whole, instant = History.load(store, as_of=at), micros(at)
    with InBlocks(n_blocks=3).opened(store, at, []) as history:
        pd.testing.assert_frame_equal(history.events_at(at).frame(), whole.events_at(at).frame())
        assert history.last_told_of(instant) == whole.last_told_of(instant)
        one, other = (told(h, instant) for h in (history, whole))
        pd.testing.assert_frame_equal(one, other)
        assert (one["weight"] < 1).any()
        assert history.at([at]).each(of_feed).sum() == whole.at([at]).each(of_feed).sum() > 0


def told(history, at):
    """Events as they first became known as a table, those of one grid in no particular order."""
    names = ["source", "category", "grid", "start", "occurred", "weight", "severity", "origin"]
    rows = [rows for source in history.words["source"] for rows in history.first_told(at, source)]
    columns = {name: np.concatenate([getattr(share, name) for share in rows]).astype(float) for name in names}
    words = history.words["category"]
    table = pd.DataFrame(columns).assign(category=words[columns["category"].astype(int)])
    return table.sort_values(names, ignore_index=True)


def of_feed(snapshot):
    return snapshot.count(Stream("dispute"), 28)


def counted(snapshot):
    return snapshot.count(Stream("police_call"), 28)


def test_the_verbs_say_the_same(published, tmp_path, capsys):
    """`nightly --blocks 2` publishes the run of `nightly`, and `monitor --blocks 2` prints what `monitor` prints."""
    store = towns.copy(towns.street(), tmp_path / "street")
    asked = ["--as-of", towns.STREET_NIGHT, "--target", towns.TARGET, "--alias", ALIAS, "--store"]
    main(["nightly", *asked, str(store.path), "--blocks", "2", "--quiet"])
    check_same(store, published)
    capsys.readouterr()
    said = []
    for more in ((), ("--blocks", "2")):
        main(["monitor", *asked, str(published.path), "--feeds", *more])
        said.append(capsys.readouterr().out)
    assert said[0] == said[1] != ""
