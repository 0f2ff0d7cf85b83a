"""The datasheet of what a model learnt from: every feed, row and silence accounted for, in both languages."""

import json

import numpy as np
import pandas as pd
import pytest
import towns
from towns.gaps import NIGHT, event, frame, town

from riskwarn.audit import disparities
from riskwarn.cli import main
from riskwarn.datasheet import (
    audit_text,
    datasheet_text,
    lacking,
    make_audit,
    make_datasheet,
    paper_of,
    sections_of,
)
from riskwarn.datasheet.making import MOST_SILENCES
from riskwarn.datasheet.refusing import refusal
from riskwarn.errors import DataError, NotFoundError
from riskwarn.feature import Count
from riskwarn.gate import gate
from riskwarn.history import History, Stream
from riskwarn.label import Label
from riskwarn.panel import panel_of

LABEL = Label("dispute_7d", (Stream("dispute"),), days=7)
DAY = pd.Timedelta(days=1)
DISPUTES = (Count("dispute", days=7),)


def delivery(number, source="dispute", *, at, covers, rows):
    """One line of the log: `rows` received, accepted, refused and known already."""
    received, accepted, quarantined, duplicate = rows
    return {
        "source": source,
        "org_code": "*",
        "batch_id": f"b{number}",
        "arrived_at": at,
        "received": received,
        "accepted": accepted,
        "quarantined": quarantined,
        "duplicate": duplicate,
        "covers_from": covers[0],
        "covers_to": covers[1],
    }


@pytest.fixture
def store(tmp_path):
    """A town with two feeds whose disputes were delivered twice, ten days between the two untold."""
    events = [event(f"d{n}", "dispute", ago) for n, ago in enumerate((60, 50, 45, 20, 10, 5))]
    events += [event(f"p{n}", "police_call", ago, category="P04") for n, ago in enumerate((55, 15))]
    until = [NIGHT - days * DAY for days in (70, 40, 30, 0)]
    log = [
        delivery(1, at=until[1], covers=until[:2], rows=(5, 3, 1, 1)),
        delivery(2, at=until[3], covers=until[2:], rows=(4, 3, 0, 1)),
    ]
    return town(tmp_path / "town", frame(events), feed_log=pd.DataFrame(log))


def sheet_of(store, features=DISPUTES, *, label=LABEL):
    digest, history = store.digest(), History.load(store)
    panel = panel_of(history, features, [NIGHT - 28 * DAY, NIGHT - 3 * DAY], label=label)
    return make_datasheet(store, history, panel, label=label, features=features, data_digest=digest)


def test_every_row_received_is_accounted_for(store):
    """Rows accepted, refused and known already add up to those received; a feed without a log has none rather than zero."""
    disputes, calls = sorted(sheet_of(store)["feeds"], key=lambda feed: feed["source"])
    counts = [disputes[name] for name in ("received", "accepted", "quarantined", "duplicate")]

    assert counts == [9, 6, 1, 2]
    assert counts[0] == sum(counts[1:])
    assert (disputes["events"], calls["events"]) == (6, 2)
    assert [calls[name] for name in ("received", "accepted", "quarantined", "duplicate")] == [None] * 4


def test_a_silence_is_told_with_its_days_and_grids(store):
    """The ten days that no delivery spoke for, of all four grids; before the first and after the last there is none to tell."""
    feeds = {feed["source"]: feed for feed in sheet_of(store)["feeds"]}

    first, last = (f"{NIGHT - days * DAY:%Y-%m-%d}" for days in (40, 30))
    assert feeds["dispute"]["silences"] == [{"from": first, "to": last, "days": 10.0, "grids": 4}]
    assert f"nothing was told from {first} to {last} of 4 grids" in datasheet_text(
        sheet_of(store), target="t", version="v"
    )


def two_counties(path, told, **tables):
    """A town of two counties with two grids each, and a dispute a day of each grid whose `told` (county, days ago) is true."""
    events = [
        event(f"d{ago}-{g}", "dispute", ago + 0.5, grid=f"G{g}")
        for ago in range(200)
        for g in range(4)
        if told(g // 2 + 1, ago)
    ]
    return town(path, frame(events), counties=2, **tables)


def silences_of(store):
    [feed] = sheet_of(store)["feeds"]
    return feed["n_silences"], [(silence["from"], silence["to"], silence["grids"]) for silence in feed["silences"]]


def ago(days):
    return f"{NIGHT - days * DAY:%Y-%m-%d}"


def test_a_county_that_fell_silent_before_the_others_is_told(tmp_path):
    """Its silence runs to the end; it is told up to where the feed was last heard of anywhere."""
    store = two_counties(tmp_path / "town", lambda county, days: county == 1 or days >= 60)

    assert silences_of(store) == (1, [(ago(61), ago(1), 2)])
    assert "No feed was silent" not in datasheet_text(sheet_of(store), target="t", version="v")


def test_a_county_that_began_after_the_others_is_told(tmp_path):
    """Its silence has no beginning; it is told from where the feed was first heard of anywhere."""
    log = [
        delivery(n, at=NIGHT, covers=(NIGHT - days * DAY, NIGHT), rows=(1, 1, 0, 0)) | {"org_code": f"C{n}"}
        for n, days in ((1, 80), (2, 50))
    ]
    store = two_counties(
        tmp_path / "town", lambda county, days: days < (80, 50)[county - 1], feed_log=pd.DataFrame(log)
    )

    assert silences_of(store) == (1, [(ago(80), ago(50), 2)])


def test_one_outage_of_two_counties_is_told_once(tmp_path):
    """Its grids are added up."""
    store = two_counties(tmp_path / "town", lambda _, days: not 60 <= days < 110)

    assert silences_of(store) == (1, [(ago(110), ago(60), 4)])


def test_more_stretches_than_are_told_are_counted_once(tmp_path):
    """Twelve silences of the whole city: the ten longest, and two further ones whatever the number of counties."""
    starts = [175 - 14 * n for n in range(13)]
    covers = [(NIGHT - days * DAY, NIGHT - (days - 7) * DAY) for days in starts]
    log = [delivery(n, at=span[1], covers=span, rows=(1, 1, 0, 0)) for n, span in enumerate(covers)]
    heard = {day for days in starts for day in range(days - 7, days)}
    store = two_counties(tmp_path / "town", lambda _, days: days in heard, feed_log=pd.DataFrame(log))

    n, told = silences_of(store)
    assert (n, len(told)) == (12, MOST_SILENCES)
    assert {grids for *_, grids in told} == {4}
    assert "2 further stretches" in datasheet_text(sheet_of(store), target="t", version="v")


def test_what_is_read_is_told_apart_from_what_is_there(store):
    """Feeds of the outcome and of the features; another feed of the store is listed and not read."""
    alone, both = sheet_of(store), sheet_of(store, (*DISPUTES, Count("police_call", days=7)))

    assert (alone["counted"], alone["read"]) == (["dispute"], ["dispute"])
    assert (both["counted"], both["read"]) == (["dispute"], ["dispute", "police_call"])
    assert len(alone["feeds"]) == 2


def test_rows_without_an_outcome_are_counted(store):
    """Of two dates the later is not over yet: its four grids taught nothing."""
    sheet = sheet_of(store)

    assert (sheet["rows"], sheet["grids"], sheet["dates"], sheet["unsettled"]) == (8, 4, 2, 4)


def test_rows_where_the_question_does_not_arise_are_not_called_unsettled(tmp_path):
    """Of a first event three busy grids of four are not asked, at a date long settled; the sheet says that this is why as well."""
    events = [event(f"d{days}-{g}", "dispute", days + 0.5, grid=f"G{g}") for days in range(230) for g in range(3)]
    first = Label("first_dispute_7d", (Stream("dispute"),), days=7, kind="first")
    sheet = sheet_of(town(tmp_path / "town", frame(events)), label=first)
    text = datasheet_text(sheet, target="t", version="v", language="en")

    assert (sheet["rows"], sheet["unsettled"]) == (8, 3 + 4)
    assert (
        "7 of them have no outcome and taught nothing: it is not settled, or the question did not arise there." in text
    )


def test_values_survive_json(store):
    """It is kept with the model as text, and reads the same afterwards."""
    sheet = sheet_of(store)

    assert json.loads(json.dumps(sheet)) == sheet


@pytest.mark.parametrize(("language", "heading"), [("en", "## Who may use it"), ("zh", "## 谁可以使用")])
def test_every_section_speaks_the_language(store, language, heading):
    """Each section has a heading and something under it, and no language shows the other's words."""
    sheet = sheet_of(store)
    text = datasheet_text(sheet, target="dispute_7d", version="v1", language=language)
    parts = text.split("\n## ")[1:]

    assert heading in text
    assert len(parts) == len(sections_of(sheet))
    assert all(len(part.splitlines()) > 1 for part in parts)
    assert ("events" in text) == (language == "en")


def test_what_a_model_lacks_is_named():
    """A paper that is missing is an error that says how to get it."""
    assert lacking({}) == ["card", "datasheet", "audit"]
    with pytest.raises(NotFoundError, match=r"version v of t has no datasheet: train it again"):
        paper_of({"card": {"en": "x"}}, "datasheet", target="t", version="v")
    assert paper_of({"card": {"en": "x"}}, "card", target="t", version="v", language="zh") == "x"


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A street with a candidate trained by the verb."""
    folder = tmp_path_factory.mktemp("papers")
    path = towns.write_experiment(
        folder / "experiments" / "street.toml", towns.STREET_EXPERIMENT, **{"n_trees = 20": "n_trees = 5"}
    )
    (folder / "features").symlink_to(towns.FEATURES)
    street = towns.copy(towns.street(), folder / "street")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        assert main(["train", str(path), "--no-backtest", "--store", str(street.path)]) == 0
    return street


def asked(capsys, store, *more):
    capsys.readouterr()
    code = main(["card", towns.TARGET, "--store", str(store.path), *more])
    return code, capsys.readouterr().out


def test_the_verb_prints_every_paper(trained, capsys, tmp_path):
    """Card, datasheet and audit of a kept version, in either language, as text, as a file and for machines."""
    here = ("--alias", "candidate")
    assert asked(capsys, trained, *here, "--language", "en")[1].startswith(f"# Model card: {towns.TARGET}\n")
    assert asked(capsys, trained, *here, "--language", "zh")[1].startswith(f"# 模型说明卡：{towns.TARGET}\n")
    code, said = asked(capsys, trained, *here, "--datasheet", "--language", "en", "--json")
    assert code == 0
    assert json.loads(said)["datasheet"]["data_digest"] == trained.digest()
    file = tmp_path / "sheet.md"
    assert asked(capsys, trained, *here, "--datasheet", "--language", "zh", "--out", str(file))[0] == 0
    assert file.read_text("utf-8").startswith(f"# 数据说明书：{towns.TARGET}\n")
    assert asked(capsys, trained, *here, "--audit", "--language", "en")[1].startswith(f"# Audit: {towns.TARGET}\n")
    assert asked(capsys, trained, *here, "--audit", "--language", "zh")[1].startswith(f"# 审计书：{towns.TARGET}\n")
    assert asked(capsys, trained, *here, "--audit", "--datasheet")[0] == DataError.exit_code
    assert asked(capsys, trained)[0] == NotFoundError.exit_code


SHARES = {"n_grids": 30, "listed": 12.0, "kept": 0.25, "count_kept": 0.5, "verdict": "failed"}
MADE = {
    "as_of": "2025-12-08 00:00:00+08:00",
    "checks": [
        {"check": "gain", "verdict": "passed", "said": {"en": "it beats the count", "zh": "胜过件数"}},
        {"check": "slices", "verdict": "insufficient_evidence", "said": {"en": "the grids say no 'county_id'", "zh": "没有"}},
    ],
    "disparities": [
        {"by": "urban_class", "group": "111", "quantity": "recall", "ratio": 0.5, "rival_ratio": 0.45, "verdict": "failed", "farther": False},
        {"by": "urban_class", "group": "220", "quantity": "recall", "ratio": None, "rival_ratio": None, "verdict": "insufficient_evidence", "farther": False},
    ],
    "under_reporting": [
        {"by": "urban_class", "group": "111"} | SHARES,
        {"by": "half", "group": "half"} | SHARES | {"kept": None, "count_kept": None, "verdict": "insufficient_evidence"},
    ],
}  # fmt: skip


def test_an_audit_says_what_was_judged_and_what_was_not():
    """What has to be looked at comes first; a ratio that is no farther from parity than the count's is passed; what is not known is a dash."""
    text = audit_text(MADE, target="t", version="v")

    assert "- slices not judged: the grids say no 'county_id'" in text
    assert (
        "- with every second report missing, urban_class 111 keeps 25% of its places on the list, 50% by the count"
        in text
    )
    assert "| gain | passed | it beats the count |" in text
    assert "| slices | not judged | the grids say no 'county_id' |" in text
    assert "| urban_class 111 | recall | 0.50 | 0.45 | passed |" in text
    assert "| urban_class 220 | recall | – | – | not judged |" in text
    assert "`capture_5` in the first 5% of them" in text
    assert "| urban_class 111 | 30 | 12 | 25% | 50% | not passed |" in text
    assert "| half of the grids, drawn | 30 | 12 | – | – | not judged |" in text
    assert audit_text(MADE, target="t", version="v", language="zh").count("|") == text.count("|")


@pytest.mark.parametrize(
    ("reason", "zh"),
    [
        ("closed_at before occurred_at", "办结时间早于发生时间"),
        ("occurred_at is empty", "发生时间为空"),
        ("closed_at: not a time; category: not in the crosswalk", "办结时间不是时间；类别不在对照表中"),
        ("x_at before occurred_at", "`x_at`早于发生时间"),
        ("looks like person data, rule phone", "`looks like person data, rule phone`"),
    ],
)
def test_why_rows_were_refused_is_told_in_words(reason, zh):
    """In English a reason is the code one finds in quarantine; elsewhere it is said in words, as far as there are some."""
    said = refusal(reason)

    assert said["en"] == f"`{reason}`"
    assert said["zh"] == zh


def test_an_audit_without_anything_open_says_so():
    """Where all was judged that is said, where nothing was backtested that is."""
    sound = {"by": "half", "group": "half"} | SHARES | {"verdict": "passed"}
    judged = MADE | {"checks": MADE["checks"][:1], "disparities": [], "under_reporting": [sound]}

    assert "- Every check was judged." in audit_text(judged, target="t", version="v")
    assert "Kinds of area" not in audit_text(judged, target="t", version="v")
    assert "- Not backtested: no check was made." in audit_text(judged | {"checks": []}, target="t", version="v")


def test_an_audit_holds_what_the_report_shows():
    """Its checks are the gate's, its disparities those of the columns that the grids tell; all of it is fit for JSON."""
    report = towns.judged("hint", grids=towns.quarters())
    made = make_audit(
        towns.street_model(towns.street()), report.experiment, report, towns.street(), as_of=towns.STREET_NIGHT
    )
    shown = disparities(report, "urban_class")

    assert [(c["check"], c["verdict"]) for c in made["checks"]] == [(c.name, c.verdict) for c in gate(report).checks]
    assert [row["by"] for row in made["disparities"]] == ["urban_class"] * len(shown)
    ratios = [np.nan if row["ratio"] is None else row["ratio"] for row in made["disparities"]]
    assert ratios == pytest.approx(shown["ratio"].round(3).tolist(), nan_ok=True)
    assert json.loads(json.dumps(made)) == made
