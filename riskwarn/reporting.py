"""One page of HTML that says all a backtest found: self-contained, pictures within, nothing fetched, fit for an old browser and for print."""

import base64
import html
import io
import math
import os
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

import riskwarn
from riskwarn import audit, plotting
from riskwarn.backtesting import Report
from riskwarn.errors import RiskwarnError
from riskwarn.gate import gate
from riskwarn.selection import audition

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLE = """
body{font:15px/1.5 "Segoe UI","Noto Sans","Noto Sans CJK SC","Microsoft YaHei",sans-serif;color:#222;max-width:1080px;margin:24px auto;padding:0 16px}
h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:32px 0 4px;border-bottom:1px solid #ddd}p{margin:4px 0 8px;max-width:860px}
table{border-collapse:collapse;font-size:13px;margin:8px 0}th,td{padding:3px 9px;border:0;border-bottom:1px solid #e8e8e8;text-align:right;vertical-align:top}
th{background:#f6f4f0;font-weight:600}td.text,th.text{text-align:left}h4{display:none}.wide{overflow-x:auto}img{max-width:100%;height:auto}
.passed{color:#1b6e3c}.failed{color:#a61c1c;font-weight:600}.insufficient_evidence{color:#7a5c00}.note{color:#666;font-size:13px}
.verdict{display:inline-block;padding:4px 12px;border-radius:4px;color:#fff;font-weight:600}.verdict.yes{background:#1b6e3c}.verdict.no{background:#a61c1c}
@media print{h2{page-break-after:avoid}img,tr{page-break-inside:avoid}}
"""


def to_html(report: Report, *, events: pd.DataFrame | None = None) -> str:
    """The page as text.

    Parameters
    ----------
    report
        Of a backtest; with `grids` the page also looks at parts of the city and draws the map.
    events
        Events of the label (:func:`riskwarn.audit.events_of`); with them the page tells the lead time.

    Returns
    -------
    html
        A whole document. A question that cannot be answered says why in its place.
    """
    title = html.escape(report.experiment.question)
    body = "\n".join(
        f"<h2>{head}</h2>\n<p>{about}</p>\n{_told(tell)}" for head, about, tell in _sections(report, events)
    )
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{_STYLE}</style></head><body>\n<h1>{title}</h1>\n<p class=note>{html.escape(_facts(report))}</p>\n{body}\n</body></html>\n"
    )


def write_html(report: Report, path: str | Path, *, events: pd.DataFrame | None = None) -> Path:
    """Write the page to a file, which appears whole or not at all."""
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        part.write_text(to_html(report, events=events), "utf-8")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


Section = tuple[str, str, Callable[[], str]]


def _sections(report: Report, events: pd.DataFrame | None) -> Iterator[Section]:
    """Heading, what to make of it, and how it is told."""
    own, share = audit.OWN in report.table.index, f"{100 * report.experiment.judge.shares[0]:g} %"
    yield from _skill(report, own=own)
    if own:
        yield from _honesty(report)
    yield (
        "Fold by fold",
        "A model that keeps near the best of each fold is a safe choice; one that swings is not.",
        lambda: _folds(report),
    )
    yield (
        "From one date to the next",
        f"Overlap of the lists of {share} (Jaccard) and agreement of the order of all grids (Spearman), means over dates.",
        lambda: _stable(report),
    )
    if events is not None:
        yield (
            "How early",
            f"At one budget for all, the list of {share}. A grid that is always listed earns the full time: compare with the counts.",
            lambda: _table(audit.lead_time(report, events)),
        )
    if report.grids is not None:
        yield from _parts(report, own=own)


def _skill(report: Report, *, own: bool) -> Iterator[Section]:
    """Whether a model, not only baselines, is worth its place."""
    if own:
        yield (
            "May it become champion?",
            "Each check with its figures; a check that fails refuses the model.",
            lambda: _gate(report),
        )
    yield (
        "Every model beside every baseline",
        (
            "Captures are shares of all events caught by the list. An interval that lies above zero is a gain; one that holds zero may be chance. "
            "p is that of the Diebold-Mariano test of equal skill."
        ),
        report._repr_html_,
    )
    yield (
        "What a list catches",
        "Left is what a centre can do. The dotted line knows the outcome.",
        lambda: _picture(lambda ax: plotting.capture_curve(report, ax=ax)),
    )
    yield (
        "How much of what can be had",
        (
            "The ceiling is a list made from the true rates, as far as the test dates tell them; what is missing to it could be learnt, what is "
            "missing beyond it is chance."
        ),
        lambda: _attained(report),
    )


def _honesty(report: Report) -> Iterator[Section]:
    """Of the model's own forecasts: over time, as probabilities, by level."""
    yield (
        "Over time",
        "Each dot is a test date; windows of near dates overlap, so their dots move together.",
        lambda: _picture(lambda ax: plotting.skill_over_time(report, metric=_shown(report), ax=ax)),
    )
    yield (
        "Is a probability what it says?",
        "Points on the line are honest; bars are 95 % intervals.",
        lambda: _picture(lambda ax: plotting.reliability(report, ax=ax)),
    )
    yield (
        "Is a level what it says?",
        f"Events observed over expected in each level of the morning list; wanted {report.experiment.gate.tolerance:.2f} to {1 / report.experiment.gate.tolerance:.2f}.",
        lambda: _table(audit.levels(report)),
    )


def _parts(report: Report, *, own: bool) -> Iterator[Section]:
    for by in report.experiment.gate.slices if own else ():
        yield (
            f"By {by}",
            "The model against its rival on lists made within each part.",
            partial(_asked, audit.slices, report, by),
        )
        yield (
            f"Served alike, by {by}",
            "The list of the whole city: each group over the rest, beside the rival's ratio.",
            partial(_asked, audit.disparities, report, by),
        )
    yield (
        "Is it luck of the borders?",
        "Captures at one share of the ground, as drawn and with grids merged two by two from each corner.",
        lambda: _table(audit.placement(report)),
    )
    if own:
        yield (
            "Where it says too little or too much",
            "Orange: more events than said. Purple: fewer.",
            lambda: _picture(lambda ax: plotting.error_map(report, _known(report), ax=ax), kind="png"),
        )


def _asked(ask: Callable[[Report, str], pd.DataFrame], report: Report, by: str) -> str:
    return _table(ask(report, by))


def _gate(report: Report) -> str:
    decision = gate(report)
    verdict = (
        "<span class='verdict yes'>passed</span>" if decision.passed else "<span class='verdict no'>refused</span>"
    )
    return verdict + _table(decision.frame)


def _attained(report: Report) -> str:
    found = audit.attainable(report)
    wide = found.pivot_table(index="model", columns="metric", values="attained", sort=False)
    tops = found.groupby("metric", sort=False)["ceiling"].first()
    wide = wide.map("{:.0%}".format)
    wide.loc["ceiling"] = [f"{tops[m]:.4f}" for m in wide.columns]
    return _table(wide.reset_index())


def _folds(report: Report) -> str:
    found = audition(report)
    rules = found.rules.reset_index()
    said = f"<p>Chosen by rule, fold after fold, and what it would have cost in the next one: rule <b>{found.winner}</b> regrets least and chooses <b>{html.escape(found.model)}</b>.</p>"
    return _picture(lambda ax: plotting.distance_from_best(found, ax=ax)) + said + _table(rules)


def _stable(report: Report) -> str:
    return _table(audit.stability(report).groupby("model", sort=False)[["jaccard", "spearman"]].mean().reset_index())


def _shown(report: Report) -> str:
    return report.experiment.gate.metric


def _known(report: Report) -> pd.DataFrame:
    grids = report.grids if report.grids is not None else pd.DataFrame({"grid_id": []})
    return grids.drop_duplicates("grid_id", keep="last")


def _facts(report: Report) -> str:
    return f"{report.span} Target {report.experiment.label.name}, experiment {report.experiment.name} ({report.experiment.digest[:12]}), riskwarn {riskwarn.__version__}."


def _told(tell: Callable[[], str]) -> str:
    """What a section tells, or why it cannot."""
    try:
        return f"<div class=wide>{tell()}</div>"
    except RiskwarnError as error:
        return f"<p class=note>Not told: {html.escape(str(error))}</p>"


def _table(frame: pd.DataFrame) -> str:
    """A table whose text stands left and whose verdicts have colours."""
    words = [c for c in frame if not pd.api.types.is_numeric_dtype(frame[c]) or pd.api.types.is_bool_dtype(frame[c])]
    head = "".join(
        f"<th{' class=text' if c in words else ''}>{html.escape(str(c)).replace('_', ' ')}</th>" for c in frame
    )
    lines = ["".join(_cell(row[c], text=c in words) for c in frame) for row in frame.to_dict("records")]
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _cell(value: object, *, text: bool) -> str:
    if not text:
        return f"<td>{_number(value)}</td>"
    said = html.escape(str(value))
    kind = f"text {said}" if said in {audit.PASSED, audit.FAILED, audit.INSUFFICIENT} else "text"
    return f"<td class='{kind}'>{said.replace('_', ' ') if ' ' in kind else said}</td>"


def _number(value: object) -> str:
    number = float(value)  # type: ignore[arg-type]
    if not math.isfinite(number):
        return "–" if math.isnan(number) else "∞"
    return (
        f"{number:,.0f}"
        if number == round(number) and abs(number) >= 1
        else f"{number:.3f}"
        if abs(number) < 100
        else f"{number:,.1f}"
    )


def _picture(draw: "Callable[[Axes], object]", *, kind: str = "svg") -> str:
    """A picture within the page; drawn apart from whatever figures the caller has open."""
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    target = io.BytesIO()
    with rc_context({"svg.hashsalt": "riskwarn"}):
        figure = Figure(figsize=(8, 4.6), layout="constrained")
        draw(figure.subplots())
        figure.savefig(target, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    mime = "image/svg+xml" if kind == "svg" else "image/png"
    return f'<img alt="" src="data:{mime};base64,{base64.b64encode(target.getvalue()).decode()}">'
