"""Person data stays outside: 10,000 made-up identity numbers, telephones and plates are refused, clean files are not."""

import numpy as np
import pandas as pd
import pytest

from riskwarn.errors import NotFoundError, PrivacyError
from riskwarn.ingest import ingest
from riskwarn.ingest.mapping import mapping_of
from riskwarn.privacy import (
    ColumnWatch,
    denied_header,
    findings,
    keyed_hash,
    luhn_checks,
    names_masked,
    resident_checks,
)
from riskwarn.store import Store

PROVINCES = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65".split()
PLATE_LETTERS = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"


def residents(rng, n):
    """Valid identity numbers of nobody: random region, date and serial with the right check digit."""
    days = pd.Timestamp("1930-01-01") + pd.to_timedelta(rng.integers(0, 35_000, n), unit="D")
    stems = [
        f"{rng.choice(PROVINCES)}{rng.integers(0, 10_000):04d}{day:%Y%m%d}{rng.integers(0, 1000):03d}" for day in days
    ]
    return [next(stem + c for c in "0123456789X" if resident_checks(stem + c)) for stem in stems]


def mobiles(rng, n):
    plain = [f"1{rng.integers(3, 10)}{rng.integers(0, 10**9):09d}" for _ in range(n)]
    shapes = ("{}", "+86{}", "0086-{}", "86 {}")
    return [
        shapes[k % 4].format(number if k % 3 else f"{number[:3]}-{number[3:7]}-{number[7:]}")
        for k, number in enumerate(plain)
    ]


def plates(rng, n):
    letters = np.array(list("ABCDEFGHJKLMNPQRSTUVWXYZ"))
    marks = np.array(list("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"))
    return [
        rng.choice(list(PLATE_LETTERS))
        + rng.choice(letters)
        + ("·" if k % 2 else "")
        + "".join(rng.choice(marks, 5 + k % 2))
        for k in range(n)
    ]


def generated(n=10_000):
    rng = np.random.default_rng(11)
    values = residents(rng, n // 3 + 1) + mobiles(rng, n // 3 + 1) + plates(rng, n // 3 + 1)
    return rng.permutation(np.array(values, dtype=object)[:n])


def full_width(text):
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


@pytest.mark.parametrize(
    "dress",
    [str, "姓名不详，号码{}，请回电".format, full_width, " {} ".format],
    ids=["bare", "in a sentence", "full width", "spaces"],
)
def test_every_generated_value_is_found(dress, record_property):
    """10,000 of 10,000, alone, within a sentence, with full-width digits, with spaces."""
    values = pd.Series([dress(v) for v in generated()])
    record_property("numbers of persons", len(values))
    record_property("let in", int((findings(values) == "").sum()))
    assert (findings(values) != "").all()


def test_clean_values_are_not_found(record_property):
    """Codes, times, categories, serial numbers and words of the field are no person data."""
    rng = np.random.default_rng(12)
    clean = [f"3201020010{rng.integers(0, 10**5):05d}" for _ in range(2000)]
    clean += [f"JF{rng.integers(0, 10**8):08d}" for _ in range(2000)]
    clean += pd.date_range("2020-01-01", periods=2000, freq="7h").strftime("%Y-%m-%d %H:%M:%S").tolist()
    clean += [f"2025{rng.integers(0, 10**10):010d}" for _ in range(2000)]
    clean += [
        "邻里纠纷",
        "高利贷",
        "王府井社区",
        "L2",
        "D07",
        "closed_success",
        "Vandalism/Criminal Mischief",
        "街道综治中心",
    ] * 50
    found = findings(pd.Series(clean, dtype="str"))
    record_property("clean values", len(found))
    record_property("wrongly refused", int((found != "").sum()))
    assert (found == "").all()


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("someone@example.org", "email"),
        ("010-62345678", "landline"),
        ("E12345678", "passport"),
        ("H12345678", "permit"),
        ("4111 1111 1111 1111".replace(" ", ""), "bank_card"),
        ("4111111111111112", ""),
        ("11010119900307293X", ""),
    ],
)
def test_other_kinds_are_told_apart(value, rule):
    """Each rule has its name; a wrong check digit is no finding."""
    assert findings(pd.Series([value])).tolist() == [rule]


def test_the_check_digits_are_the_published_ones():
    """Examples whose check digit is published: the standard's own, and the test number of the card schemes."""
    assert resident_checks("11010519491231002X")
    assert not resident_checks("110105194912310021")
    assert not resident_checks("11010519491331002X")
    assert luhn_checks("79927398713")


DENIED = "姓名 当事人姓名 报警人 联系电话 手机号 证件号码 身份证号 性别 民族 年龄 家庭住址 事发地址 诉求内容 备注 车牌号 经度 phone mobile_no full_name email sex lat longitude officer_name birthDate"
ALLOWED = "涉及人数 当事人类型 上报人角色 事件类型 网格编码 受理时间 category occurred_at package language latest_status population message"


@pytest.mark.parametrize("header", DENIED.split())
def test_denied_headers(header):
    """Headers that speak of a person, of free text or of a point."""
    assert denied_header(header)


@pytest.mark.parametrize("header", ALLOWED.split())
def test_allowed_headers(header):
    """Headers that only look like denied ones."""
    assert not denied_header(header)


def test_a_column_of_names_is_known_by_its_values():
    """Twenty different names condemn a column; a column of categories with a few look-alikes stays."""
    rng = np.random.default_rng(13)
    names = pd.Series(
        [
            "王李张刘陈"[rng.integers(5)] + chr(0x4E00 + rng.integers(3000)) + chr(0x4E00 + rng.integers(3000))
            for _ in range(60)
        ]
    )
    watch = ColumnWatch()
    watch.see(names, findings(names))
    assert "look like names" in watch.verdict()
    kinds = pd.Series(["高利贷", "邻里纠纷", "拖欠工资", "物业"] * 50)
    watch = ColumnWatch()
    watch.see(kinds, findings(kinds))
    assert watch.verdict() == ""


def test_hashes_are_keyed_and_stable():
    """Equal values under one key are equal; another key gives others; what is missing stays missing."""
    values = pd.Series(["a", "b", "a", None])
    one, two = keyed_hash(values, b"1"), keyed_hash(values, b"2")
    assert one[0] == one[2] != one[1]
    assert set(one.dropna()).isdisjoint(two.dropna())
    assert one.isna().tolist() == [False, False, False, True]


# -- at the door ------------------------------------------------------------------------------------------------------


def ledger(n, **columns):
    plain = {
        "id": [f"e{k}" for k in range(n)],
        "at": ["2025-01-08 10:00:00"] * n,
        "kind": ["邻里"] * n,
        "org": ["综治中心"] * n,
    }
    return pd.DataFrame({**plain, **columns})


def door(tmp_path, frame):
    mapping = mapping_of(
        {
            "timezone": "Asia/Shanghai",
            "source": "dispute",
            "category": {"vocabulary": "dispute"},
            "columns": {"event_id": "id", "occurred_at": "at", "category": "kind", "org_code": "org"},
        }
    )
    frame.to_csv(tmp_path / "f.csv", index=False)
    store = Store(tmp_path / "s", timezone="Asia/Shanghai")
    return store, lambda: ingest(store, tmp_path / "f.csv", mapping)


def on_disk(store):
    return b"".join(p.read_bytes() for p in store.path.rglob("*") if p.is_file())


def test_a_column_of_identity_numbers_is_refused(tmp_path):
    """The file is refused, the value is in no message and nowhere in the store."""
    numbers = residents(np.random.default_rng(1), 50)
    store, bring = door(tmp_path, ledger(50, org=numbers))
    with pytest.raises(PrivacyError, match="column 'org': 50 of 50 values look like person data") as refused:
        bring()
    assert not any(number in str(refused.value) for number in numbers)
    assert not store.has("events")


def test_rows_with_a_stray_number_are_refused_one_by_one(tmp_path):
    """10,000 generated values among 40,000 rows: exactly these rows are refused, and no value reaches the disk."""
    values = generated()
    org = np.full(40_000, "综治中心", dtype=object)
    org[::4] = values
    store, bring = door(tmp_path, ledger(40_000, org=org))
    report = bring()
    assert (report.accepted, report.quarantined) == (30_000, 10_000)
    assert report.reasons["reason"].str.startswith("org_code: looks like person data, rule ").all()
    kept = on_disk(store)
    assert not any(str(value).encode() in kept for value in values[:200])
    assert store.read_quarantine("events")["org_code"].unique().tolist() == ["[removed]"]


def test_a_clean_file_passes_whole(tmp_path):
    """No row of a clean file is refused."""
    store, bring = door(tmp_path, ledger(5000))
    report = bring()
    assert (report.received, report.accepted, report.quarantined) == (5000, 5000, 0)
    assert store.has("events")


def test_an_identifier_that_looks_like_a_telephone_is_hashed(tmp_path):
    """A running number may look like a mobile by chance: it is kept as a hash, the row stays."""
    store, bring = door(tmp_path, ledger(30, id=["13812345678", *(f"e{k}" for k in range(29))]))
    assert bring().accepted == 30
    assert b"13812345678" not in on_disk(store)


@pytest.mark.parametrize("form", ["JF013{:09d}", "JF-13-{:09d}", "0138{:08d}"])
def test_a_column_of_running_numbers_like_telephones_is_no_column_of_telephones(tmp_path, form):
    """Identifiers that count on are kept as hashes, even where every one has the shape of a mobile; telephones in their place refuse the file."""
    store, bring = door(tmp_path, ledger(500, id=[form.format(80_000 + 3 * k) for k in range(500)]))
    assert bring().accepted == 500
    assert store.read("events")["event_id"].nunique() == 500
    assert form.format(80_000).encode() not in on_disk(store)

    rng = np.random.default_rng(3)
    called = [f"1{rng.integers(3, 10)}{rng.integers(10**9):09d}" for _ in range(500)]
    of_one_exchange = [f"1380013{k:04d}" for k in rng.choice(10_000, 500, replace=False)]
    for name, ids in (("people", called), ("exchange", of_one_exchange)):
        (tmp_path / name).mkdir()
        with pytest.raises(PrivacyError, match="500 of 500 values look like person data"):
            door(tmp_path / name, ledger(500, id=ids))[1]()


def test_free_text_is_refused(tmp_path):
    """A value longer than a code can be is taken for free text and removed."""
    text = "当事人甲与当事人乙因楼上漏水多次发生争吵，" * 5
    store, bring = door(tmp_path, ledger(2, org=[text, "综治中心"]))
    report = bring()
    assert report.reasons["reason"].tolist() == ["org_code: longer than 64 characters, looks like free text"]
    assert "漏水".encode() not in on_disk(store)


def test_no_error_of_the_system_repeats_a_name_that_tells_a_person(tmp_path):
    """A file that cannot be opened is an error of ours with a masked name; one about another file passes as it is."""
    wanted, other = tmp_path / "13812345678.csv", tmp_path / "settings.toml"
    with pytest.raises(NotFoundError, match=r"file-ff9677\.csv: cannot be opened") as told, names_masked(wanted):
        wanted.open()
    with pytest.raises(FileNotFoundError, match="settings"), names_masked(wanted):
        other.open()

    assert "13812345678" not in str(told.value)
