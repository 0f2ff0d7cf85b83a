"""The papers of a model whose city nobody loads: its datasheet and audit are those of the history at hand."""

import datetime as dt
import shutil

import numpy as np
import pandas as pd
import pytest
from test_distributed_store import store  # noqa: F401 - a fixture

from riskwarn.audit import thinning, under_reporting
from riskwarn.backtesting import backtest
from riskwarn.datasheet import make_audit, make_datasheet
from riskwarn.distributed import Engine, auditing, train_blocks
from riskwarn.distributed.panel import written
from riskwarn.errors import NotFoundError
from riskwarn.experiment import Baselines, Dates, Experiment, Folds, Gate, Judge, ModelSettings
from riskwarn.feature import Count, OfCity, Open
from riskwarn.gate import gate
from riskwarn.history import History, Stream
from riskwarn.ingest import check, tally, tallying
from riskwarn.label import Label
from riskwarn.model import RiskModel
from riskwarn.panel import build_panel
from riskwarn.store import Store
from riskwarn.tracking.server import connected

FIRST, LAST = dt.date(2025, 1, 20), dt.date(2025, 5, 12)


def asked():
    """Own counts, neighbours, and shares of township and city; a list of two fifths of the grids, so that groups have places on it."""
    disputes = Count("dispute", days=28)
    declared = (
        disputes,
        disputes.nearby(),
        disputes.of_parent(),
        OfCity(Count("police_call", days=28)),
        Open("dispute"),
    )
    label = Label("dispute_7d", (Stream("dispute"),), days=7, settle_days=3)
    return Experiment(
        "?",
        label,
        Dates(FIRST, LAST),
        declared,
        folds=Folds(2, 3, 8),
        baselines=Baselines((4,)),
        model=ModelSettings(n_trees=8, min_rows_in_leaf=20),
        judge=Judge((0.4,)),
        gate=Gate(metric="capture_40", slices=("county_id",)),
    )


def lines_of(report):
    """The same lines of a whole check."""
    return pd.DataFrame(report.to_dict()["feeds"])


@pytest.fixture(scope="module", autouse=True)
def few_draws():
    """Two of each group, not five."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(thinning, "DRAWS", 2)
        yield


@pytest.fixture(scope="module")
def history(store):  # noqa: F811 - a fixture
    return History.load(store)


def test_feeds_are_tallied_in_buckets(store, monkeypatch):  # noqa: F811 - a fixture
    """In buckets of a hundred revisions every number of a feed is that of the check that reads it whole."""
    whole = lines_of(check(store))
    monkeypatch.setattr(tallying, "BUCKET_ROWS", 100)

    found = pd.DataFrame(tally(store))

    pd.testing.assert_frame_equal(found, whole[found.columns], check_dtype=False, rtol=1e-12)


def test_a_quantile_of_a_file_is_that_at_hand(tmp_path, monkeypatch):
    """However the numbers lie, many alike or far apart, and in parts of three."""
    monkeypatch.setattr(tallying, "BUCKET_ROWS", 3)
    monkeypatch.setattr(tallying, "_BINS", 4)
    rng = np.random.default_rng(2)
    for numbers in (np.zeros(5), rng.integers(-9, 9, 50), rng.integers(0, 2**52, 41), np.array([7])):
        place = tmp_path / "numbers"
        place.write_bytes(numbers.astype(np.int64).tobytes())
        with place.open("rb") as file:
            found = tallying.quantiles(file, len(numbers), (0.0, 0.5, 0.99, 1.0))
        np.testing.assert_allclose(found, np.quantile(numbers, [0.0, 0.5, 0.99, 1.0]))


def test_a_store_without_events_has_no_feeds(tmp_path):
    """It says what to do."""
    with pytest.raises(NotFoundError, match="holds no events; bring some in"):
        tally(Store(tmp_path, timezone="UTC"))


@pytest.mark.parametrize("n_blocks", [1, 2, 7])
def test_papers_are_those_of_the_history(store, history, papers, tmp_path, n_blocks):  # noqa: F811 - a fixture
    """In 1, 2 and 7 blocks the datasheet, with its silences, and the shares of places kept with fewer reports are those of the history at hand."""
    model, panel, sheet, kept = papers
    label, features = asked().label, asked().features
    _, outline = written(store, asked(), tmp_path / "panel", n_blocks=n_blocks)

    found = make_datasheet(store, outline, panel, label=label, features=features, data_digest="d")
    apart = auditing.StoreApart(store, tmp_path, Engine(), n_blocks)

    assert found == sheet
    assert any(feed["n_silences"] for feed in found["feeds"])
    pd.testing.assert_frame_equal(under_reporting(model, apart, asked(), as_of=LAST), kept, rtol=1e-6)
    assert [place.name for place in tmp_path.iterdir()] == ["panel"]


@pytest.fixture(scope="module")
def papers(store, history):  # noqa: F811 - a fixture
    """A model of the panel at hand, the panel, its datasheet, and what its list keeps where less is reported."""
    label, features = asked().label, asked().features
    panel = build_panel(history, asked())
    model = RiskModel.of(asked()).fit(panel)
    sheet = make_datasheet(store, history, panel, label=label, features=features, data_digest="d")
    kept = under_reporting(model, history, asked(), as_of=LAST)
    assert kept["kept"].notna().any()
    return model, panel, sheet, kept


def test_a_model_of_a_panel_on_disk_has_every_paper(store, history, papers, tmp_path, monkeypatch):  # noqa: F811 - a fixture
    """Trained, judged, described and audited without anybody loading the history; what it says is what the history at hand says."""
    model, panel, sheet, _ = papers
    report = backtest(asked(), panel, progress=False)
    audit = make_audit(model, asked(), report, history, as_of=panel["as_of"].max())
    land = Store(shutil.copytree(store.path, tmp_path / "land"))
    monkeypatch.setattr(History, "load", None)

    found, judged = train_blocks(land, asked(), tmp_path / "panel", judged=True, n_blocks=2)

    assert found.trees == model.trees
    assert found.facts["datasheet"] | {"data_digest": "d"} == sheet
    assert found.facts["datasheet"]["data_digest"] == land.digest()
    assert found.facts["audit"] == audit
    assert found.facts["gate"] == gate(report).passed
    with connected(found.facts["mlflow_uri"]) as mlflow:
        data = mlflow.artifacts.load_dict(f"runs:/{found.facts['mlflow_run']}/data.json")
    assert (data["rows"], data["columns"]) == (len(panel), ["grid_id", "as_of", *model.feature_names, "y"])
    pd.testing.assert_frame_equal(judged.table, report.table, rtol=1e-6, atol=1e-9)
