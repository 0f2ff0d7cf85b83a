"""What was usual when a model was trained is worked out once and kept; what it was made from decides whether it still holds."""

import dataclasses

import pandas as pd
import pytest
import towns

from riskwarn import monitoring, tracking
from riskwarn.history import History
from riskwarn.monitoring import usual
from riskwarn.monitoring.drift import training_dates
from riskwarn.monitoring.usual import Memory, Usual

NIGHT = pd.Timestamp(towns.STREET_NIGHT, tz=towns.ZONE)
NEXT = NIGHT + pd.Timedelta(days=1)


@pytest.fixture
def store(tmp_path):
    return towns.new_street(tmp_path / "street")


@pytest.fixture(scope="module")
def model():
    return tracking.kept(towns.street().path, towns.TARGET, alias=tracking.CANDIDATE)


def checked(store, model, at, *, keeping=True):
    history = History.load(store, as_of=at)
    return monitoring.check_all(history, [model], at, store=store if keeping else None)


def recalled(store, model, at=NEXT):
    history = History.load(store, as_of=at)
    return Memory(store, history).recall(model, model.feature_names, training_dates(model, towns.ZONE))


def kept_files(store):
    return sorted((store.path / "models" / towns.TARGET).glob(".usual-*"))


def late_call(known_at):
    return towns.street_events(days=2, seed=5).head(1).assign(event_id="late", known_at=known_at)


def test_what_was_kept_gives_the_same_marks(store, model, monkeypatch):
    """The night after reads what the night before kept, works nothing of it out, and its marks are the very same."""
    first = checked(store, model, NIGHT)
    plain = [checked(store, model, at, keeping=False) for at in (NIGHT, NEXT)]
    monkeypatch.setattr(Usual, "of", lambda *_: pytest.fail("worked out again"))

    pd.testing.assert_frame_equal(first, plain[0], check_exact=True)
    pd.testing.assert_frame_equal(checked(store, model, NEXT), plain[1], check_exact=True)


def test_what_becomes_known_later_leaves_it(store, model):
    """Each day brings records; what was known in the training time is what it was."""
    checked(store, model, NIGHT)
    store.write("events", late_call(NIGHT + pd.Timedelta(hours=2)))

    assert recalled(store, model) is not None


def delivered(arrived_at):
    counts = dict.fromkeys(("received", "accepted", "quarantined", "duplicate"), 1)
    row = {"source": "police_call", "org_code": "*", "batch_id": str(arrived_at), "arrived_at": arrived_at, **counts}
    return "feed_log", pd.DataFrame([row])


def sent(sent_at, closed_at, call_id="c"):
    row = {"call_id": call_id, "to_org": "b", "sent_at": sent_at, "closed_at": closed_at}
    return "diversions", pd.DataFrame([row])


def test_the_digest_of_what_was_known_hears_nothing_later(store):
    """Records, deliveries and closings after an instant change nothing, those before it do, in its own month too."""
    at, hour = pd.Timestamp("2025-06-15", tz=towns.ZONE), pd.Timedelta(hours=1)
    store.write(*sent(at - 9 * hour, None))
    digests = [store.digest_before(at)]
    for name, rows in (("events", late_call(at + hour)), delivered(at + hour), sent(at - 9 * hour, at + hour)):
        store.write(name, rows)
        digests.append(store.digest_before(at))
    assert set(digests) == {digests[0]}
    for name, rows in (("events", late_call(at - hour)), delivered(at - hour), sent(at - 9 * hour, at - hour, "d")):
        store.write(name, rows)
        digests.append(store.digest_before(at))
    assert len(set(digests)) == 4


def test_a_record_of_the_training_time_voids_it(store, model):
    """One record more that was known then, in the last month of it or before, and what was usual is worked out again."""
    dates = training_dates(model, towns.ZONE)
    checked(store, model, NIGHT)
    for number, known_at in enumerate((dates[0] + pd.Timedelta(hours=1), dates[-1] + pd.Timedelta(hours=1))):
        assert recalled(store, model) is not None
        store.write("events", late_call(known_at).assign(event_id=f"late{number}"))
        assert recalled(store, model) is None
        plain = checked(store, model, NEXT, keeping=False)
        pd.testing.assert_frame_equal(checked(store, model, NEXT), plain, check_exact=True)


def test_grids_calendar_and_code_void_it(store, model, monkeypatch):
    """So do another table of grids, a calendar, and another version of the code."""
    checked(store, model, NIGHT)
    held = recalled(store, model)
    monkeypatch.setattr(usual, "_code", lambda: "another")
    other_code = recalled(store, model)
    monkeypatch.undo()
    (store.path / "calendar.csv").write_text("date,kind\n2025-01-01,holiday\n", "utf-8")
    other_calendar = recalled(store, model)
    (store.path / "calendar.csv").unlink()
    again = recalled(store, model)
    store.write("grids", towns.street_grids().assign(area_km2=2.0))

    assert held is not None
    assert again is not None
    assert (other_code, other_calendar, recalled(store, model)) == (None, None, None)


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b[:-9] + b"x" + b[-8:], lambda _: b""])
def test_a_damaged_file_is_worked_out_again(store, model, damage):
    """A file that was cut off or changed is not read, costs no night, and is whole again afterwards."""
    checked(store, model, NIGHT)
    (file,) = kept_files(store)
    whole = file.read_bytes()
    file.write_bytes(damage(whole))

    assert recalled(store, model, NIGHT) is None
    pd.testing.assert_frame_equal(checked(store, model, NIGHT), checked(store, model, NIGHT, keeping=False))
    assert file.read_bytes() == whole


def test_old_models_leave_nothing_behind(store, model):
    """Two files a target stay: the champion's, and that of a model beside it."""
    for number in range(4):
        checked(store, dataclasses.replace(model, line_share=model.line_share / 2 + number / 10), NIGHT)

    assert len(kept_files(store)) == 2
