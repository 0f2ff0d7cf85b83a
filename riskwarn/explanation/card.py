"""The model card: what a model is for, what it read, how it did, what it leans on, and what it must not be used for."""

from collections.abc import Sequence

import pandas as pd

from riskwarn.backtesting import Report
from riskwarn.explanation.whatif import actionable
from riskwarn.model import RiskModel

NOT_FOR = (
    "Not evidence, and not grounds for checks, detention, denial of service, or the appraisal of staff or places.",
    "Not for persons, households or callers: the unit is a grid, and no attribute of people is read.",
    "Calling, reporting and petitioning are lawful requests for help; a high count asks for service, never for control.",
    "Silence, visits and staffing do not lower a score; a calm number may be a gap in reporting.",
)
"""Printed in every card."""


def model_card(
    model: RiskModel, report: Report | None = None, *, importance: pd.DataFrame | None = None, stability: pd.DataFrame | None = None,
    dependence: Sequence[pd.DataFrame] = (),
) -> str:  # fmt: skip
    """A model card in Markdown.

    Parameters
    ----------
    model
        A fitted model.
    report
        What :func:`riskwarn.backtest` found; without it the card says that nothing is known of its performance.
    importance, stability, dependence
        What the functions of these names gave; sections without one are left out.
    """
    sections = [
        _head(model),
        _purpose(model),
        _data(model),
        _performance(report),
        _families(importance),
        _shape(dependence),
        _firmness(stability),
        _limits(model),
    ]
    return "\n\n".join(s for s in sections if s) + "\n"


def _head(model: RiskModel) -> str:
    return f"# Model card: {model.label.name}\n\nVersion `{model.version}`. {model.label.words.en[0].upper()}{model.label.words.en[1:]}, per grid."


def _purpose(model: RiskModel) -> str:
    lines = "\n".join(f"- {line}" for line in NOT_FOR)
    return (
        "## Use\n\n"
        f"Ranks grids by the expected number of {model.label.words.en}, so that mediation, visits and service reach the places that need them first. "
        f"Every score is a lead to verify.\n\n{lines}"
    )


def _data(model: RiskModel) -> str:
    facts = model.facts
    families = list(dict.fromkeys(f.family for f in model.features))
    return (
        "## Data\n\n"
        f"Trained on {facts.get('n_rows', 0):,} rows (grid and date) with {facts.get('n_events', 0):,.0f} events, dates {str(facts.get('first'))[:10]} to {str(facts.get('last'))[:10]}; "
        f"each outcome counts events of the {model.label.days:g} days after its date, read {model.label.settle_days:g} days after they ended.\n"
        f"{len(model.features)} features in {len(families)} families: {', '.join(families)}.\n"
        f"Calibration: log expected count = {model.calibration.level:.3f} + {model.calibration.slope:.3f} × raw log rate, clumping {model.calibration.clumping:.3f}, dispersion {model.calibration.dispersion:.3f}.\n"
        f"Raw log rate: {_shares(model)}."
    )


def _shares(model: RiskModel) -> str:
    parts = {
        "trees": model.tree_share,
        "additive rate": model.rate_share,
        "line": model.line_share,
        **model.counts.weights,
    }
    return ", ".join(f"{100 * share:.0f} % {name}" for name, share in parts.items())


def _performance(report: Report | None) -> str:
    if report is None:
        return "## Performance\n\nNot backtested: nothing is known of how well it does, and it cannot be promoted."
    against = report.differences()
    own = against[against["model"] == "riskwarn"].drop(columns="model")
    return (
        f"## Performance\n\n{report.span} Means over test dates:\n\n{_table(report.table.reset_index(names='model'))}\n\n"
        f"Against the best baseline (positive is better, 95 % interval over dates):\n\n{_table(own)}"
    )


def _families(importance: pd.DataFrame | None) -> str:
    if importance is None:
        return ""
    metric = importance["metric"].iloc[0]
    return (
        f"## What it leans on\n\nLoss of {metric} when the model is trained anew without a family (95 % interval over test dates). "
        f"Families that stand in for one another each look small.\n\n{_table(importance.drop(columns='metric'))}"
    )


def _shape(dependence: Sequence[pd.DataFrame]) -> str:
    if not dependence:
        return ""
    parts = [f"`{d['feature'].iloc[0]}`\n\n{_table(d.drop(columns='feature'))}" for d in dependence]
    return (
        "## Shape of its effects\n\nExpected count at a value of the feature, as a multiple of that at its median, the others as they are "
        "(5th to 95th percentile over rows).\n\n" + "\n\n".join(parts)
    )


def _firmness(stability: pd.DataFrame | None) -> str:
    if stability is None:
        return ""
    means = stability.drop(columns="model").mean()
    worst = stability.drop(columns="model").min()
    rows = pd.DataFrame({"measure": means.index, "mean": means.to_numpy(), "least": worst.to_numpy()})
    return f"## How firm its reasons are\n\n{len(stability)} models trained anew, each against this one; 1 is unmoved.\n\n{_table(rows)}"


def _limits(model: RiskModel) -> str:
    can = ", ".join(f"`{n}`" for n in actionable(model)) or "none"
    return (
        "## Limits\n\n"
        '- Contributions say what moved the score, not what moved the world; wording says "possible reason".\n'
        f"- What-if answers change only {can}, within values seen in training, and are no promise.\n"
        "- It learns from what was recorded: places that report less look calmer than they are."
    )  # fmt: skip


def _table(frame: pd.DataFrame) -> str:
    """A Markdown table; numbers with at most four decimals."""
    head = "| " + " | ".join(str(c) for c in frame.columns) + " |"
    rule = "|" + " --- |" * len(frame.columns)
    rows = ["| " + " | ".join(_cell(v) for v in row) + " |" for row in frame.itertuples(index=False)]
    return "\n".join([head, rule, *rows])


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
