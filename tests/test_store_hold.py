"""Rolling back and pruning: a rollback stays until it is released, and what must be kept is kept, wherever a job breaks off."""

import json
import time

import interrupted
import pandas as pd
import pytest
import towns
from test_store import GRIDS, ZONE
from towns import web as town
from visiting import at_the_machine

from riskwarn.cli import main
from riskwarn.errors import DataError, HeldError, NotFoundError
from riskwarn.pipeline import nightly
from riskwarn.store import Store
from riskwarn.web import create_app

DAY = "2025-01-08"


def published(path, days=1, first=DAY):
    """A store with nights of two runs each, the later one holding."""
    store = Store(path, timezone=ZONE)
    store.write("grids", GRIDS)
    for day in pd.date_range(first, periods=days):
        for run in ("first", "second"):
            store.publish(day.date(), {}, run=run, facts={"run": run})
    return store


def test_a_rollback_stays_until_it_is_released(tmp_path, record_property):
    """Who reads sees the earlier run; nobody publishes over it; released, it stays until the next run is published."""
    store = published(tmp_path / "city")
    begin = time.monotonic()
    store.roll_back(DAY, "first", why="half a feed")
    record_property("most seconds for a rollback", time.monotonic() - begin)

    assert store.run_of(DAY) == store.night(DAY).run == store.newest_night().run == "first"
    with pytest.raises(
        HeldError, match=r"2025-01-08 is held at run first .*half a feed.*rollback 2025-01-08 --release"
    ):
        store.publish(DAY, {}, run="third")
    assert store.runs(DAY) == ["first", "second"]
    assert store.publish(DAY, {}, run="first").name == "first"
    hold = store.hold_of(DAY)
    assert (hold.run, hold.why, pd.Timestamp(hold.since).tz is not None) == ("first", "half a feed", True)

    assert store.release(DAY) == hold
    assert (store.hold_of(DAY), store.run_of(DAY)) == (None, "first")
    store.publish(DAY, {}, run="third")
    assert store.run_of(DAY) == "third"
    assert [line["verb"] for line in store.noted()] == ["rollback", "release"]


def test_another_night_goes_on(tmp_path):
    """Only the night that was rolled back is held."""
    store = published(tmp_path / "city", days=2)
    store.roll_back(DAY, "first", why="x")
    store.publish("2025-01-09", {}, run="third")

    assert (store.run_of(DAY), store.run_of("2025-01-09")) == ("first", "third")
    assert [str(at.date()) for at in store.holds()] == [DAY]


@pytest.mark.parametrize(
    ("act", "kind", "said"),
    [
        (lambda s: s.roll_back(DAY, "never", why="x"), NotFoundError, "has no run 'never'; its runs: first, second"),
        (lambda s: s.roll_back(DAY, "first", why=" "), DataError, "needs its reason"),
        (lambda s: s.release(DAY), NotFoundError, "no rollback holds 2025-01-08"),
    ],
)
def test_what_cannot_be_rolled_back_is_told(tmp_path, act, kind, said):
    """Nothing changes then."""
    store = published(tmp_path / "city")
    with pytest.raises(kind, match=said):
        act(store)

    assert (store.run_of(DAY), store.hold_of(DAY)) == ("second", None)


def test_a_damaged_run_is_not_rolled_back_to(tmp_path):
    """A file of it changed: the run that holds stays."""
    store = published(tmp_path / "city")
    (store.path / "nights" / DAY / "first" / "facts.json").write_text("{}")
    with pytest.raises(DataError, match="damaged or missing"):
        store.roll_back(DAY, "first", why="x")

    assert store.run_of(DAY) == "second"


@pytest.mark.parametrize("verb", ["roll_back", "release"])
def test_a_rollback_that_breaks_off_is_done_or_not(tmp_path, verb):
    """Killed before whichever change to a file: the night is held at the earlier run, or as it was; never a third thing."""
    steps = {
        "roll_back": (lambda s: s.roll_back(DAY, "first", why="x"), ("second", False), ("first", True)),
        "release": (lambda s: s.release(DAY), ("first", True), ("first", False)),
    }
    act, before, after = steps[verb]
    seen, code, step = [], None, 0
    while code != interrupted.DONE:
        step += 1
        store = published(tmp_path / f"city{step}")
        if verb == "release":
            store.roll_back(DAY, "first", why="x")
        code = interrupted.at_step(step, lambda store=store: act(store), store.path, kill=True)
        seen.append((store.run_of(DAY), store.hold_of(DAY) is not None))

    assert step > 2
    assert set(seen) == {before, after}
    assert seen == sorted(seen, key=[before, after].index)


def test_a_damaged_hold_holds_and_is_told(tmp_path):
    """The run rolled back to holds all the same, and doctor has the sentence."""
    store = published(tmp_path / "city")
    store.roll_back(DAY, "first", why="x")
    (store.path / "nights" / DAY / "hold.json").write_text("{")

    assert store.run_of(DAY) == "first"
    assert [f for f in store.faults() if "rollback is damaged" in f]


def test_the_next_night_does_not_undo_it(tmp_path, capsys):
    """From the command line: the night ends with 30 and says why; released, it publishes again."""
    store = towns.copy(towns.street(), tmp_path / "street")
    night = ("nightly", "--as-of", towns.STREET_NIGHT, "--alias", "candidate", "--store", str(store.path), "--json")
    back = ("rollback", towns.STREET_NIGHT, "--store", str(store.path), "--json")
    assert main([*night, "--capacity", "3"]) == main([*night, "--capacity", "4"]) == 0
    first, second = store.runs(towns.STREET_NIGHT)
    assert main([*back, "--run", first, "--why", "too short"]) == 0
    capsys.readouterr()
    assert main([*night, "--capacity", "4"]) == 30
    told = json.loads(capsys.readouterr().err)

    assert (told["error"], store.run_of(towns.STREET_NIGHT)) == ("HeldError", first)
    assert "too short" in told["message"]
    assert main([*night, "--capacity", "3"]) == 0
    assert main([*back]) == main([*back, "--run", first, "--release"]) == 11
    assert f"runs of {towns.STREET_NIGHT}: {first}, {second}" in capsys.readouterr().err
    assert main([*back, "--release"]) == main([*night, "--capacity", "4"]) == 0
    assert store.run_of(towns.STREET_NIGHT) == second


# --- pruning


def test_thirty_nights_stay(tmp_path):
    """The oldest go, all of each; a dry run takes nothing; what is held stays however old."""
    store = published(tmp_path / "city", days=34)
    days = [at.date().isoformat() for at in store.nights()]
    store.roll_back(days[1], "first", why="kept for the inquiry")
    told = store.prune(dry_run=True)

    assert [n.as_of.date().isoformat() for n in told] == [days[0], days[2], days[3]]
    assert len(store.nights()) == 34
    assert store.prune() == told
    assert min(n.n_bytes for n in told) > 0
    assert [at.date().isoformat() for at in store.nights()] == [days[1], *days[4:]]
    assert store.prune() == []
    assert [line["verb"] for line in store.noted()] == ["rollback", "prune"]
    with pytest.raises(DataError, match="at least 30 nights are kept, got 29"):
        store.prune(keep=29)


def test_the_newest_sound_night_stays(tmp_path):
    """Though thirty newer ones are damaged."""
    store = published(tmp_path / "city", days=32)
    for at in store.nights()[1:]:
        (store.night(at).path / "facts.json").write_text("{")

    assert store.newest_night().as_of == store.nights()[0]
    assert [n.as_of for n in store.prune()] == [store.nights()[0] + pd.Timedelta(days=1)]
    assert len(store.nights()) == 31


def test_what_was_set_aside_goes_with_nights_as_old(tmp_path):
    """It stays as it was first set aside, through the date of the oldest night that stays; a dry run takes nothing."""
    store = published(tmp_path / "city", days=32)
    days = [at.date().isoformat() for at in store.nights()]
    for day, why in [(days[0], "first"), (days[2], "first"), (days[-1], "first"), (days[-1], "again")]:
        store.set_aside(day, {}, run="odd", facts={"why": why})
    store.prune(dry_run=True)
    assert [folder.parent.name for folder in store.aside()] == [days[0], days[2], days[-1]]

    store.prune()
    assert [folder.parent.name for folder in store.aside()] == [days[2], days[-1]]
    assert json.loads((store.aside()[-1] / "facts.json").read_text("utf-8")) == {"why": "first"}


def test_pruning_that_breaks_off_leaves_whole_nights(tmp_path):
    """Killed before whichever change: each night is there whole or not at all, the newest thirty are, and no scraps stay."""
    code, step = None, 0
    first = published(tmp_path / "city", days=32)
    while code != interrupted.DONE:
        step += 1
        store = towns.copy(first, tmp_path / f"city{step}")
        code = interrupted.at_step(step, store.prune, store.path, kill=True)
        for at in store.nights():
            store.night(at).check()
        assert store.nights() in (first.nights(), first.nights()[1:], first.nights()[2:])
        store.write("grids", GRIDS)
        assert [p.name for p in (store.path / "nights").iterdir() if p.name.startswith(".")] == []

    assert step > 4
    assert store.nights() == first.nights()[2:]


def test_pruning_names_no_other_run(tmp_path):
    """A night that is published stays done after old ones went: a rerun computes nothing."""
    store = towns.copy(towns.street(), tmp_path / "street")
    at = store.instant(towns.STREET_NIGHT)
    for days in range(40, 0, -1):
        store.publish(at - pd.Timedelta(days=days), {}, run="a", facts={})
    night = nightly(store, towns.TARGET, as_of=at, alias="candidate")

    assert len(store.prune()) == 11
    assert nightly(store, towns.TARGET, as_of=at, alias="candidate").run == night.run


def test_a_torn_line_of_the_log_is_passed_over(tmp_path):
    """A job killed while it wrote: the next line begins anew."""
    store = published(tmp_path / "city")
    with (store.path / "operations.jsonl").open("w") as log:
        log.write('{"verb": "roll')
    store.note("prune", nights=[])

    assert [line["verb"] for line in store.noted()] == ["prune"]


PAGES = ("/", "/grids", "/grids/G0001", "/gaps", "/alerts", "/model", "/feeds")


def test_the_page_says_that_a_list_is_held(tmp_path):
    """Every page of the night, in both languages, and not the operator's reason; released, none does."""
    store = town.build(tmp_path / "town", nights=("2025-01-08",))
    client = at_the_machine(create_app(store.path, clock=lambda: town.NOW))
    texts = {"en": "was rolled back to an earlier run on 20", "zh": "回退到较早一次运行结果并锁定"}

    def told():
        pages = [(lang, client.get(page, params={"lang": lang}).text) for page in PAGES for lang in texts]
        return {(texts[lang] in page, "half a feed" in page) for lang, page in pages}

    assert told() == {(False, False)}
    store.roll_back("2025-01-08", store.run_of("2025-01-08"), why="half a feed")
    assert told() == {(True, False)}
    store.release("2025-01-08")
    assert told() == {(False, False)}
