"""The ledger: one winner, a chain that shows every damage, migrations both ways, on SQLite and PostgreSQL."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ledger_rows import NIGHT, NOW, AnyLedger, a_ledger, an_item, walk

from riskwarn.errors import (
    ConflictError,
    DataError,
    DefinitionError,
    ForbiddenError,
    NotFoundError,
    PrivacyError,
    StepError,
    TamperedError,
)
from riskwarn.ledger import Ledger, chain, database, keep_note, moving, shift
from riskwarn.ledger.tables import METADATA, ONLY_GROW, REVISION, TRANSITIONS

ENGINES = ("sqlite", "postgresql")
SCRIPTS = ScriptDirectory(str(Path(database.__file__).with_name("migrations")))


@pytest.fixture(params=ENGINES)
def url(request, tmp_path):
    """Where a new ledger may lie, on each engine."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'other.db'}"
    return request.getfixturevalue("postgres_database")


@pytest.fixture
def ledger(tmp_path, url):
    """A ledger with three red alerts of township T1 and one gap."""
    made = a_ledger(tmp_path, url)
    yield made
    made.close()


def test_a_step_moves_the_item_and_writes_one_row(ledger: AnyLedger):
    """Acknowledging makes version 2, and the trail says role, area, a digest of the account and no name."""
    township = ledger.actor("township_centre", area="T1", account="duty-desk-3")

    item = ledger.act(ledger.first, "acknowledge", township, at=NOW)
    trail = ledger.trail(ledger.first)

    assert (item.state, item.version) == ("acknowledged", 2)
    assert trail[["action", "from_state", "to_state", "role", "area"]].to_numpy().tolist() == [
        ["publish", "draft", "published", "night", "*"],
        ["acknowledge", "published", "acknowledged", "township_centre", "T1"],
    ]
    assert len(trail["account"].iloc[1]) == 16
    assert "duty" not in trail.to_csv()
    assert ledger.verify() == chain.Verified(5, ledger.verify().head, ())


@pytest.mark.parametrize(
    ("role", "area", "action", "given", "kind", "said"),
    [
        ("grid_head", "T1", "acknowledge", {}, ForbiddenError, "grid_head may not acknowledge a red alert that is published; it is for township_centre"),
        ("township_centre", "T2", "acknowledge", {}, ForbiddenError, "lies outside the area 'T2'"),
        ("township_centre", "T1", "close", {}, StepError, "nobody can close a red alert that is published; township_centre can: acknowledge, escalate"),
        ("shift_leader", "*", "dismiss", {}, StepError, "dismiss wants a reason; one of in_hand"),
        ("shift_leader", "*", "dismiss", {"reason": "dupliate"}, StepError, "did you mean 'duplicate'"),
        ("shift_leader", "*", "acknowledge", {"reason": "duplicate"}, StepError, "acknowledge takes no reason"),
        ("shift_leader", "*", "acknowledge", {"area": "T1"}, StepError, "acknowledge takes no area"),
        ("shift_leader", "*", "acknowlege", {}, StepError, "did you mean 'acknowledge'"),
        ("auditor", "*", "acknowledge", {}, ForbiddenError, "auditor may not"),
        ("shift_leader", "*", "acknowledge", {"version": 7}, ConflictError, "is at version 1 by now, you saw 7"),
        ("shift_leader", "*", "acknowledge", {"at": "2999-01-01"}, DataError, "in the future"),
        ("shift_leader", "*", "acknowledge", {"at": "2025-03-01"}, StepError, "a step cannot lie before it"),
    ],
)  # fmt: skip
def test_what_may_not_be_done_is_told_and_changes_nothing(ledger: AnyLedger, role, area, action, given, kind, said):
    """A wrong role, area, state, reason, version or time is one sentence of one kind of error; no row is written."""
    with pytest.raises(kind) as error:
        ledger.act(ledger.first, action, ledger.actor(role, area=area), **{"at": NOW, **given})

    assert said in str(error.value)
    assert len(ledger.trail()) == 4
    assert ledger.verify().sound


def test_assigning_wants_an_area_and_lets_it_act(ledger: AnyLedger):
    """Who an item is assigned to may act on it, though it lies elsewhere; a name or a telephone is no code, is not repeated and not kept."""
    leader = ledger.actor("shift_leader")
    ledger.act(ledger.first, "acknowledge", leader, at=NOW)
    for area, kind in (
        ("some one", DataError),
        ("张三", DataError),
        ("x" * 33, DataError),
        ("13812345678", PrivacyError),
    ):
        with pytest.raises(kind) as error:
            ledger.act(ledger.first, "assign", leader, area=area, at=NOW)
        assert area not in str(error.value)
        with pytest.raises(kind):
            ledger.actor("grid_head", area=area)
    ledger.act(ledger.first, "assign", leader, area="BUREAU-7", at=NOW)

    bureau = ledger.actor("department_liaison", area="BUREAU-7")
    assert ledger.act(ledger.first, "start", bureau, at=NOW).state == "in_progress"


def test_an_item_is_found_by_its_names(ledger: AnyLedger):
    """By its own, the beginning of it, or that of the night; an unknown or doubtful one is told."""
    item = ledger.item(ledger.first)

    assert ledger.item(item.item_id[:8]) == ledger.item(item.source_id) == item
    with pytest.raises(NotFoundError, match="no item 'zzzz'"):
        ledger.item("zzzz")
    with pytest.raises(NotFoundError, match=f"no item '{'z' * 40}'"):
        ledger.item("z" * 41)


def test_a_name_may_be_short_where_it_is_the_only_one(ledger: AnyLedger):
    """Four letters are enough and three are not; of two that begin alike more must be written; of several listed under one name the newest is meant."""
    twins = [vars(an_item(n)) | {"item_id": f"zz00{n}", "source_id": "twin"} for n in (7, 8)]
    twins[1]["first_night"] += pd.Timedelta(days=1).to_pytimedelta()
    with database.linked(ledger.engine, writes=True) as link:
        link.execute(sa.insert(METADATA.tables["items"]), twins)

    assert ledger.item(ledger.first[:4]).item_id == ledger.first
    with pytest.raises(NotFoundError, match="no item"):
        ledger.item(ledger.first[:3])
    with pytest.raises(NotFoundError, match="several items begin with 'zz00'"):
        ledger.item("zz00")
    assert ledger.item("zz007").item_id == "zz007"
    assert ledger.item("twin").item_id == "zz008"


def test_a_step_is_found_by_its_key(ledger: AnyLedger):
    """By item, actor and key; of the key a digest of thirty-two digits is kept. Without a key it is found by its number; another's, another key or another number finds none."""
    leader, other = (ledger.actor("shift_leader", account=name) for name in ("a", "b"))
    ledger.act(ledger.first, "acknowledge", leader, key="k-1", at=NOW)
    ledger.act(ledger.first, "assign", leader, area="T1", at=NOW)
    kept = ledger.trail(ledger.first)["detail"].iloc[1]["key"]

    assert len(kept) == 32
    assert ledger.taken(ledger.first, leader, "k-1")["action"] == "acknowledge"
    assert ledger.taken(ledger.first, leader, "", n=3)["action"] == "assign"
    assert [
        ledger.taken(ledger.first, leader, "k-2"),
        ledger.taken(ledger.first, other, "k-1"),
        ledger.taken(ledger.first, leader, "k-1", n=3),
    ] == [None] * 3


def test_the_gravest_come_first(ledger: AnyLedger):
    """By level, of one level by kind, then by the night it was first listed; a level the workflow does not name comes last."""
    later = NIGHT.tz_convert("UTC").to_pydatetime() + pd.Timedelta(days=1).to_pytimedelta()
    with database.linked(ledger.engine, writes=True) as link:
        more = [
            an_item(70, level="mauve"),
            an_item(71, level="blue", first_night=later),
            an_item(72, level="blue"),
            an_item(73, kind="gap", level="red"),
        ]
        link.execute(sa.insert(METADATA.tables["items"]), [vars(i) | {"item_id": f"x{n}"} for n, i in enumerate(more)])
    told = ledger.items()[["level", "kind"]].to_numpy().tolist()

    assert told == [
        *[["red", "alert"]] * 3,
        ["red", "gap"],
        ["yellow", "gap"],
        *[["blue", "alert"]] * 2,
        ["mauve", "alert"],
    ]
    assert ledger.items(level="blue")["item_id"].tolist() == ["x2", "x1"]


def test_a_grid_is_found_by_its_whole_name(ledger: AnyLedger):
    """An item is listed for each of its grids, and not for one whose name is the beginning of theirs."""
    with database.linked(ledger.engine, writes=True) as link:
        row = vars(an_item(70, grid_ids="G1 G22")) | {"item_id": "x"}
        link.execute(sa.insert(METADATA.tables["items"]), [row])

    assert [len(ledger.items(grid_id=grid)) for grid in ("G1", "G22", "G2", "G")] == [1, 1, 0, 0]


@pytest.mark.parametrize(
    ("into", "kind", "said"),
    [
        ("itself", StepError, "can be merged with another open alert alone"),
        ("gap", StepError, "can be merged with another open alert alone"),
        ("ended", StepError, "can be merged with another open alert alone"),
        ("elsewhere", ForbiddenError, "lies outside the area 'T1'"),
    ],
)
def test_one_is_merged_with_another_open_one_of_its_kind(ledger: AnyLedger, into, kind, said):
    """Neither with itself nor with a gap, nor with what has ended or lies in another's area."""
    leader, other = ledger.actor("shift_leader"), ledger.items(kind="alert")["item_id"].tolist()
    other.remove(ledger.first)
    with ledger.writing(NOW) as pen:
        there = pen.publish(an_item(50, path="C1/T2"), ledger.actor("night"), "listed").item_id
    ledger.act(other[0], "dismiss", leader, reason="duplicate", at=NOW)
    named = {
        "itself": ledger.first,
        "gap": ledger.items(kind="gap")["item_id"].iloc[0],
        "ended": other[0],
        "elsewhere": there,
    }
    actor = ledger.actor("township_centre", area="T1") if into == "elsewhere" else leader
    roles = ledger.workflow.roles_for("merge", "published", kind="alert", level="red")
    actor = replace(actor, role=roles[0])

    with pytest.raises(kind, match=said):
        ledger.act(ledger.first, "merge", actor, into=named[into], reason="same_place", at=NOW)
    assert ledger.item(ledger.first).version == 1


def test_what_was_merged_and_goes_on_stands_for_itself(ledger: AnyLedger):
    """Merged, it names the one it is worked as; reopened, none."""
    leader, other = ledger.actor("shift_leader"), ledger.items(kind="alert")["item_id"].iloc[-1]
    into = other if other != ledger.first else ledger.items(kind="alert")["item_id"].iloc[0]
    merged = ledger.act(ledger.first, "merge", leader, into=into, reason="same_place", at=NOW)
    step = next(s for s in ledger.workflow.steps if s.action == "reopen" and "merged" in s.when)
    actor = replace(leader, role=step.by[0])
    reopened = ledger.act(ledger.first, "reopen", actor, reason=step.reasons[0], at=NOW)

    assert (merged.parent, reopened.parent) == (into, "")
    assert ledger.verify().sound


def test_a_clock_may_be_five_minutes_ahead(ledger: AnyLedger):
    """A step of some minutes ahead is taken, for clocks differ; of more than five it is one in the future."""
    now, leader = pd.Timestamp.now(tz="Asia/Shanghai"), ledger.actor("shift_leader")

    with pytest.raises(DataError, match="in the future"):
        ledger.act(ledger.first, "acknowledge", leader, at=now + pd.Timedelta(minutes=5, seconds=50))
    assert ledger.act(ledger.first, "acknowledge", leader, at=now + pd.Timedelta(minutes=4)).version == 2


def test_two_at_once_have_one_winner(ledger: AnyLedger):
    """Of eight who saw the same version and act together one moves the item; seven are told who was first."""
    seen = ledger.item(ledger.first).version
    start, results = threading.Barrier(8), []

    def act(n: int) -> None:
        actor = ledger.actor("township_centre" if n % 2 else "shift_leader", account=f"desk-{n}")
        start.wait()
        try:
            results.append(ledger.act(ledger.first, "acknowledge", actor, version=seen))
        except Exception as error:  # noqa: BLE001 - told below
            results.append(error)

    threads = [threading.Thread(target=act, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lost = [r for r in results if isinstance(r, Exception)]

    assert [type(e) for e in lost] == [ConflictError] * 7
    assert all("did acknowledge at" in str(e) for e in lost)
    assert ledger.item(ledger.first).version == 2
    assert ledger.verify().sound


def test_actions_on_different_items_at_once_make_one_chain(tmp_path, url):
    """Sixteen items acted on by eight threads: every step is there, and the chain is whole."""
    ledger = a_ledger(tmp_path, url, n_alerts=16)
    ids = ledger.items(kind="alert")["item_id"].tolist()

    def act(item_id: str) -> str:
        return ledger.act(item_id, "acknowledge", ledger.actor("shift_leader")).state

    with ThreadPoolExecutor(8) as pool:
        states = list(pool.map(act, ids))

    assert states == ["acknowledged"] * 16
    assert (ledger.items(kind="alert")["state"] == "acknowledged").all()
    assert ledger.verify() == chain.Verified(33, ledger.verify().head, ())
    ledger.close()


@pytest.mark.parametrize("table", ONLY_GROW)
@pytest.mark.parametrize("change", ["UPDATE {} SET {} = {}", "DELETE FROM {}"])
def test_the_database_refuses_to_change_what_only_grows(ledger: AnyLedger, table, change):
    """No row of transitions, outcomes, nights or notes can be changed or removed while the guards stand."""
    walk(ledger, ledger.first)
    keep_note(ledger, shift(ledger, NIGHT, NOW), ledger.actor("shift_leader"), remarks="", language="en", body=[])
    column = {"transitions": "code", "outcomes": "code", "nights": "run", "notes": "remarks"}[table]
    with pytest.raises(TamperedError, match="only grows"), database.linked(ledger.engine, writes=True) as link:
        link.execute(sa.text(change.format(table, column, column)))

    assert ledger.verify().sound


# -- damage -----------------------------------------------------------------------------------------------------------


def unguarded(link):
    """What an intruder with all rights of the database does first."""
    for table in ONLY_GROW:
        on = f" ON {table}" if link.dialect.name == "postgresql" else ""
        for what in ("update", "delete"):
            link.execute(sa.text(f"DROP TRIGGER {table}_no_{what}{on}"))


def rows_of(link, table):
    return [r._asdict() for r in link.execute(sa.select(METADATA.tables[table]))]


def rewritten(link, table, rows):
    link.execute(sa.delete(METADATA.tables[table]))
    if rows:
        link.execute(sa.insert(METADATA.tables[table]), rows)


def damaged(value):
    """Another value of the same kind."""
    if isinstance(value, str):
        return value[:-1] + ("0" if value[-1:] != "0" else "1")
    if isinstance(value, dict):
        return {**value, "level": "blue", "extra": 1}
    if isinstance(value, int):
        return value + 1000
    return value + pd.Timedelta(seconds=1).to_pytimedelta()


def flip(rows, at, data):
    column = data.draw(st.sampled_from([c.name for c in TRANSITIONS.columns if c.name != "seq"]))
    rows[at][column] = damaged(rows[at][column])


def drop(rows, at, data):
    del rows[at]


def drop_and_close_up(rows, at, data):
    del rows[at]
    for row in rows[at:]:
        row["seq"] -= 1


def swap(rows, at, data):
    other = (at + 1 + data.draw(st.integers(0, len(rows) - 2))) % len(rows)
    keys = [k for k in rows[at] if k not in {"seq", "item_id", "n"}]
    for key in keys:
        rows[at][key], rows[other][key] = rows[other][key], rows[at][key]


def cut(rows, at, data):
    del rows[at:]


def rehash(rows, at, data):
    """Change a row and compute every digest from there anew, as who knows the law but not the key can."""
    rows[at]["code"] = damaged(rows[at]["code"] or "x")
    before = rows[at - 1]["digest"] if at else chain.START
    for row in rows[at:]:
        row["before"] = before
        row["digest"] = before = chain.digest_of(row)


def cut_and_tell_the_head(rows, at, data):
    del rows[at:]
    return True


DAMAGES = (flip, drop, drop_and_close_up, swap, cut, rehash, cut_and_tell_the_head)


@pytest.fixture(scope="module")
def old_ledger(tmp_path_factory):
    """A ledger of some life, and its rows."""
    made = a_ledger(tmp_path_factory.mktemp("damage"), None)
    walk(made, made.first)
    with database.linked(made.engine) as link:
        rows = {name: rows_of(link, name) for name in ("transitions", "chain", "items", "outcomes")}
    intruder = sa.create_engine(made.engine.url)  # one that minds no foreign keys
    with intruder.begin() as link:
        unguarded(link)
    return made, rows, intruder


@given(data=st.data(), damage=st.sampled_from(DAMAGES))
@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
def test_any_damage_to_the_chain_is_found(old_ledger, data, damage):
    """A row flipped in any column, dropped, swapped or cut, with or without the digests and the head computed anew, is found."""
    ledger, rows, intruder = old_ledger
    changed = [dict(r) for r in rows["transitions"]]
    at = data.draw(st.integers(0, len(changed) - 1))
    tells = damage(changed, at, data)
    head = dict(rows["chain"][0])
    if tells:
        head |= {"seq": at, "digest": changed[-1]["digest"] if changed else chain.START}
    with intruder.begin() as link:
        for name, new in (
            ("transitions", changed),
            ("chain", [head]),
            ("items", rows["items"]),
            ("outcomes", rows["outcomes"]),
        ):
            rewritten(link, name, new)

    assert [f for f in ledger.verify().faults if "no longer refuses" not in f]


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_an_item_that_says_more_than_its_trail_is_found(old_ledger, data):
    """State, level, area or any other column told by transitions, changed in the item alone, is found; and so is an item removed or an outcome changed."""
    ledger, rows, intruder = old_ledger
    columns = [
        "state",
        "level",
        "path",
        "grid_ids",
        "kind",
        "subject",
        "topic",
        "lane",
        "version",
        "owner",
        "parent",
        "first_night",
    ]
    items, outcomes = [dict(r) for r in rows["items"]], [dict(r) for r in rows["outcomes"]]
    at, column = data.draw(st.integers(0, len(items) - 1)), data.draw(st.sampled_from([*columns, "outcome"]))
    if column == "outcome":
        outcomes[0]["code"] = data.draw(st.sampled_from(["O1", "O2", "O4", "O5"]))
    else:
        items[at][column] = damaged(items[at][column] or "x")
    with intruder.begin() as link:
        for name, new in (
            ("transitions", rows["transitions"]),
            ("chain", rows["chain"]),
            ("items", items),
            ("outcomes", outcomes),
        ):
            rewritten(link, name, new)

    assert [f for f in ledger.verify().faults if f"item {items[at]['item_id']}" in f or "outcome of item" in f]


def test_nothing_is_written_onto_a_damaged_chain(ledger: AnyLedger):
    """Cut the tail, and the next step is refused with a word of what is missing; nothing hides the damage."""
    with database.linked(ledger.engine, writes=True) as link:
        unguarded(link)
        link.execute(sa.text("DELETE FROM transitions WHERE seq = 4"))

    with pytest.raises(TamperedError, match="row 4, the last one, is missing or was changed; nothing was written"):
        ledger.act(ledger.first, "acknowledge", ledger.actor("shift_leader"))


def test_an_older_copy_put_back_is_found(tmp_path):
    """A whole ledger of yesterday, chain and signed head in order, is not the one last anchored."""
    ledger = a_ledger(tmp_path, None)
    file = ledger.store.path / "ledger.db"
    old = tmp_path / "old.db"
    with database.linked(ledger.engine) as link:
        link.exec_driver_sql("COMMIT")
        link.exec_driver_sql(f"VACUUM INTO '{old}'")
        link.exec_driver_sql("BEGIN")
    ledger.act(ledger.first, "acknowledge", ledger.actor("shift_leader"), at=NOW)
    ledger.close()
    for name in ("ledger.db-wal", "ledger.db-shm"):
        (ledger.store.path / name).unlink(missing_ok=True)
    old.replace(file)

    again = Ledger(ledger.store)
    assert again.verify().faults == ("row 5 is missing or is not the one that was anchored",)
    with pytest.raises(TamperedError, match="row 5 is missing"):
        again.act(ledger.first, "acknowledge", again.actor("shift_leader"))


def test_a_new_ledger_in_the_place_of_an_old_one_is_found(tmp_path):
    """Who deletes the file does not begin with a clean one."""
    ledger = a_ledger(tmp_path, None)
    ledger.close()
    for file in ledger.store.path.glob("ledger.db*"):
        file.unlink()

    assert "the anchor is that of another ledger" in Ledger(ledger.store).verify().faults


def test_an_anchor_that_is_gone_or_forged_is_found(ledger: AnyLedger):
    """The anchor is missed where it is missing, and not believed where the store did not sign it."""
    anchor = ledger.store.path / chain.ANCHOR
    body = json.loads(anchor.read_text("utf-8"))
    anchor.write_text(json.dumps(body | {"seq": 1}), "utf-8")
    forged = ledger.verify().faults
    anchor.unlink()

    assert "is not signed by this store" in forged[0]
    assert "is missing" in ledger.verify().faults[0]


def test_a_chain_without_a_head_is_told(ledger: AnyLedger):
    """Nothing can be said of its rows, and nothing is written onto it."""
    with database.linked(ledger.engine, writes=True) as link:
        link.execute(sa.delete(METADATA.tables["chain"]))

    assert (ledger.verify().n_rows, ledger.verify().faults) == (0, ("the head of the chain is missing",))
    assert ledger.n_transitions == 0
    with pytest.raises(TamperedError, match="has lost the head of its chain"):
        ledger.act(ledger.first, "acknowledge", ledger.actor("shift_leader"))


def test_a_head_kept_elsewhere_is_compared(ledger: AnyLedger):
    """A head written down yesterday must still be in the chain."""
    head = ledger.verify().head
    ledger.act(ledger.first, "acknowledge", ledger.actor("shift_leader"), at=NOW)

    assert ledger.verify(head=f"{head.seq}:{head.digest[:12]}").sound
    assert ledger.verify(head=f"{head.seq}:{'0' * 12}").faults == (
        "row 4 is not the one whose digest was kept elsewhere",
    )
    assert ledger.verify(head=f"{head.seq}:{head.digest[:8]}").sound
    assert not ledger.verify(head=f"{head.seq + 9}:{head.digest[:8]}").sound
    for wrong in ("yesterday", f"{head.seq}:{head.digest[:7]}", f"x:{head.digest}"):
        with pytest.raises(DataError, match="ROW:DIGEST"):
            ledger.verify(head=wrong)


def test_the_anchor_moves_on_alone(ledger: AnyLedger):
    """A head of an earlier row, or the same again, leaves the anchor as it is; one further on, or that of another ledger, takes its place."""
    folder, head = ledger.store.path, ledger.verify().head
    told = []
    for other in (
        replace(head, seq=head.seq - 1, digest="a" * 64),
        replace(head, digest="b" * 64),
        replace(head, seq=head.seq + 1, digest="c" * 64),
        replace(head, ledger="0" * 32, seq=1, digest="d" * 64),
    ):
        chain.write_anchor(folder, other)
        told.append(chain.read_anchor(folder).digest[:1])

    assert told == [head.digest[0], head.digest[0], "c", "d"]


def test_the_first_twenty_faults_are_told():
    """Of a ledger that is all wrong as many as can be read, in their order; of one with fewer all."""
    many = chain.first_faults(iter(["a"]), (str(n) for n in range(30)))

    assert many == ("a", *(str(n) for n in range(19)))
    assert chain.first_faults(iter([]), iter(["a"])) == ("a",)


# -- schema -----------------------------------------------------------------------------------------------------------


def test_the_schema_goes_up_down_and_up_again(ledger: AnyLedger):
    """Down to nothing and up once more: what the revisions make is what the code declares, guards included."""
    database.migrate(ledger.engine, "base")
    with database.linked(ledger.engine) as link:
        left = set(sa.inspect(link).get_table_names()) - {"alembic_version"}
        assert left == set()
        assert chain._triggers(link) == set()
    database.migrate(ledger.engine)
    with database.linked(ledger.engine) as link:
        assert compare_metadata(MigrationContext.configure(link), METADATA) == []
        assert chain._triggers(link) == chain._guards()


def test_the_schema_goes_down_and_up_one_revision_at_a_time(tmp_path):
    """Each older revision is reached from the one above it and each newer one from the one below it; asked for the one that is there nothing happens; none is guessed."""
    engine = database.open_engine(tmp_path, None)
    database.migrate(engine)
    known = [s.revision for s in SCRIPTS.walk_revisions()]
    reached = []
    for revision in [*known, *known[::-1]]:
        database.migrate(engine, revision)
        with database.linked(engine) as link:
            reached.append(database.revision_of(link))

    assert known[0] == REVISION
    assert reached == [*known, *known[::-1]]
    with pytest.raises(NotFoundError, match=f"no schema '0042'; there are: base, {', '.join(known[::-1])}"):
        database.migrate(engine, "0042")


# -- another place ----------------------------------------------------------------------------------------------------


def test_a_ledger_moves_whole(tmp_path, monkeypatch):
    """In whatever portions it is copied, the new place has every row and the old one stays; a place with a ledger is left as it is."""
    monkeypatch.setattr(moving, "_BATCH", 3)
    ledger = a_ledger(tmp_path, None, n_alerts=6)
    walk(ledger, ledger.first)
    url = f"sqlite:///{tmp_path / 'new.db'}"

    moved = moving.move(ledger, url)
    with Ledger(ledger.store, url=url) as new:
        for name, table in METADATA.tables.items():
            with database.linked(ledger.engine) as here, database.linked(new.engine) as there:
                assert rows_of(there, name) == rows_of(here, name), table
        assert moved == ledger.verify() == new.verify()
    with pytest.raises(DataError, match=r"there is a ledger in .*new.db already"):
        moving.move(ledger, url)
    ledger.close()


def test_a_schema_without_a_ledger_is_a_free_place(tmp_path):
    """What was prepared and never begun may be moved into; a damaged ledger is moved nowhere."""
    ledger = a_ledger(tmp_path, None)
    url = f"sqlite:///{tmp_path / 'new.db'}"
    database.migrate(database.open_engine(tmp_path, url))

    assert moving.move(ledger, url).n_rows == 4
    with database.linked(ledger.engine, writes=True) as link:
        unguarded(link)
        link.execute(sa.text("UPDATE transitions SET role = 'x' WHERE seq = 2"))
    with pytest.raises(TamperedError, match="a damaged ledger is not moved: row 2 was changed"):
        moving.move(ledger, f"sqlite:///{tmp_path / 'third.db'}")
    assert not (tmp_path / "third.db").exists()
    ledger.close()


def test_another_schema_is_refused_with_the_remedy(ledger: AnyLedger):
    """A ledger of a newer or older schema is not touched."""
    with database.linked(ledger.engine, writes=True) as link:
        link.execute(sa.text("UPDATE alembic_version SET version_num = '0000'"))

    with pytest.raises(
        DefinitionError, match=rf"schema 0000, this version reads {REVISION}: run `riskwarn ledger upgrade`"
    ):
        Ledger(ledger.store, url=ledger.engine.url.render_as_string(hide_password=False))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not a url", "cannot be read"),
        ("mysql://u:s3cret@h/d", "no ledger lies at mysql://u:***@h/d"),
        ("sqlite://", "no ledger lies at sqlite://"),
        ("postgresql://u:s3cret@/d?host=/nowhere", "does not answer: OperationalError"),
    ],
)
def test_a_place_that_is_none_is_told_without_its_password(tmp_path, url, said):
    """A URL that cannot be read, names no known engine or does not answer is one sentence."""
    with pytest.raises((DefinitionError, NotFoundError)) as error:
        a_ledger(tmp_path, url)

    assert said in str(error.value)
    assert "s3cret" not in str(error.value)


def test_a_store_that_is_not_made_has_no_ledger(tmp_path):
    """A ledger is that of a store."""
    from riskwarn.store import Store

    with pytest.raises(NotFoundError, match="there is no store"):
        Ledger(Store(tmp_path / "nowhere", timezone="Asia/Shanghai"))


def test_a_citys_own_workflow_holds(tmp_path):
    """A file workflow.toml in the store's folder stands in the place of the shipped one."""
    from riskwarn.ledger.workflow import SHIPPED

    ledger = a_ledger(tmp_path, None)
    text = SHIPPED.read_text("utf-8").replace('"in_hand", "duplicate"', '"in_hand", "market_day", "duplicate"')
    (ledger.store.path / "workflow.toml").write_text(text, "utf-8")

    own = Ledger(ledger.store)
    assert own.act(ledger.first, "dismiss", own.actor("shift_leader"), reason="market_day", at=NOW).state == "dismissed"


def test_items_are_listed_by_what_is_asked(ledger: AnyLedger):
    """Kind, state, level and area narrow the list; what ended is left out when asked."""
    ledger.act(ledger.first, "dismiss", ledger.actor("shift_leader"), reason="duplicate", at=NOW)

    assert len(ledger.items()) == 4
    assert len(ledger.items(open_only=True)) == 3
    assert len(ledger.items(kind="gap")) == len(ledger.items(states=["dismissed"])) == 1
    assert len(ledger.items(area="T1")) == 4
    assert len(ledger.items(area="T2")) == 0
    assert set(ledger.items(level="red")["kind"]) == {"alert"}


def test_an_item_published_twice_is_one(ledger: AnyLedger):
    """The same subject of the same night has the same name, of sixteen digits, and the database refuses it a second time."""
    before = ledger.items()
    assert before["item_id"].str.fullmatch("[0-9a-f]{16}").all()
    with pytest.raises(ConflictError, match=r"has this row already.*nothing was written"), ledger.writing() as pen:
        pen.publish(an_item(0), ledger.actor("night"), "listed")

    assert ledger.verify().sound
    pd.testing.assert_frame_equal(ledger.items(), before)
