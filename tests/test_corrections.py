"""Later deliveries: what they correct, withdraw and replace, and that no order or split of them gives another store."""

import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.errors import DataError
from riskwarn.ingest import ingest
from riskwarn.ingest.correction import Statement, fold
from riskwarn.ingest.mapping import mapping_of
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
DAYS = [f"2025-03-{day:02d} 12:00" for day in range(1, 9)]


def town(path):
    store = Store(path, timezone=ZONE)
    first = pd.Timestamp("2020-01-01", tz=ZONE)
    store.write("grids", pd.DataFrame({"grid_id": ["A1", "A2"], "valid_from": first}))
    return store


def mapping(**said):
    plain = {
        "timezone": ZONE,
        "source": "dispute",
        "category": {"unknown": "slug"},
        "columns": {
            "event_id": "id",
            "occurred_at": "at",
            "grid_id": "grid",
            "category": "kind",
            "closed_at": ["closed"],
        },
    }
    return mapping_of({**plain, **said} if "preset" not in said else said)


def ledger(path, rows, columns=("id", "at", "grid", "kind", "closed")):
    pd.DataFrame(rows, columns=list(columns)).to_csv(path, index=False)
    return path


def holds(store, event_id, at="2100-01-01"):
    """What is known of an event: its newest revision."""
    events = store.read("events")
    mine = events[(events["event_id"] == event_id) & (events["known_at"] < pd.Timestamp(at, tz=ZONE))]
    return mine.sort_values("known_at").iloc[-1]


def notes(report):
    return dict(zip(report.notes["note"], report.notes["rows"], strict=True))


def test_the_later_delivery_holds_whatever_it_says(tmp_path):
    """A correction is a new revision known when it arrived; before, the first word holds; the account names the columns."""
    store = town(tmp_path / "s")
    first = ledger(tmp_path / "1.csv", [("5", "2024-01-03 10:00", "A2", "zz", "")])
    second = ledger(tmp_path / "2.csv", [("5", "2024-01-03 10:00", "A1", "aa", "")])
    ingest(store, first, mapping(), arrived_at=DAYS[0])

    report = ingest(store, second, mapping(), arrived_at=DAYS[1])

    assert (report.accepted, report.duplicate) == (1, 0)
    assert (holds(store, "5").category, holds(store, "5").grid_id) == ("aa", "A1")
    assert (holds(store, "5", DAYS[1]).category, holds(store, "5", DAYS[1]).grid_id) == ("zz", "A2")
    assert notes(report) == {
        "corrected, known from the arrival on: category": 1,
        "corrected, known from the arrival on: grid_id": 1,
    }


def test_a_closing_that_comes_later_is_no_correction(tmp_path):
    """While deliveries agree, their own times hold: the closing is known when the case was closed."""
    store = town(tmp_path / "s")
    ingest(store, ledger(tmp_path / "1.csv", [("5", "2025-01-03 10:00", "A2", "x", "")]), mapping(), arrived_at=DAYS[0])
    closed = ledger(tmp_path / "2.csv", [("5", "2025-01-03 10:00", "A2", "x", "2025-01-05 10:00")])
    report = ingest(store, closed, mapping(), arrived_at=DAYS[1])
    assert store.read("events")["known_at"].dt.day.tolist() == [3, 5]
    assert notes(report) == {}


def test_a_case_closed_by_mistake_is_open_again(tmp_path):
    """A later delivery without the closing takes it back from its arrival on."""
    store = town(tmp_path / "s")
    for n, (day, closed) in enumerate(zip(DAYS, ["2025-01-05 10:00", ""], strict=False)):
        ingest(
            store,
            ledger(tmp_path / f"{n}.csv", [("5", "2025-01-03 10:00", "A2", "x", closed)]),
            mapping(),
            arrived_at=day,
        )
    assert pd.isna(holds(store, "5").closed_at)
    assert pd.notna(holds(store, "5", DAYS[1]).closed_at)


def test_a_smaller_count_withdraws_the_rest(tmp_path):
    """Five, then three: two are withdrawn when that arrived; then six: two are back and one is new."""
    counted = mapping(columns={**mapping().columns, "count": "n"})
    store = town(tmp_path / "s")
    alive = []
    for day, n in zip(DAYS, [5, 3, 0, 6], strict=False):
        file = ledger(
            tmp_path / f"{n}.csv", [("q", "2025-01", "A1", "x", "", n)], ("id", "at", "grid", "kind", "closed", "n")
        )
        ingest(store, file, counted, arrived_at=day)
        ids = store.read("events")["event_id"].unique()
        alive.append(sum(not holds(store, i).retracted for i in ids))
    assert alive[:2] == [5, 3]
    assert alive[3] == 6


def test_a_row_gone_from_a_full_export_is_withdrawn(tmp_path):
    """Only where the mapping says that each delivery is full; a delivery cut short is refused and nothing is stored."""
    store, full = town(tmp_path / "s"), mapping(delivery="full")
    row = "{}", "2024-01-03 10:00", "A1", "x", ""
    ingest(store, ledger(tmp_path / "1.csv", [(str(k), *row[1:]) for k in range(60)]), full, arrived_at=DAYS[0])

    report = ingest(
        store, ledger(tmp_path / "2.csv", [(str(k), *row[1:]) for k in range(1, 61)]), full, arrived_at=DAYS[1]
    )
    assert holds(store, "0").retracted
    assert not holds(store, "0", DAYS[1]).retracted
    assert notes(report) == {"withdrawn or brought back, known from the arrival on": 1}

    before = store.digest()
    with pytest.raises(DataError, match="59 of 61 events of dispute are not in it"):
        ingest(store, ledger(tmp_path / "3.csv", [("60", *row[1:])]), full, arrived_at=DAYS[2])
    assert store.digest() == before


def test_an_older_full_export_that_comes_back_says_that_a_newer_one_holds(tmp_path):
    """It is known already and brings nothing back; the report says so, and says it of no export that still holds."""
    store, full = town(tmp_path / "s"), mapping(delivery="full")
    row = "2024-01-03 10:00", "A1", "x", ""
    older = ledger(tmp_path / "1.csv", [(str(k), *row) for k in range(60)])
    newer = ledger(tmp_path / "2.csv", [(str(k), *row) for k in range(1, 60)])
    ingest(store, older, full, arrived_at=DAYS[0])
    ingest(store, newer, full, arrived_at=DAYS[1])

    back, still = (ingest(store, file, full, arrived_at=DAYS[2]) for file in (older, newer))
    assert holds(store, "0").retracted
    assert any("stays withdrawn" in note for note in notes(back))
    assert not any("stays withdrawn" in note for note in notes(still))


def test_reading_again_replaces_what_a_faulty_mapping_said(tmp_path):
    """With the mended mapping the store is as if it had been right from the start, quarantine included."""
    file = ledger(
        tmp_path / "1.csv", [("5", "2025-01-03 10:00", "A2", "x", ""), ("6", "2025-01-04 10:00", "A9", "x", "")]
    )
    wrong = mapping(
        timezone="UTC",
        constants={"category": "D01"},
        columns={k: v for k, v in mapping().columns.items() if k != "category"},
        ignore=["kind"],
    )
    store, right = town(tmp_path / "s"), town(tmp_path / "t")
    ingest(store, file, wrong, arrived_at=DAYS[0])
    ingest(right, file, mapping(), arrived_at=DAYS[0])

    report = ingest(store, file, mapping(), arrived_at=DAYS[3], again=True)

    assert store.digest() == right.digest()
    assert notes(report)["replaced what the earlier reading said: category"] == 1
    assert len(store.read_quarantine("events")) == len(store.read("feed_log")) == 1


def test_a_row_accepted_later_leaves_the_quarantine(tmp_path):
    """A mended row of a later delivery does; the others of its delivery stay."""
    store = town(tmp_path / "s")
    faulty = ledger(tmp_path / "1.csv", [("5", "2025-01-03", "A9", "x", ""), ("6", "2025-01-03", "A9", "x", "")])
    ingest(store, faulty, mapping(), arrived_at=DAYS[0])
    ingest(store, ledger(tmp_path / "2.csv", [("5", "2025-01-03", "A1", "x", "")]), mapping(), arrived_at=DAYS[1])
    assert store.read_quarantine("events")["event_id"].tolist() == ["6"]


def test_one_id_far_apart_in_time_is_refused(tmp_path):
    """Within a delivery and against what the store holds; the report says which key tells the events apart."""
    store = town(tmp_path / "s")
    both = [
        ("1", "2023-01-03 10:00", "A1", "x", ""),
        ("1", "2024-01-03 10:00", "A1", "x", ""),
        ("2", "2024-01-03 10:00", "A1", "x", ""),
    ]
    first = ingest(store, ledger(tmp_path / "1.csv", both), mapping(), arrived_at=DAYS[0])
    second = ingest(
        store, ledger(tmp_path / "2.csv", [("2", "2025-01-03 10:00", "A1", "x", "")]), mapping(), arrived_at=DAYS[1]
    )
    assert (first.accepted, first.quarantined, second.quarantined) == (1, 2, 1)
    assert 'restarts = "year"' in first.reasons["remedy"].iloc[0]


def test_a_later_delivery_of_another_table_holds(tmp_path):
    """Visits have no revisions: the row of the later delivery stands in the place of the earlier one."""
    store, mapped = town(tmp_path / "s"), mapping(preset="visits", timezone=ZONE)
    for n, kind in enumerate(["巡查", "入户走访"]):
        rows = [("v", "2025-01-08 10:00", "A1", kind)]
        file = ledger(tmp_path / f"{n}.csv", rows, ("巡查编号", "巡查时间", "所属网格", "巡查类型"))
        report = ingest(store, file, mapped, arrived_at=DAYS[n])
    assert store.read("visits")["kind"].tolist() == ["household"]
    assert report.accepted == 1


# -- laws -------------------------------------------------------------------------------------------------------------

STORIES = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from([None, 4, 9]), st.booleans()).map(
        lambda t: tuple((k, 10 * t[0] + (k > 0), False) for k in ([t[2] * 1] if t[1] is None else [t[2] * 1, t[1]]))
    ),
    min_size=1,
    max_size=5,
)


def stored(history):
    """What a store gives back of a history: a statement for each arrival that told or repeated a revision."""
    said = {}
    for revision in history:
        for at in {revision.arrived, *revision.restated}:
            said.setdefault(at, []).append((revision.known, revision.content, revision.withdrawn))
    return [Statement(at, tuple(sorted(revisions))) for at, revisions in said.items()]


@given(stories=STORIES, order=st.randoms())
@settings(max_examples=300, deadline=None)
def test_histories_do_not_depend_on_the_order_deliveries_are_brought_in(stories, order):
    """Folding one statement after another, in any order, through the store, gives the history that folding them in order of arrival gives."""
    statements = [Statement(20 + 10 * k, story) for k, story in enumerate(stories)]
    expected = [(r.known, r.content) for r in fold(statements, single=False)]
    shuffled = list(statements)
    order.shuffle(shuffled)
    history = []
    for statement in shuffled:
        history = fold([*stored(history), statement], single=False)
    assert [(r.known, r.content) for r in history] == expected
    assert fold(statements, single=False)[-1].content == stories[-1][-1][1]


@given(stories=STORIES)
@settings(max_examples=200, deadline=None)
def test_the_past_does_not_change(stories):
    """A further delivery changes nothing of what was known before it arrived, but for closings told by their own time."""
    statements = [Statement(20 + 10 * k, story) for k, story in enumerate(stories)]
    before, after = fold(statements[:-1], single=False) if stories[1:] else [], fold(statements, single=False)
    told = {(r.known, r.content) for r in after}
    assert {(r.known, r.content) for r in before} <= told


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(n, marks=pytest.mark.slow) for n in range(2, 6))])
def test_deliveries_with_corrections_give_one_store_in_any_order_and_split(tmp_path, seed):
    """Four deliveries of the same forty cases, half of them changed each time, cut into pieces and brought in in every order."""
    rng = np.random.default_rng(seed)
    deliveries = []
    for k in range(3):
        rows = [
            (
                f"e{i}",
                f"2025-01-{1 + i % 9:02d} 10:00",
                rng.choice(["A1", "A2"]),
                rng.choice(["x", "y"]),
                rng.choice(["", "2025-01-20 10:00"]),
            )
            for i in range(20)
            if rng.random() < 0.8
        ]
        cut = rng.integers(0, len(rows))
        files = [ledger(tmp_path / f"{k}-{p}.csv", part) for p, part in enumerate((rows[:cut], rows[cut:]))]
        deliveries.append((DAYS[k], files))
    digests = set()
    for n, order in enumerate(itertools.permutations(deliveries)):
        store = town(tmp_path / f"s{n}")
        for day, files in order:
            for file in files[:: 1 if n % 2 else -1]:
                ingest(store, file, mapping(), arrived_at=day)
        digests.add(store.digest())
    assert len(digests) == 1


def test_a_full_export_without_any_row_is_cut_short_however_small_the_town(tmp_path):
    """A header alone withdraws nothing: five events that are all gone are as unlikely as five thousand."""
    store, full = town(tmp_path / "s"), mapping(delivery="full")
    rows = [(str(k), "2024-01-03 10:00", "A1", "x", "") for k in range(5)]
    ingest(store, ledger(tmp_path / "1.csv", rows), full, arrived_at=DAYS[0])
    before = store.digest()
    with pytest.raises(DataError, match="5 of 5 events of dispute are not in it"):
        ingest(store, ledger(tmp_path / "2.csv", []), full, arrived_at=DAYS[1])
    assert store.digest() == before
