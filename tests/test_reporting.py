"""The page of a backtest: whole, self-contained, and with the numbers of the report."""

import dataclasses
import html
import re

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import towns

mpl.use("Agg")

from riskwarn.backtesting import judged
from riskwarn.gate import gate
from riskwarn.reporting import to_html, write_html


@pytest.fixture(scope="module")
def report():
    """A report with grids and one with a question that a browser could take for markup."""
    found = towns.judged("hint", grids=towns.quarters())
    experiment = dataclasses.replace(found.experiment, question="Where? <script>alert(1)</script> 哪些网格")
    return dataclasses.replace(found, experiment=experiment)


@pytest.fixture(scope="module")
def events(report):
    first = report.predictions["as_of"].min()
    return pd.DataFrame({"grid_id": ["G01", "G02"], "occurred_at": [first + pd.Timedelta(days=n) for n in (1, 9)]})


@pytest.fixture(scope="module")
def page(report, events):
    return to_html(report, events=events)


def test_the_page_fetches_nothing(page):
    """No address, no script, no style sheet from elsewhere; pictures are within, and what was asked is text, not markup."""
    assert re.findall(r"(?:src|href)=", page)
    assert all(found.startswith("data:image/") for found in re.findall(r"""(?:src|href)=["']?([^"'> ]*)""", page))
    assert "<script" not in page
    assert "@import" not in page
    assert "url(" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 哪些网格" in page
    assert page.count("data:image/svg+xml;base64,") == 4
    assert page.startswith("<!DOCTYPE html>")


def test_the_page_says_what_the_report_and_the_gate_say(page, report):
    """Every model with its captures, every check with its reason, and every section of the report."""
    for model, row in report.table.iterrows():
        assert model in page
        assert f"{row['capture_5']:.4f}" in page
    decision = gate(report)
    assert (">passed</span>" if decision.passed else ">refused</span>") in page
    assert all(check.name in page for check in decision.checks)
    for head in (
        "How much of what can be had",
        "Is a level what it says?",
        "How early",
        "Served alike, by urban_class",
        "luck of the borders",
    ):
        assert head in page


def test_what_cannot_be_told_says_why(page, report):
    """Grids without polygons have no map, a column they lack no slices; without grids and events these sections are not there."""
    assert "Not told: 60 grids have no geometry" in page
    assert "Not told: the grids say no 'county_id'" in html.unescape(page)
    plain = to_html(dataclasses.replace(report, grids=None))
    assert "How early" not in plain
    assert "Served alike" not in plain


def test_a_report_of_counts_alone_has_a_page(report):
    """Without the product's model there is no gate, but all else."""
    counts = report.predictions[report.predictions["model"] != "riskwarn"]
    model = np.where(counts["model"] == "prior count 4 weeks", "other", counts["model"])
    alone = counts.assign(model=model)
    found = to_html(
        dataclasses.replace(
            report, predictions=alone, frame=judged(alone, report.experiment), baselines=("prior count 8 weeks",)
        )
    )

    assert "May it become champion?" not in found
    assert "What a list catches" in found


def test_the_file_appears_whole(report, tmp_path, monkeypatch):
    """A page that fails half-way leaves what was there."""
    target = write_html(report, tmp_path / "deep" / "report.html")
    before = target.read_text("utf-8")
    monkeypatch.setattr("riskwarn.reporting.to_html", lambda *_, **__: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        write_html(report, target)

    assert target.read_text("utf-8") == before
    assert [p.name for p in target.parent.iterdir()] == ["report.html"]
