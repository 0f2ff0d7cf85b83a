"""The main job on real records, in the open: Boston 2015 from raw file to ranked alerts."""

from pathlib import Path

import pandas as pd

from riskwarn import tracking
from riskwarn.backtesting import backtest
from riskwarn.errors import GateError
from riskwarn.example import boston
from riskwarn.experiment import Experiment
from riskwarn.explanation import sentences
from riskwarn.gaps import KINDS
from riskwarn.holds import holds_of, promote
from riskwarn.language import LANGUAGES
from riskwarn.pipeline import Night, nightly
from riskwarn.releasing import release
from riskwarn.scaffold import starter
from riskwarn.store import Store
from riskwarn.taxonomy import words_of
from riskwarn.training import described_panel, train
from riskwarn.working import declared_plan

NIGHT = "2015-12-28"
CAPACITY = 40
_LOOKED, _WHY = "city_analyst", "an example that nobody acts on"


def run(folder: Path) -> Night:
    """Ingest, backtest, train, ask the gate, run a night; print what was found.

    Parameters
    ----------
    folder
        Of the new store.

    Returns
    -------
    night
        What was published.
    """
    _step(1, f"bring the records of Boston 2015 into {folder}")
    store = boston(folder)
    print(f"  {store}")
    experiment = Experiment.load(starter("experiments") / "weekly.toml", features=starter("features"))
    _step(2, f"build the panel: {len(experiment.features)} features of every grid, weekly, as known at each date")
    panel, sheet = described_panel(store, experiment)
    print(f"  {len(panel):,} rows, {panel['grid_id'].nunique()} grids, {panel['as_of'].nunique()} dates")
    _step(3, "backtest: the model beside the prior counts, on dates it has not seen")
    report = backtest(experiment, panel)
    print(report)
    _step(4, "train, log to MLflow, register")
    model = train(
        experiment,
        panel,
        report=report,
        tracking_folder=store.path,
        data_digest=sheet["data_digest"],
        datasheet=sheet,
        records=store,
    )
    uri = str(model.facts["mlflow_uri"])
    print(f"  {model}\n  MLflow run {model.facts['mlflow_run']} in {uri}")
    alias = _promoted(model.label.name, store)
    _step(5, f"the night of {NIGHT}")
    night = nightly(
        store, model.label.name, as_of=NIGHT, capacity=CAPACITY, alias=alias, say=lambda line: print(f"  {line}")
    )
    _show(night, store)
    return night


def doors(store: Store, *, port: int = 8000) -> str:
    """Where to look at what was made.

    Parameters
    ----------
    store
        Of the demonstration.
    port
        At which the page will be served.

    Returns
    -------
    text
        Two lines.
    """
    return (
        f"Open the page:   riskwarn serve --store {store.path} --port {port}      then http://127.0.0.1:{port}/?lang=en\n"
        f"Open the record: mlflow ui --backend-store-uri {tracking.default_uri(store.path)}"
    )


def _promoted(target: str, store: Store) -> str:
    """The alias the night runs with: the champion where the gate opens, else the candidate, said aloud.

    The grids of the example say no kind of area, so nobody can judge whom the list serves worse; that holds a promotion until
    somebody has looked, and the example looks in the open.
    """
    plan = declared_plan(store)
    for hold in holds_of(store, plan):
        if hold.name == "audit":
            release(store, hold.name, by=_LOOKED, why=_WHY, target=target)
            print(f"  hold audit: {hold.said}\n  released by {_LOOKED}: {_WHY}")
    try:
        version = promote(store, plan, target)
    except GateError as error:
        print(f"  gate: {error}\n  The night below runs with @candidate, and its page says so.")
        return tracking.CANDIDATE
    print(f"  gate: passed, version {version} is @champion")
    return tracking.CHAMPION


def _show(night: Night, store: Store) -> None:
    names = store.grids().set_index("grid_id")["name"]
    print(f"\nTop ten of {len(night.alerts)} alerts for {night.as_of:%Y-%m-%d} (up to {CAPACITY} grids):")
    for alert in night.alerts.head(10).itertuples():
        grids = str(alert.grid_ids).split()
        beside = f" and {len(grids) - 1} beside it" if len(grids) > 1 else ""
        score = night.scores.set_index("grid_id").loc[grids[0]]
        print(
            f"\n  {alert.rank:>3}. [{alert.level}] {names[grids[0]]}{beside}: {score['expected']:.1f} expected, next step: {words_of(str(alert.action)).en}"
        )
        for reason in _in_words(night, grids[0]).itertuples():
            print(f"       {'+' if reason.contribution > 0 else '−'} {reason.en}  |  {reason.zh}")
    open_gaps = night.gaps[night.gaps["state"] == "open"]
    print(f"\nGaps ({len(open_gaps):,}), the gravest of each kind:")
    for kind, gaps in open_gaps.groupby("kind"):
        words, first = KINDS[str(kind)].words, gaps.iloc[0]
        step = words_of(str(first["action"])).en
        print(
            f"  {kind} {words.en}, {words.zh} ({len(gaps):,}): {first['scope']}, severity {first['severity']:.0f}, next step: {step}"
        )
    blind = sorted(set(night.gaps["kind"]) - set(open_gaps["kind"]))
    print(f"  not to be told from these records: {', '.join(f'{k} {KINDS[k].words.en}' for k in blind) or 'none'}")


def _in_words(night: Night, grid_id: str) -> pd.DataFrame:
    reasons = night.reasons[night.reasons["grid_id"] == grid_id]
    return reasons.assign(**{language: sentences(reasons, night.facts["features"], language) for language in LANGUAGES})


def _step(number: int, what: str) -> None:
    print(f"\n[{number}/5] {what}", flush=True)
