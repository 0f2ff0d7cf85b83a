"""The card of a model: what it is for and not for, what it learnt from, how well it does, what it leans on and where its limits are."""

from collections.abc import Iterator, Sequence

import pandas as pd

from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.explanation.whatif import actionable
from riskwarn.language import UNSAID, Language, Spoken, listed, phrase
from riskwarn.model import RiskModel
from riskwarn.naming import named
from riskwarn.purpose import WORDS
from riskwarn.sheet import Cell, Section, markdown

NOT_FOR = (
    phrase(
        "Not evidence, and not grounds for checks, detention, denial of service, or the appraisal of staff or places."
    ),
    phrase("Not for persons, households or callers: the unit is a grid, and no attribute of people is read."),
    phrase(
        "Calling, reporting and petitioning are lawful requests for help; a high count asks for service, never for control."
    ),
    phrase("Silence, visits and staffing do not lower a score; a calm number may be a gap in reporting."),
)
"""Printed in every card."""
_PARTS = {
    "trees": phrase("trees", context="card"),
    "additive rate": phrase("additive rate"),
    "line": phrase("line", context="card"),
}


@checked
def model_card(
    model: RiskModel,
    report: Report | None = None,
    *,
    importance: pd.DataFrame | None = None,
    stability: pd.DataFrame | None = None,
    dependence: Sequence[pd.DataFrame] = (),
    language: Language = "en",
) -> str:
    """A model card in Markdown.

    Parameters
    ----------
    model
        A fitted model.
    report
        What :func:`riskwarn.backtest` found; without it the card says that nothing is known of its performance.
    importance, stability, dependence
        What the functions of these names gave; sections without one are left out.
    language
        ``zh`` or ``en``; names of metrics, families and columns stay as they are.

    Returns
    -------
    card
        Markdown, ending in a line break.
    """
    title = phrase("Model card: {target}", target=model.label.name)
    lead = phrase(
        "Version {version}; it counts {events}, per grid.", version=f"`{model.version}`", events=model.label.words
    )
    sections = [
        _purpose(model),
        Section(phrase("Data"), tuple(_data(model))),
        _performance(model, report),
        *_margins(report),
        *_families(importance),
        *_shape(dependence),
        *_firmness(stability),
        _limits(model),
    ]
    return markdown(title, lead, sections, language)


def _purpose(model: RiskModel) -> Section:
    ranks = phrase(
        "Ranks grids by the expected number of {events}, so that mediation, visits and service reach the places that need them first. Every score is a lead to verify.",
        events=model.label.words,
    )
    purpose = model.facts.get("purpose")
    made_for = [phrase("Made for: {purpose}.", purpose=WORDS[purpose])] if purpose in WORDS else []
    return Section(phrase("Use"), (*made_for, ranks, *NOT_FOR))


def _data(model: RiskModel) -> Iterator[Spoken]:
    facts, made = model.facts, model.calibration
    yield phrase(
        "Trained on {rows:,} rows (grid and date) with {events:,.0f} events, dates {first} to {last}; each outcome counts events of the {days:g} days after its date, read {settle:g} days after they ended.",
        rows=facts.get("n_rows", 0),
        events=facts.get("n_events", 0),
        first=str(facts.get("first"))[:10],
        last=str(facts.get("last"))[:10],
        days=model.label.days,
        settle=model.label.settle_days,
    )
    families = list(dict.fromkeys(feature.family for feature in model.features))
    yield phrase(
        "{n} features in {k} families: {names}.", n=len(model.features), k=len(families), names=", ".join(families)
    )
    yield phrase(
        "Calibration: log expected count = {level:.3f} + {slope:.3f} × raw log rate, clumping {clumping:.3f}, dispersion {dispersion:.3f}.",
        level=made.level,
        slope=made.slope,
        clumping=made.clumping,
        dispersion=made.dispersion,
    )
    yield phrase("Raw log rate: {shares}.", shares=_shares(model))
    yield _level(model)


def _level(model: RiskModel) -> Spoken:
    if not model.tide.weights:
        return phrase("Level of the city: that of the latest dates.")
    return phrase(
        "Level of the city: forecast at each date from its own totals, without new training, at most to half or double; commonly off by {share:.0%}.",
        share=model.tide.variance**0.5,
    )


def _shares(model: RiskModel) -> Spoken:
    parts = {"trees": model.tree_share, "additive rate": model.rate_share, "line": model.line_share}
    shares = [phrase("{share:.0%} {part}", share=share, part=_PARTS[name]) for name, share in parts.items()] + [
        phrase("{share:.0%} {part}", share=share, part=name) for name, share in model.counts.weights.items()
    ]
    return listed(shares, ",")


def _performance(model: RiskModel, report: Report | None) -> Section:
    title, table = phrase("Performance"), model.facts.get("backtest")
    if report is None and table:
        rows = pd.DataFrame.from_dict(table, orient="index").reset_index(names="model")
        return _tabled(title, phrase("Means over test dates."), rows)
    if report is None:
        said = phrase("Not backtested: nothing is known of how well it does, and it cannot be promoted.")
        return Section(title, (said,))
    return _tabled(title, _tested(report), report.table.reset_index(names="model"))


def _tested(report: Report) -> Spoken:
    """Test dates and folds, and the split where it is not the forward one."""
    dates = report.frame["as_of"]
    span = {
        "n": dates.nunique(),
        "first": f"{dates.min():%Y-%m-%d}",
        "last": f"{dates.max():%Y-%m-%d}",
        "folds": report.frame["fold"].nunique(),
    }
    if report.split == "rolling_origin":
        return phrase("Means over {n} test dates from {first} to {last} (folds: {folds}).", **span)
    return phrase(
        "Means over {n} test dates from {first} to {last} (folds: {folds}, split: {split}).",
        **span,
        split=named(report.split),
    )


def _margins(report: Report | None) -> Iterator[Section]:
    if report is not None:
        against = report.differences()
        said = phrase("Against the best baseline (positive is better, 95 % interval over dates).")
        yield _tabled(UNSAID, said, against[against["model"] == "riskwarn"].drop(columns="model"))


def _families(importance: pd.DataFrame | None) -> Iterator[Section]:
    if importance is not None:
        said = phrase(
            "Loss of {metric} when the model is trained anew without a family (95 % interval over test dates). Families that stand in for one another each look small.",
            metric=importance["metric"].iloc[0],
        )
        yield _tabled(phrase("What it leans on"), said, importance.drop(columns="metric"))


def _shape(dependence: Sequence[pd.DataFrame]) -> Iterator[Section]:
    if dependence:
        said = phrase(
            "Expected count at a value of the feature, as a multiple of that at its median, the others as they are (5th to 95th percentile over rows)."
        )
        yield Section(phrase("Shape of its effects"), (said,))
    for table in dependence:
        yield _tabled(UNSAID, phrase("`{feature}`", feature=table["feature"].iloc[0]), table.drop(columns="feature"))


def _firmness(stability: pd.DataFrame | None) -> Iterator[Section]:
    if stability is not None:
        each = stability.drop(columns="model")
        rows = pd.DataFrame({"measure": each.columns, "mean": each.mean().to_numpy(), "least": each.min().to_numpy()})
        said = phrase(
            "{n} model trained anew, against this one; 1 is unmoved.",
            plural="{n} models trained anew, each against this one; 1 is unmoved.",
            n=len(stability),
        )
        yield _tabled(phrase("How firm its reasons are"), said, rows)


def _limits(model: RiskModel) -> Section:
    can = [phrase("`{feature}`", feature=name) for name in actionable(model)]
    changed = (
        phrase(
            "What-if answers change only {names}, within values seen in training, and are no promise.",
            names=listed(can, ","),
        )
        if can
        else phrase("No feature of it can be changed by what is done, so what-if answers change nothing.")
    )
    return Section(
        phrase("Limits"),
        (
            phrase('Contributions say what moved the score, not what moved the world; wording says "possible reason".'),
            changed,
            phrase("It learns from what was recorded: places that report less look calmer than they are."),
        ),
    )


def _tabled(title: Spoken, said: Spoken, frame: pd.DataFrame) -> Section:
    """A section with a table; numbers with at most four digits."""
    rows = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return Section(title, (said,), [str(column) for column in frame.columns], rows)


def _cell(value: object) -> Cell:
    if isinstance(value, bool):
        return phrase("yes", context="card") if value else phrase("no", context="card")
    return f"{value:.4g}" if isinstance(value, float) else str(value)
