"""The handover of a shift: what it counts, what is kept, and what is refused."""

import pandas as pd
import pytest
import sqlalchemy as sa
from ledger_rows import a_city, alert, day, gap, publish

from riskwarn.errors import DataError, NotFoundError, PrivacyError
from riskwarn.ledger import Ledger, enter, keep_note, notes, shift
from riskwarn.ledger.tables import NOTES

BODY = [{"name": "came", "heading": "1. What came", "lines": ["2 alerts came."]}]


@pytest.fixture(params=["sqlite", "postgresql"])
def ledger(tmp_path, request):
    """Two red alerts in two townships, published on a Monday at half past seven, on either database."""
    url = None if request.param == "sqlite" else request.getfixturevalue("postgres_database")
    store = a_city(tmp_path)
    publish(store, 0, alerts=[alert("G1"), alert("G4")], gaps=[gap("G03", "grid:G1")])
    with Ledger(store, url=url) as made:
        enter(made, at="2025-03-03 07:30")
        yield made


def test_a_shift_counts_what_lies_within_it(ledger):
    """What came and what people did from the first instant on and before the last; what the night did is no step of the shift."""
    leader = ledger.actor("shift_leader", account="a")
    first = ledger.items(kind="alert")["item_id"].iloc[0]
    ledger.act(first, "acknowledge", leader, at="2025-03-03 08:00")
    ledger.act(first, "dismiss", leader, reason="duplicate", at="2025-03-03 20:00")
    made = shift(ledger, "2025-03-03 07:30", "2025-03-03 20:00")

    assert made.came["kind"].value_counts().to_dict() == {"alert": 2, "gap": 1}
    assert made.done["action"].tolist() == ["acknowledge"]
    assert shift(ledger, "2025-03-03 08:00", "2025-03-03 20:00").came.empty
    assert shift(ledger, "2025-03-03 20:00", "2025-03-03 21:00").done["action"].tolist() == ["dismiss"]


def test_a_shift_of_the_past_is_told_as_it_stood_at_its_end(ledger):
    """What was done, graded or listed after its end is not in it: states, items and clocks are those of the last moment."""
    leader = ledger.actor("shift_leader", account="a")
    first = ledger.items(kind="alert")["item_id"].iloc[0]
    ledger.act(first, "acknowledge", leader, at="2025-03-03 09:00")
    before = shift(ledger, "2025-03-03 07:30", "2025-03-03 12:00", hours=200)
    ledger.act(first, "dismiss", leader, reason="duplicate", at="2025-03-03 12:00")
    publish(ledger.store, 1, alerts=[alert("G2")])
    enter(ledger, at="2025-03-04 07:30")
    after = shift(ledger, "2025-03-03 07:30", "2025-03-03 12:00", hours=200)
    early = shift(ledger, "2025-03-03 07:30", "2025-03-03 08:00")

    for part in ("came", "done", "open_items", "due"):
        shown = ["item_id", *({"state", "level", "clock", "due_at"} & {*getattr(before, part)})]
        pd.testing.assert_frame_equal(getattr(after, part)[shown], getattr(before, part)[shown])
    assert after.open_items.set_index("item_id").loc[first, "state"] == "acknowledged"
    assert early.open_items.set_index("item_id").loc[first, "state"] == "published"
    assert first in set(after.due["item_id"])
    assert early.due.set_index("item_id").loc[first, "clock"] == "acknowledge"


def test_what_is_due_next_is_named_once_and_by_the_most_urgent_clock(ledger):
    """An item stands once, with what is due first; what is due after the next shift is left out."""
    assert shift(ledger, "2025-03-03 07:00", "2025-03-03 08:00", hours=1).due.empty
    due = shift(ledger, "2025-03-03 07:00", "2025-03-03 08:00", hours=12).due

    assert not due["item_id"].duplicated().any()
    assert set(due.loc[due["kind"] == "alert", "light"]) == {"green"}
    assert (due["due_at"] < pd.Timestamp("2025-03-03 20:00", tz="Asia/Shanghai")).all()


def test_a_township_hands_over_its_own(ledger):
    """Nothing of another township is in it, and its notes are not another's to read."""
    made = shift(ledger, "2025-03-03 07:00", "2025-03-03 20:00", area="T2")
    note = keep_note(ledger, made, ledger.actor("township_centre", area="T2"), remarks="", language="en", body=BODY)

    assert set(made.open_items["grid_ids"]) == {"G4"}
    assert [n.note_id for n in notes(ledger, area="T2")] == [n.note_id for n in notes(ledger)] == [note]
    assert notes(ledger, area="T1") == []
    with pytest.raises(NotFoundError, match="no handover"):
        notes(ledger, area="T1", note_id=note)


def test_a_note_is_kept_once_as_it_was_read_with_who_wrote_it(ledger):
    """Kept twice it is one; it holds remarks, role and area, a digest and no name, and only grows."""
    made = shift(ledger, "2025-03-03 07:00", "2025-03-03 20:00")
    leader = ledger.actor("shift_leader", account="desk-1")
    kept = {keep_note(ledger, made, leader, remarks="Watch T1 tonight", language="en", body=BODY) for _ in range(2)}
    (note,) = notes(ledger)

    assert kept == {note.note_id}
    assert (note.remarks, note.role, note.area, note.sound) == ("Watch T1 tonight", "shift_leader", "*", True)
    assert note.account
    assert "desk" not in note.account
    assert note.body == BODY
    with pytest.raises(sa.exc.DBAPIError, match="only grows"), ledger.engine.begin() as link:
        link.execute(sa.update(NOTES).values(remarks="nothing"))


def test_a_note_that_was_changed_says_so(ledger):
    """Behind the database's back a word was changed: the note is not sound."""
    if ledger.engine.dialect.name != "sqlite":
        pytest.skip("the trigger of one database is enough to take away")
    made = shift(ledger, "2025-03-03 07:00", "2025-03-03 20:00")
    keep_note(ledger, made, ledger.actor("shift_leader"), remarks="as it was", language="en", body=BODY)
    with ledger.engine.begin() as link:
        link.execute(sa.text("DROP TRIGGER notes_no_update"))
        link.execute(sa.update(NOTES).values(remarks="as it was not"))

    assert [note.sound for note in notes(ledger)] == [False]
    assert not ledger.verify().sound


def test_handovers_are_told_the_latest_first(ledger):
    """By the end of the shift, as many as are asked; who asks for one by its name gets that one. Its name has sixteen digits, and differs with shift, area, account and remarks."""
    leader, other = (ledger.actor("shift_leader", account=name) for name in ("a", "b"))
    morning, evening = (shift(ledger, "2025-03-03 07:00", f"2025-03-03 {end}:00") for end in (14, 20))
    township = shift(ledger, "2025-03-03 07:00", "2025-03-03 14:00", area="T1")
    kept = [
        keep_note(ledger, made, actor, remarks=said, language="en", body=BODY)
        for made, actor, said in (
            (evening, leader, ""),
            (morning, leader, ""),
            (morning, other, ""),
            (morning, leader, "x"),
            (township, leader, ""),
        )
    ]
    told = notes(ledger)

    assert len(set(kept)) == 5
    assert {len(name) for name in kept} == {16}
    assert [note.note_id for note in told] == [kept[0], *kept[:0:-1]]
    assert [note.note_id for note in notes(ledger, limit=2)] == [kept[0], kept[4]]
    assert [note.note_id for note in notes(ledger, note_id=kept[1])] == [kept[1]]
    assert [note.note_id for note in notes(ledger, area="T1")] == [kept[4]]
    assert all(note.sound for note in told)


def test_what_is_due_with_the_end_of_the_next_shift_is_left_to_the_one_after(ledger):
    """Due at ten: a shift from eight of two hours has it not, one of a minute more has it."""
    due = [
        shift(ledger, "2025-03-03 07:00", "2025-03-03 08:00", hours=hours).due["clock"].tolist()
        for hours in (2, 2 + 1 / 60)
    ]

    assert [names.count("acknowledge") for names in due] == [0, 2]


@pytest.mark.parametrize("remarks", ["call 13812345678", "ok\nID 11010519491231002X", "x" * 1001])
def test_a_person_in_the_remarks_is_not_kept(ledger, remarks):
    """A number of a person in any line, or more letters than are read, keeps nothing."""
    made = shift(ledger, "2025-03-03 07:00", "2025-03-03 20:00")
    with pytest.raises((PrivacyError, DataError)):
        keep_note(ledger, made, ledger.actor("shift_leader"), remarks=remarks, language="en", body=BODY)

    assert notes(ledger) == []


def test_a_shift_ends_after_it_begins(ledger):
    """Whatever the order of the instants, only a span is a shift."""
    with pytest.raises(DataError, match="ends after it begins"):
        shift(ledger, day(1), day(0))
