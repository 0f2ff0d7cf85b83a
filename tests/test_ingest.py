"""Bringing files in: every row accounted for, revisions as they became known, nothing twice, nothing silently."""

import json
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from riskwarn.errors import ArgumentError, DataError, DefinitionError, NotFoundError, PrivacyError
from riskwarn.ingest import Mapping, ingest, load_mapping
from riskwarn.ingest.mapping import mapping_of, preset_names
from riskwarn.ingest.revision import revisions
from riskwarn.store import Store

ZONE = "Asia/Shanghai"
SQUARES = {"G1": 0, "G2": 1, "G3": 2}


def square(column):
    x, y = 116.0 + 0.01 * column, 39.9
    return f"POLYGON (({x} {y}, {x + 0.01} {y}, {x + 0.01} {y + 0.01}, {x} {y + 0.01}, {x} {y}))"


def town(path, *, ids=SQUARES):
    """Three squares in a row; the third belongs to another county."""
    store = Store(path, timezone=ZONE)
    grids = pd.DataFrame(
        {
            "grid_id": list(ids),
            "valid_from": pd.Timestamp("2020-01-01", tz=ZONE),
            "geometry": [square(c) for c in ids.values()],
            "county_id": ["A" if c < 2 else "B" for c in ids.values()],
        }
    )
    store.write("grids", grids)
    return store


def simple(**changes):
    said = {
        "timezone": ZONE,
        "source": "dispute",
        "category": {"vocabulary": "dispute"},
        "columns": {
            "event_id": "id",
            "occurred_at": "at",
            "grid_id": "grid",
            "category": "kind",
            "closed_at": "closed",
        },
    }
    return mapping_of({**said, **changes})


def rows(**changes):
    plain = {
        "id": ["a", "b", "c"],
        "at": ["2025-01-08 13:05:00"] * 3,
        "grid": ["G1", "G2", ""],
        "kind": ["邻里", "欠薪", "其他"],
        "closed": ["2025-01-10", "", ""],
    }
    return pd.DataFrame({**plain, **changes})


def csv(path, frame, **options):
    frame.to_csv(path, index=False, **options)
    return path


def accounts(report):
    return report.received, report.accepted, report.quarantined, report.duplicate


def test_a_table_is_not_the_path_of_one(tmp_path):
    """Rows come from files: a frame in a path's place is told so, its columns are not looked for on disk."""
    with pytest.raises(ArgumentError, match=r"files must be text or a Path or several.* got a DataFrame"):
        ingest(town(tmp_path / "s"), rows(), simple())


def test_a_file_comes_in_and_every_row_is_accounted_for(tmp_path):
    """Accepted, quarantined and duplicate rows add up to those received, in the report and in the log."""
    frame = rows(id=["a", "b", "b"], grid=["G1", "nowhere", "G2"])
    frame.loc[3] = frame.loc[0]
    store = town(tmp_path / "s")

    report = ingest(store, csv(tmp_path / "f.csv", frame), simple())

    assert accounts(report) == (4, 2, 1, 1)
    log = store.read("feed_log")
    assert log[["received", "accepted", "quarantined", "duplicate"]].to_numpy().tolist() == [[4, 2, 1, 1]]
    kept = store.read_quarantine("events")
    assert kept[["file", "row", "reason"]].to_numpy().tolist() == [["f.csv", 2, "grid_id: not in the store's grids"]]
    assert "4 rows received = 2 accepted + 1 quarantined + 1 duplicate" in repr(report)


def test_a_closed_row_becomes_two_revisions(tmp_path):
    """The opening knows nothing of the closing; a closing told by its date is known at the end of that day."""
    store = town(tmp_path / "s")
    frame = rows().assign(end=["成功", "", ""])
    mapping = simple(
        columns={
            "event_id": "id",
            "occurred_at": "at",
            "grid_id": "grid",
            "category": "kind",
            "closed_at": "closed",
            "outcome": "end",
        },
        words={"outcome": {"成功": "success"}},
    )

    report = ingest(store, csv(tmp_path / "f.csv", frame), mapping)

    events = store.read("events")
    a = events[events["event_id"] == "a"]
    assert report.revisions == 4
    assert a["known_at"].dt.strftime("%m-%d %H:%M").tolist() == ["01-08 13:05", "01-10 23:59"]
    assert a["closed_at"].isna().tolist() == [True, False]
    assert a["outcome"].isna().tolist() == [True, False]


def test_the_category_after_handling_is_known_only_when_it_was_recorded(tmp_path):
    """A police call's intake category holds until the feedback; no feature before it sees the feedback category."""
    frame = pd.DataFrame(
        {
            "警情编号": ["x"],
            "报警时间": ["2025-01-08 10:00:00"],
            "接警报警类别": ["群众紧急求助"],
            "反馈报警类别": ["纠纷"],
            "反馈时间": ["2025-01-08 18:00:00"],
            "所属网格": ["G1"],
        }
    )
    store = town(tmp_path / "s")

    ingest(store, csv(tmp_path / "f.csv", frame), mapping_of({"preset": "police_call", "timezone": ZONE}))

    events = store.read("events")
    assert events["category"].tolist() == ["P05", "P04"]
    assert events["known_at"].dt.hour.tolist() == [10, 18]


@given(
    opened=st.integers(0, 50),
    handled=st.one_of(st.none(), st.integers(0, 60)),
    closed=st.one_of(st.none(), st.integers(0, 60)),
)
@settings(max_examples=40, deadline=None)
def test_no_revision_knows_what_came_after_it(opened, handled, closed):
    """For any order of opening, handling and closing: times rise strictly, and each revision holds only what had happened."""
    start = pd.Timestamp("2025-01-01", tz="UTC")

    def at(hours):
        return start + pd.Timedelta(hours=hours) if hours is not None else pd.NaT

    row = pd.DataFrame(
        {
            "event_id": ["x"],
            "occurred_at": [start],
            "known_at": [at(opened)],
            "category": ["P05"],
            "category_raw": ["first words"],
            "feedback_category": ["P04"],
            "feedback_category_raw": ["later words"],
        }
    )
    row["feedback_at"] = pd.Series([at(handled)], dtype="datetime64[us, UTC]")
    row["closed_at"] = pd.Series([at(closed)], dtype="datetime64[us, UTC]")

    made = revisions(row, single=False)

    assert made["known_at"].is_monotonic_increasing
    assert made["known_at"].is_unique
    assert made["known_at"].iloc[0] == at(opened)
    for revision in made.itertuples():
        assert pd.isna(revision.closed_at) == (closed is None or at(closed) > revision.known_at)
        settled = closed if handled is None else handled
        is_settled = settled is not None and at(settled) <= revision.known_at
        words = ("P04", "later words") if is_settled else ("P05", "first words")
        assert (revision.category, revision.category_raw) == words


def feedback_only(**columns):
    """A police file that tells the category after handling alone."""
    return pd.DataFrame(
        {
            "警情编号": ["a", "b", "c"],
            "报警时间": "2025-01-08 10:00",
            "反馈报警类别": ["纠纷", "群众紧急求助", ""],
            "所属网格": "G1",
            **columns,
        }
    )


@pytest.mark.parametrize(
    ("columns", "known", "closed"),
    [
        ({"反馈时间": ["2025-01-08 18:00", "2025-01-09 08:00", ""]}, ["08 18", "09 08"], ["08 18", "09 08"]),
        (
            {
                "反馈时间": ["2025-01-08 18:00", "2025-01-09 08:00", ""],
                "处结时间": ["2025-01-08 18:00", "2025-01-10 08:00", ""],
            },
            ["08 18", "09 08"],
            ["08 18", "10 08"],
        ),
        ({"处结时间": ["2025-01-08 18:00", "2025-01-10 08:00", ""]}, ["08 18", "10 08"], ["08 18", "10 08"]),
        (
            {"反馈时间": ["2025-01-08 18:00", "", ""], "处结时间": ["2025-01-10 08:00", "2025-01-10 08:00", ""]},
            ["08 18", "10 08"],
            ["10 08", "10 08"],
        ),
    ],
)
def test_a_category_after_handling_alone_brings_category_and_closing(tmp_path, columns, known, closed):
    """The call opens without what nobody knew yet; the feedback, or the closing, tells the rest, and each at its own time."""
    store = town(tmp_path / "s")
    police = mapping_of({"preset": "police_call", "timezone": ZONE})

    ingest(store, csv(tmp_path / "f.csv", feedback_only(**columns)), police, arrived_at="2025-02-01")

    events = store.read("events").sort_values("known_at")
    first, last = events.drop_duplicates("event_id"), events.drop_duplicates("event_id", keep="last")
    settled = events[events["category"] != "P99"].drop_duplicates("event_id").sort_values("event_id")
    ended = events[events["closed_at"].notna()].drop_duplicates("event_id").sort_values("event_id")
    assert first["category"].tolist() == ["P99"] * 3
    assert first["closed_at"].isna().all()
    assert first["known_at"].dt.strftime("%d %H").tolist() == ["08 10"] * 3
    assert last.sort_values("event_id")["category"].tolist() == ["P04", "P05", "P99"]
    assert settled["known_at"].dt.strftime("%d %H").tolist() == known
    assert (ended["closed_at"] == ended["known_at"]).all()
    assert ended["known_at"].dt.strftime("%d %H").tolist() == closed


@pytest.mark.parametrize("other", [False, True])
def test_before_the_feedback_a_file_with_it_says_what_one_without_it_says(tmp_path, other):
    """Whatever the feedback tells, with or without a category at intake: until then the store is that of a call not yet handled."""
    frame = feedback_only(反馈报警类别=["纠纷", "外星人", "-"], 反馈时间=["2025-01-08 18:00", "2025-01-08 11:00", ""])
    frame = frame.assign(接警报警类别="群众紧急求助") if other else frame
    police = mapping_of({"preset": "police_call", "timezone": ZONE})
    known = {}
    for name, told in (("told", frame), ("blank", frame.assign(反馈报警类别="", 反馈时间=""))):
        store = town(tmp_path / name)
        ingest(store, csv(tmp_path / f"{name}.csv", told), police, arrived_at="2025-02-01")
        events = store.read("events")
        early = events[events["known_at"] < pd.Timestamp("2025-01-08 11:00", tz=ZONE)]
        known[name] = early.dropna(axis=1, how="all").reset_index(drop=True)
    pd.testing.assert_frame_equal(known["told"], known["blank"])
    assert len(known["told"]) == 3


def test_a_category_after_handling_without_any_time_is_refused(tmp_path):
    """Nobody can say when it was known: the file is refused if it has no other category, else its words are left out and counted."""
    store = town(tmp_path / "s")
    police = {"preset": "police_call", "timezone": ZONE}
    with pytest.raises(DataError, match="not when they were known"):
        ingest(store, csv(tmp_path / "f.csv", feedback_only()), mapping_of(police))

    report = ingest(store, csv(tmp_path / "g.csv", feedback_only(接警报警类别="群众紧急求助")), mapping_of(police))
    assert report.notes.set_index("note")["rows"]["feedback_category: no time tells when it was known, left out"] == 2
    assert store.read("events")["category"].tolist() == ["P05"] * 3

    arrived = town(tmp_path / "t")
    ingest(arrived, tmp_path / "f.csv", mapping_of({**police, "known": "arrival"}), arrived_at="2025-02-01")
    assert sorted(arrived.read("events")["category"]) == ["P04", "P05", "P99"]


def test_the_same_file_twice_changes_nothing(tmp_path):
    """A delivery that is in the log is not read again; read again on demand, all its rows are duplicates."""
    store, file = town(tmp_path / "s"), csv(tmp_path / "f.csv", rows())
    ingest(store, file, simple())
    before = store.digest()

    again, forced = ingest(store, file, simple()), ingest(store, file, simple(), again=True)

    assert accounts(again) == accounts(forced) == (3, 0, 0, 3)
    assert store.digest() == before
    assert len(store.read("feed_log")) == 1


def test_rows_that_came_before_their_grid_are_accepted_afterwards(tmp_path):
    """A row refused for its grid comes in once the grid is there and the file is read again."""
    store, file = town(tmp_path / "s", ids={"G1": 0}), csv(tmp_path / "f.csv", rows(grid=["G1", "G2", "G2"]))
    first = ingest(store, file, simple())
    store.write("grids", pd.DataFrame({"grid_id": ["G2"], "valid_from": pd.Timestamp("2020-01-01", tz=ZONE)}))

    second = ingest(store, file, simple(), again=True)

    assert accounts(first) == (3, 1, 2, 0)
    assert accounts(second) == (3, 2, 0, 1)


def permuted(tmp_path, trials):
    """Digests of stores that got the same rows in random orders, pieces and repeats."""
    rng = np.random.default_rng(7)
    n = 60
    at = pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 60 * 24, n), unit="h")
    closed = at + pd.to_timedelta(rng.integers(1, 700, n), unit="h")
    frame = pd.DataFrame(
        {
            "id": [f"e{i}" for i in rng.integers(0, 50, n)],
            "at": at,
            "grid": rng.choice(["G1", "G2", "G3", ""], n),
            "kind": rng.choice(["邻里", "欠薪", "其他"], n),
            "closed": pd.Series(closed).where(rng.random(n) < 0.5),
        }
    )
    town(tmp_path / "empty")
    for trial in range(trials):
        shutil.copytree(tmp_path / "empty", tmp_path / f"s{trial}")
        order = rng.permutation(np.concatenate([np.arange(n), rng.integers(0, n, rng.integers(0, 10))]))
        cuts = np.sort(rng.integers(0, len(order), rng.integers(0, 3)))
        pieces = np.split(order, cuts)
        files = [tmp_path / f"{trial}-{k}.parquet" for k in range(len(pieces))]
        for file, piece in zip(files, pieces, strict=True):
            frame.iloc[piece].to_parquet(file, index=False)
        store = Store(tmp_path / f"s{trial}")
        report = ingest(store, files, simple())
        assert report.received == len(order) == report.accepted + report.duplicate
        yield store.digest()


def test_deliveries_in_any_order_and_pieces_give_one_store(tmp_path):
    """Permutations, splits and repeats of the same rows give one digest."""
    assert len(set(permuted(tmp_path, 8))) == 1


@pytest.mark.slow
def test_two_hundred_orders_give_one_store(tmp_path):
    """200 of them."""
    assert len(set(permuted(tmp_path, 200))) == 1


def test_a_column_nobody_spoke_for_is_refused(tmp_path):
    """An unmapped column is named; nothing is stored."""
    store = town(tmp_path / "s")
    file = csv(tmp_path / "f.csv", rows().assign(extra=1))

    with pytest.raises(DataError, match=r"f\.csv: column 'extra' is neither mapped nor ignored"):
        ingest(store, file, simple())
    assert not store.has("events")


@pytest.mark.parametrize("header", ["报警人姓名", "联系电话", "phone", "address", "诉求内容", "性别"])
def test_a_column_of_person_data_is_refused_unless_ignored(tmp_path, header):
    """The header names the rule, the value is never repeated; ignored, the column is not even read."""
    store = town(tmp_path / "s")
    file = csv(tmp_path / "f.csv", rows().assign(**{header: "secret-value"}))

    with pytest.raises(PrivacyError) as refused:
        ingest(store, file, simple())
    assert header in str(refused.value)
    assert "secret-value" not in str(refused.value)

    assert ingest(store, file, simple(ignore=[header])).accepted == 3


def test_a_missing_column_names_the_nearest(tmp_path):
    """The message says what the file has and what may be meant."""
    with pytest.raises(DataError, match=r"column 'closed' is missing \(did you mean 'closedd'\?\)"):
        ingest(town(tmp_path / "s"), csv(tmp_path / "f.csv", rows().rename(columns={"closed": "closedd"})), simple())


def test_an_unknown_key_of_a_mapping_is_refused(tmp_path):
    """TOML with a misspelt key or column gives a suggestion, not a silent default."""
    file = tmp_path / "m.toml"
    file.write_text('timezon = "Asia/Shanghai"\n[columns]\nevent_id = "id"\n', "utf-8")
    with pytest.raises(DefinitionError, match="did you mean 'timezone'"):
        load_mapping(file)
    file.write_text('timezone = "Asia/Shanghai"\n[columns]\nocurred_at = "id"\n', "utf-8")
    with pytest.raises(DefinitionError, match="did you mean 'occurred_at'"):
        load_mapping(file)
    file.write_text('[columns]\noccurred_at = "id"\n', "utf-8")
    with pytest.raises(DefinitionError, match="timezone is missing"):
        load_mapping(file)
    with pytest.raises(DefinitionError, match="did you mean 'dispute'"):
        mapping_of({"preset": "disputes", "timezone": ZONE, "columns": {}})


def test_a_column_of_person_data_cannot_be_mapped():
    """Not even on purpose can a name become a column of the store."""
    with pytest.raises(DefinitionError, match="person data"):
        simple(columns={"event_id": "id", "org_code": "联系人姓名"})


def test_files_that_cannot_be_read_say_so(tmp_path):
    """Absent, empty, damaged and unknown files are told apart."""
    store = town(tmp_path / "s")
    with pytest.raises(NotFoundError, match="does not exist"):
        ingest(store, tmp_path / "none.csv", simple())
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(DataError, match="the file is empty"):
        ingest(store, tmp_path / "empty.csv", simple())
    (tmp_path / "x.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="not a Parquet file"):
        ingest(store, tmp_path / "x.parquet", simple())
    (tmp_path / "x.doc").write_bytes(b"x")
    with pytest.raises(DataError, match=r"ending in '\.doc' are not read"):
        ingest(store, tmp_path / "x.doc", simple())
    (tmp_path / "bad.csv").write_bytes("编号\n".encode("gb18030") + b"\xff\xff\xff\n")
    with pytest.raises(DataError, match="the encoding cannot be told"):
        ingest(store, tmp_path / "bad.csv", simple())


def test_a_row_with_too_many_cells_goes_to_quarantine(tmp_path):
    """A stray delimiter costs one row, with its number, not the file."""
    text = "id,at,grid,kind,closed\na,2025-01-08,G1,邻里,\nb,2025-01-08,G1,邻里,,x\nc,2025-01-08,G1,邻里,\n"
    (tmp_path / "f.csv").write_text(text, "utf-8")
    store = town(tmp_path / "s")

    report = ingest(store, tmp_path / "f.csv", simple())

    assert accounts(report) == (3, 2, 1, 0)
    assert store.read_quarantine("events")[["row", "reason"]].to_numpy().tolist() == [
        [2, "the row has 6 cells, the header 5"]
    ]
    assert store.read("events")["event_id"].tolist() == ["a", "c"]


def test_an_export_without_rows_is_a_statement(tmp_path):
    """A header alone is logged as zero rows."""
    store = town(tmp_path / "s")

    report = ingest(
        store, csv(tmp_path / "f.csv", rows().iloc[:0]), simple(covers_from="2025-01-01", covers_to="2025-01-02")
    )

    assert accounts(report) == (0, 0, 0, 0)
    log = store.read("feed_log")
    assert log["received"].tolist() == [0]
    assert str(log["covers_to"].iloc[0]) == "2025-01-02 00:00:00+08:00"


def test_what_a_delivery_speaks_for_ends_after_it_begins(tmp_path):
    """Said backwards it is refused, in a mapping and in a manifest, and nothing is stored."""
    with pytest.raises(DefinitionError, match="covers_to lies before covers_from"):
        simple(covers_from="2025-01-09", covers_to="2025-01-08")
    store, file = town(tmp_path / "s"), csv(tmp_path / "f.csv", rows())
    beside = Path(f"{file}.manifest.json")
    beside.write_text('{"covers_from": "2025-01-09", "covers_to": "2025-01-08"}', "utf-8")
    with pytest.raises(DataError, match="covers_to lies before covers_from"):
        ingest(store, file, simple())
    assert not store.has("events")


def test_a_manifest_speaks_for_the_delivery(tmp_path):
    """It says which days an empty export covers, so two empty days are two statements; lost rows and changed bytes are refused."""
    store, covers = town(tmp_path / "s"), {}
    for day in (8, 9):
        file = csv(tmp_path / f"{day}.csv", rows().iloc[:0])
        said = {
            "rows": 0,
            "covers_from": f"2025-01-{day:02d}" + ("T00:00+08:00" if day == 9 else ""),
            "covers_to": f"2025-01-{day + 1:02d}",
            "arrived_at": f"2025-01-{day + 1:02d} 03:00",
        }
        Path(f"{file}.manifest.json").write_text(json.dumps(said), "utf-8")
        covers[day] = ingest(store, file, simple())
    log = store.read("feed_log").sort_values("covers_from")
    assert log["covers_from"].dt.strftime("%d %H").tolist() == ["08 00", "09 00"]
    assert log["covers_to"].dt.day.tolist() == [9, 10]
    assert log["arrived_at"].dt.strftime("%d %H").tolist() == ["09 03", "10 03"]

    file = csv(tmp_path / "f.csv", rows())
    for said, fault in (
        ({"rows": 4}, "says 4 rows, the file has 3"),
        ({"sha256": "0" * 64}, "SHA-256 differs"),
        ({"row": 3}, "did you mean 'rows'"),
    ):
        Path(f"{file}.manifest.json").write_text(json.dumps(said), "utf-8")
        with pytest.raises(DataError, match=fault):
            ingest(store, file, simple())
    assert not store.has("events")


def test_a_count_stands_for_as_many_events(tmp_path):
    """A row with a count becomes that many events, known after the delay; a row of zero is accepted and gives none."""
    frame = pd.DataFrame({"grid": ["G1", "G2"], "month": ["2025-01", "2025-01"], "n": [3, 0]})
    mapping = mapping_of(
        {
            "timezone": ZONE,
            "source": "petition",
            "known_delay_days": 31,
            "constants": {"category": "D99"},
            "columns": {"grid_id": "grid", "occurred_at": "month", "count": "n"},
            "joins": {"event_id": ["grid", "month"]},
        }
    )
    store = town(tmp_path / "s")

    report = ingest(store, csv(tmp_path / "f.csv", frame), mapping)

    events = store.read("events")
    assert accounts(report) == (2, 2, 0, 0)
    assert events["event_id"].tolist() == ["G1-2025-01#0", "G1-2025-01#1", "G1-2025-01#2"]
    assert events["known_at"].dt.strftime("%Y-%m-%d").unique().tolist() == ["2025-02-01"]


def test_left_out_rows_are_counted_with_the_reason(tmp_path):
    """What the mapping leaves out is in quarantine under its reason, whatever else is wrong with the row."""
    store = town(tmp_path / "s")
    mapping = simple(category={"vocabulary": "dispute", "leave_out": {"欠薪": "handled elsewhere"}})

    report = ingest(store, csv(tmp_path / "f.csv", rows(grid=["G1", "nowhere", ""])), mapping)

    assert report.reasons[["reason", "rows"]].to_numpy().tolist() == [["left out by the mapping: handled elsewhere", 1]]
    assert accounts(report) == (3, 2, 1, 0)


def test_unknown_categories_are_kept_raw_and_counted(tmp_path):
    """An unknown category becomes D99 with its own name; a known one keeps none; sensitive ones are D98."""
    store = town(tmp_path / "s")

    report = ingest(store, csv(tmp_path / "f.csv", rows(kind=["太空垃圾", "民族宗教", "01 邻里纠纷"])), simple())

    events = store.read("events").drop_duplicates("event_id")
    assert events["category"].tolist() == ["D99", "D98", "D02"]
    assert events["category_raw"].fillna("").tolist() == ["太空垃圾", "", ""]
    assert report.notes.set_index("note")["rows"].filter(like="category").tolist() == [1]


def test_two_feeds_come_out_of_one_file(tmp_path):
    """A crosswalk tells each pair of categories its feed; the rows of no feed are accounted for apart."""
    (tmp_path / "feeds.csv").write_text("kind,sub,source,code\nx,1,dispute,D02\nx,2,petition,D20\nx,3,none,\n", "utf-8")
    frame = rows(kind="x").assign(sub=["1", "2", "3"])
    mapping = mapping_of(
        {
            "timezone": ZONE,
            "columns": {"event_id": "id", "occurred_at": "at", "grid_id": "grid", "closed_at": "closed"},
            "category": {"keys": ["kind", "sub"], "crosswalk": "feeds.csv"},
        },
        folder=str(tmp_path),
    )
    store = town(tmp_path / "s")

    report = ingest(store, csv(tmp_path / "f.csv", frame), mapping)

    assert store.sources() == ["dispute", "petition"]
    assert report.rows.set_index("source")["quarantined"].to_dict() == {"dispute": 0, "none": 1, "petition": 0}
    assert sorted(store.read("feed_log")["source"]) == ["dispute", "none", "petition"]


def test_a_time_known_before_it_happened_counts_from_then(tmp_path):
    """No event is known before it occurred, whatever the file says; the report says how many were set right."""
    store = town(tmp_path / "s")
    columns = {"event_id": "id", "occurred_at": "at", "grid_id": "grid", "category": "kind", "known_at": "closed"}

    report = ingest(store, csv(tmp_path / "f.csv", rows(closed="2025-01-01")), simple(columns=columns))

    events = store.read("events")
    assert (events["known_at"] == events["occurred_at"]).all()
    assert report.notes["rows"].max() == 3


def test_closed_before_it_occurred_goes_to_quarantine(tmp_path):
    """The whole row is refused: its opening cannot be trusted either."""
    store = town(tmp_path / "s")

    report = ingest(store, csv(tmp_path / "f.csv", rows(closed=["2025-01-01", "", ""])), simple())

    assert report.reasons["reason"].tolist() == ["closed_at before occurred_at"]
    assert store.read("events")["event_id"].tolist() == ["b", "c"]


def test_addresses_become_keyed_hashes(tmp_path, monkeypatch):
    """Equal addresses give equal keys under one secret, other keys under another, and the address itself is nowhere on disk."""
    columns = {"event_id": "id", "occurred_at": "at", "category": "kind", "address": "地址"}
    frame = rows()[["id", "at", "kind"]].assign(地址=["幸福路１号", "幸福路1号", "平安街2号"])
    keys = {}
    for secret in ("one", "two"):
        monkeypatch.setenv("RISKWARN_PLACE_KEY", secret)
        store = town(tmp_path / secret)
        ingest(store, csv(tmp_path / "f.csv", frame), simple(columns=columns))
        keys[secret] = store.read("events")["place_key"].tolist()

    assert keys["one"][0] == keys["one"][1] != keys["one"][2]
    assert set(keys["one"]).isdisjoint(keys["two"])
    everything = b"".join(p.read_bytes() for p in (tmp_path / "one").rglob("*") if p.is_file())
    assert "幸福路".encode() not in everything


def test_what_is_known_only_on_arrival_is_known_then(tmp_path):
    """Where a file tells no time of recording, its rows are one revision each, known when the delivery arrived."""
    store = town(tmp_path / "s")

    ingest(store, csv(tmp_path / "f.csv", rows()), simple(known="arrival"), arrived_at="2025-02-01 06:00")

    events = store.read("events")
    assert len(events) == 3
    assert events["known_at"].dt.strftime("%Y-%m-%d %H:%M").unique().tolist() == ["2025-02-01 06:00"]
    assert store.read("feed_log")["arrived_at"].dt.day.tolist() == [1]


def test_a_hashed_identifier_is_the_same_in_every_delivery(tmp_path):
    """An identifier that looks like a telephone is hashed by the store's key, so a re-sent row is still a duplicate."""
    store = town(tmp_path / "s")
    ingest(store, csv(tmp_path / "f.csv", rows(id=["13812345678", "b", "c"])), simple())

    report = ingest(store, csv(tmp_path / "g.csv", rows(id=["13812345678", "x", "y"])), simple())

    assert accounts(report) == (3, 2, 0, 1)
    assert (store.path / "place.key").stat().st_mode & 0o077 == 0


KEYED = {
    "an address": {"columns": {"address": "kind"}},
    "an id made from the row": {"columns": {"event_id": ["none", "nothing"]}, "id": {"made_from": ["kind"]}},
    "an id that looks like a telephone's": {"columns": {"event_id": "number"}},
}


@pytest.mark.parametrize("said", KEYED.values(), ids=list(KEYED))
@pytest.mark.parametrize("fault", [{"sha256": "0" * 64}, {"rows": 9}, {"columns": "none"}])
def test_a_failed_first_ingest_leaves_no_store(tmp_path, said, fault):
    """Whatever the mapping hashes and wherever the delivery fails: no key, no lock, no folder; the next one makes them."""
    frame = rows().assign(number=["13812345678", "13912345678", "b"]).drop(columns=["grid", "closed"])
    file = csv(tmp_path / "f.csv", frame)
    plain = {
        "timezone": ZONE,
        "source": "dispute",
        "constants": {"category": "D02"},
        "ignore": ["id", "kind", "number"],
    }
    columns = {"event_id": "id", "occurred_at": "at", **said["columns"]}
    mapping = mapping_of({**plain, **said, "columns": columns})
    wrong = mapping_of({**plain, **said, "columns": {**columns, "case_id": "none"}})
    store = Store(tmp_path / "s")

    if "columns" not in fault:
        (tmp_path / "f.csv.manifest.json").write_text(json.dumps(fault), "utf-8")
    with pytest.raises(DataError):
        ingest(store, file, wrong if "columns" in fault else mapping)
    assert not store.path.exists()

    (tmp_path / "f.csv.manifest.json").unlink(missing_ok=True)
    assert ingest(store, file, mapping).accepted == 3
    assert (store.path / "place.key").stat().st_mode & 0o077 == 0
    assert not (store.path / ".staged").exists()


def test_other_tables_come_in_through_presets(tmp_path):
    """Visits with Chinese headers, worker columns unread, come in as visits."""
    frame = pd.DataFrame(
        {
            "巡查编号": ["v1", "v2"],
            "签到时间": ["2025-01-08 09:00", "2025-01-08 10:00"],
            "签退时间": ["2025-01-08 09:30", "2025-01-08 10:30"],
            "所属网格": ["G1", "G9"],
            "巡查类型": ["入户走访", "夜巡"],
            "任务来源": ["预警派单", "自主"],
            "走访户数": ["３户", "4"],
            "网格员姓名": ["某甲", "某乙"],
            "是否有效": ["是", "否"],
        }
    )
    store = town(tmp_path / "s")

    report = ingest(store, csv(tmp_path / "f.csv", frame), mapping_of({"preset": "visits", "timezone": ZONE}))

    visit = store.read("visits").iloc[0]
    assert accounts(report) == (2, 1, 1, 0)
    assert (visit.kind, visit.purpose, visit.n_households, bool(visit.valid)) == ("household", "alert", 3, True)


def test_every_preset_is_a_mapping():
    """Each preset can be loaded, and names only columns of its table."""
    assert {"dispute", "petition", "police_call", "hotline", "grid_report", "visits", "workflow", "diversions"} <= set(
        preset_names()
    )
    for name in preset_names():
        assert isinstance(mapping_of({"preset": name, "timezone": ZONE}), Mapping)


def test_a_mapping_may_override_its_preset():
    """Own aliases replace the preset's, what is ignored adds up, words join."""
    mapping = mapping_of(
        {
            "preset": "dispute",
            "timezone": ZONE,
            "ignore": ["x"],
            "columns": {"event_id": "案号"},
            "words": {"outcome": {"和解": "success"}},
        }
    )

    assert mapping.columns["event_id"] == ("案号",)
    assert {"x", "序号"} <= set(mapping.ignore)
    assert mapping.words["outcome"]["和解"] == mapping.words["outcome"]["成功"] == "success"


MAPPINGS = sorted((Path(__file__).parent.parent / "examples" / "mappings").glob("*.toml"))


@pytest.mark.parametrize("path", [p for p in MAPPINGS if p.stem != "accounts"], ids=lambda p: p.stem)
def test_the_example_mappings_load(path):
    """Every mapping of the repository is valid, its crosswalk included."""
    assert load_mapping(path).digest()


def test_every_public_set_has_a_mapping():
    """The list of public data sets names only mappings that are there."""
    listed = tomllib.loads(next(p for p in MAPPINGS if p.stem == "accounts").read_text("utf-8"))["set"]
    assert {m for item in listed for _, m in item["files"]} <= {p.stem for p in MAPPINGS}


# -- which event, and when --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "guarded", ['="0211"', "'0211", "`0211", "0211\u200b", "\ufeff0211", "\u200e0211", "0211.0", "211"]
)
def test_a_guarded_code_is_the_code(tmp_path, guarded):
    """Marks that keep a spreadsheet from reading a code as a number, and characters nobody sees, are no part of an id."""
    store = town(tmp_path / "s", ids={"0211": 0})
    frame = rows(id=[guarded, "b", "c"], grid=[guarded, "0211", "0211"])

    report = ingest(store, csv(tmp_path / "f.csv", frame), simple(place={"grid_width": 4}))

    assert report.accepted == 3
    assert set(store.read("events")["event_id"]) <= {"0211", "211", "b", "c"}
    assert set(store.read("events")["grid_id"]) == {"0211"}


@pytest.mark.parametrize("column", ["id", "case", "org"])
@pytest.mark.parametrize("value", ["2.02501E+14", "3,2e+17", "320102001001001000"])
def test_an_id_damaged_by_a_spreadsheet_is_refused(tmp_path, column, value):
    """Digits that are lost cannot come back, so the id might be any of a thousand; no id column is spared."""
    frame = rows().assign(case="x", org="y").assign(**{column: [value, "b", "c"]})
    mapping = simple(columns={**simple().columns, "case_id": "case", "org_code": "org"})

    report = ingest(town(tmp_path / "s"), csv(tmp_path / "f.csv", frame), mapping)

    assert (report.accepted, report.quarantined) == (2, 1)
    assert "damaged by a spreadsheet" in report.reasons["reason"].iloc[0]


def test_long_numbers_that_end_in_zeros_by_chance_stay(tmp_path):
    """One serial number in a thousand ends in three zeros; it is damaged only where many do."""
    ids = [f"32010200100100{k:04d}" for k in range(2000)]
    frame = pd.DataFrame({"id": ids, "at": "2025-01-08 10:00", "grid": "G1", "kind": "邻里", "closed": ""})

    assert ingest(town(tmp_path / "s"), csv(tmp_path / "f.csv", frame), simple()).accepted == 2000


def test_rows_without_an_id_get_one_from_what_they_say(tmp_path):
    """The declared columns make the id; equal rows are as many events; sent again they are known."""
    frame = rows(id=["", "", "z"], kind=["邻里", "邻里", "欠薪"])
    store, file = town(tmp_path / "s"), csv(tmp_path / "f.csv", frame.assign(grid="G1"))
    mapping = simple(id={"made_from": ["at", "grid", "kind"]})

    first, again = ingest(store, file, mapping), ingest(store, file, mapping, again=True)

    assert (first.accepted, again.duplicate) == (3, 3)
    assert store.read("events")["event_id"].nunique() == 3
    refused = ingest(town(tmp_path / "t"), file, simple())
    assert refused.reasons["remedy"].iloc[0] == "fill the column, or say `made_from = [columns]` under [id]"


def test_numbers_that_begin_anew_each_year_are_told_apart(tmp_path):
    """The year belongs to the id where the mapping says that numbers restart."""
    frame = rows(id=["1", "1", "1"], at=["2023-01-03 10:00", "2024-01-02 10:00", "2025-01-02 10:00"], closed="")

    store = town(tmp_path / "s")
    assert ingest(store, csv(tmp_path / "f.csv", frame), simple(id={"restarts": "year"})).accepted == 3
    assert store.read("events")["event_id"].tolist() == ["1@2023", "1@2024", "1@2025"]


@pytest.mark.parametrize("column", ["at", "closed"])
def test_what_lies_after_its_own_arrival_is_refused(tmp_path, column):
    """A row dated years ahead cannot have happened; it moves neither the events nor what the log says the delivery covers."""
    frame = rows(closed="2025-01-09").assign(**{column: ["2052-01-08 10:00:00", "2025-01-09", "2025-01-09"]})
    store = town(tmp_path / "s")

    report = ingest(store, csv(tmp_path / "f.csv", frame), simple(), arrived_at="2025-01-09 09:00")

    assert report.quarantined == 1
    assert "after the delivery arrived" in report.reasons["reason"].iloc[0]
    assert store.known_until() < pd.Timestamp("2025-01-10 01:00", tz=ZONE)


@pytest.mark.parametrize("closed", ["2025-01-08", "2025/1/8", "2025-01-08 00:00:00", "20250108", "2025年1月8日"])
def test_a_closing_on_the_day_of_the_event_is_right(tmp_path, closed):
    """A date without a time is a day: closed by its end, not at its first midnight."""
    store = town(tmp_path / "s")
    assert ingest(store, csv(tmp_path / "f.csv", rows(closed=[closed, "", ""])), simple()).quarantined == 0
    assert store.read("events")["closed_at"].max() == pd.Timestamp("2025-01-08 23:59:59", tz=ZONE)


def test_an_event_of_a_date_is_known_by_the_end_of_that_day(tmp_path):
    """Nobody can know at midnight what the day will bring; the night after knows it."""
    store = town(tmp_path / "s")
    ingest(store, csv(tmp_path / "f.csv", rows(at="2025-01-08", closed="")), simple())
    events = store.read("events")
    assert set(events["occurred_at"].dt.strftime("%d %H:%M")) == {"08 00:00"}
    assert set(events["known_at"].dt.strftime("%d %H:%M:%S")) == {"08 23:59:59"}


def test_a_blank_count_is_not_one(tmp_path):
    """How many is not known, so the row is refused, like "<5"."""
    frame = rows(closed="").assign(n=["", "<5", "2"])
    store = town(tmp_path / "s")
    mapping = simple(columns={**simple().columns, "count": "n"})

    assert accounts(ingest(store, csv(tmp_path / "f.csv", frame), mapping)) == (3, 1, 2, 0)
    assert len(store.read("events")) == 2


def test_an_empty_time_is_named_as_what_is_empty(tmp_path):
    """It is the time of the event that is missing, not the one derived from it."""
    report = ingest(
        town(tmp_path / "s"), csv(tmp_path / "f.csv", rows(at=["", "2025-01-08 10:00", "2025-01-08 10:00"])), simple()
    )
    assert report.reasons["reason"].tolist() == ["occurred_at is empty"]


def test_grids_hold_on_their_days_only(tmp_path):
    """An event names a grid that held on its day; one retired or not yet made is refused like an unknown one."""
    store = town(tmp_path / "s")
    store.write(
        "grids",
        pd.DataFrame(
            {
                "grid_id": ["OLD"],
                "valid_from": pd.Timestamp("2020-01-01", tz=ZONE),
                "valid_to": pd.Timestamp("2024-01-01", tz=ZONE),
            }
        ),
    )
    frame = rows(grid=["OLD", "G1", "OLD"], at=["2025-01-08 10:00", "2016-01-08 10:00", "2023-12-31 23:00"], closed="")

    report = ingest(store, csv(tmp_path / "f.csv", frame), simple())

    assert (report.accepted, report.quarantined) == (1, 2)
    assert report.reasons["reason"].tolist() == ["grid_id: the grid did not hold on the day"]


def test_a_visit_of_which_nobody_says_whether_it_was_valid_is_one(tmp_path):
    """A column that is not there is no statement; the report says what was assumed."""
    frame = pd.DataFrame({"巡查编号": ["v"], "巡查时间": ["2025-01-08 10:00"], "所属网格": ["G1"]})
    store = town(tmp_path / "s")
    report = ingest(store, csv(tmp_path / "f.csv", frame), mapping_of({"preset": "visits", "timezone": ZONE}))
    assert store.read("visits")["valid"].tolist() == [True]
    assert report.notes["note"].tolist() == ["valid: not told, taken as valid"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            {"grid": ["AB-123"] * 3},
            "grid_id: not in the store's grids, for example a value that looks like AA-999. bring the grids in first",
        ),
        (
            {"at": ["8/1/25", "9/1/25", "2025-01-08 10:00"]},
            "occurred_at: not a time, for example a value that looks like 9/9/99",
        ),
        ({"grid": ""}, "3 of 3 rows are in no grid; name `grid_id` or the points"),
        ({"kind": "no such"}, "3 of 3 rows are of no known category; state `vocabulary`"),
    ],
)
def test_a_delivery_that_mostly_fails_says_so(tmp_path, changes, said):
    """The commonest reason, how such a value looks but not what it says, and the key to change; the command ends non-zero."""
    file = csv(tmp_path / "f.csv", rows(**{"closed": "", **changes}))
    assert said in ingest(town(tmp_path / "s"), file, simple()).fault()
    assert ingest(town(tmp_path / "t"), csv(tmp_path / "g.csv", rows(grid=["G1", "G2", ""])), simple()).fault() == ""
