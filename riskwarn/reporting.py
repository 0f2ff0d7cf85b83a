"""One page of HTML that says all a backtest found: self-contained, pictures within, nothing fetched, fit for an old browser and for print."""

import base64
import io
import math
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

import riskwarn
from riskwarn import audit, plotting
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.errors import RiskwarnError
from riskwarn.gate import gate
from riskwarn.selection import audition

if TYPE_CHECKING:
    from jinja2 import Template
    from matplotlib.axes import Axes


@dataclass(frozen=True)
class Cell:
    """A cell of a table: what it says, whether it is text, and the verdict that colours it."""

    said: str
    text: bool
    verdict: str = ""


@dataclass(frozen=True)
class Table:
    """A table of the page: its heads and its rows."""

    heads: list[Cell]
    rows: list[list[Cell]]
    kind: ClassVar[str] = "table"


@dataclass(frozen=True)
class Picture:
    """A picture within the page, as an address that holds it whole."""

    address: str
    kind: ClassVar[str] = "picture"


@dataclass(frozen=True)
class Verdict:
    """Whether the gate opens."""

    passed: bool
    kind: ClassVar[str] = "verdict"


@dataclass(frozen=True)
class Choice:
    """Which rule of choosing a model regrets least, and the model it chooses."""

    rule: str
    model: str
    kind: ClassVar[str] = "choice"


@dataclass(frozen=True)
class Written:
    """Markup that another module wrote, and escaped."""

    html: str
    kind: ClassVar[str] = "written"


Block = Table | Picture | Verdict | Choice | Written


@dataclass(frozen=True)
class Section:
    """A section of the page: heading, what to make of it, and how it is told."""

    head: str
    about: str
    tell: Callable[[], list[Block]]


@dataclass(frozen=True)
class Told:
    """A section with what it says, or with the reason why it cannot."""

    head: str
    about: str
    blocks: list[Block]
    refused: str = ""


@checked
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
    return _page().render(
        title=report.experiment.question,
        facts=_facts(report),
        sections=[_told(section) for section in _sections(report, events)],
    )


@cache
def _page() -> "Template":
    import jinja2  # noqa: PLC0415

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("riskwarn"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    return environment.get_template("report.html")


@checked
def write_html(report: Report, path: str | Path, *, events: pd.DataFrame | None = None) -> Path:
    """Write the page to a file, which appears whole or not at all.

    Parameters
    ----------
    report, events
        As for :func:`to_html`.
    path
        The file; its folder is made.

    Returns
    -------
    path
        The same.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        part.write_text(to_html(report, events=events), "utf-8")
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return target


def _sections(report: Report, events: pd.DataFrame | None) -> Iterator[Section]:
    """Heading, what to make of it, and how it is told."""
    with_model, share = audit.OWN in report.table.index, f"{100 * report.experiment.judge.shares[0]:g} %"
    yield from _skill(report, with_model=with_model)
    if with_model:
        yield from _honesty(report)
    yield Section(
        "Fold by fold",
        "A model that keeps near the best of each fold is a safe choice; one that swings is not.",
        lambda: _folds(report),
    )
    yield Section(
        "From one date to the next",
        f"Overlap of the lists of {share} (Jaccard) and agreement of the order of all grids (Spearman), means over dates.",
        lambda: _stable(report),
    )
    if events is not None:
        yield Section(
            "How early",
            f"At one budget for all, the list of {share}. A grid that is always listed earns the full time: compare with the counts.",
            lambda: [_table(audit.lead_time(report, events))],
        )
    if report.grids is not None:
        yield from _parts(report, with_model=with_model)


def _skill(report: Report, *, with_model: bool) -> Iterator[Section]:
    """Whether a model, not only baselines, is worth its place."""
    if with_model:
        yield Section(
            "May it become champion?",
            "Each check with its figures; a check that fails refuses the model.",
            lambda: _gate(report),
        )
    yield Section(
        "Every model beside every baseline",
        (
            "Captures are shares of all events caught by the list. An interval that lies above zero is a gain; one that holds zero may be chance. "
            "p is that of the Diebold-Mariano test of equal skill."
        ),
        lambda: [Written(report._repr_html_())],
    )
    yield Section(
        "What a list catches",
        "Left is what a centre can do. The dotted line knows the outcome.",
        lambda: [_picture(lambda ax: plotting.capture_curve(report, ax=ax))],
    )
    yield Section(
        "How much of what can be had",
        (
            "The ceiling is a list made from the true rates, as far as the test dates tell them; what is missing to it could be learnt, what is "
            "missing beyond it is chance."
        ),
        lambda: _attained(report),
    )


def _honesty(report: Report) -> Iterator[Section]:
    """Of the model's own forecasts: over time, as probabilities, by level."""
    yield Section(
        "Over time",
        "Each dot is a test date; windows of near dates overlap, so their dots move together.",
        lambda: [_picture(lambda ax: plotting.skill_over_time(report, metric=_shown(report), ax=ax))],
    )
    yield Section(
        "Is a probability what it says?",
        "Points on the line are honest; bars are 95 % intervals.",
        lambda: [_picture(lambda ax: plotting.reliability(report, ax=ax))],
    )
    yield Section(
        "Is a level what it says?",
        f"Events observed over expected in each level of the morning list; wanted {report.experiment.gate.tolerance:.2f} to {1 / report.experiment.gate.tolerance:.2f}.",
        lambda: [_table(audit.levels(report))],
    )


def _parts(report: Report, *, with_model: bool) -> Iterator[Section]:
    for by in report.experiment.gate.slices if with_model else ():
        yield Section(
            f"By {by}",
            "The model against its rival on lists made within each part.",
            partial(_asked, audit.slices, report, by),
        )
        yield Section(
            f"Served alike, by {by}",
            "The list of the whole city: each group over the rest, beside the rival's ratio.",
            partial(_asked, audit.disparities, report, by),
        )
    yield Section(
        "Is it luck of the borders?",
        "Captures at one share of the ground, as drawn and with grids merged two by two from each corner.",
        lambda: [_table(audit.placement(report))],
    )
    if with_model:
        yield Section(
            "Where it says too little or too much",
            "Orange: more events than said. Purple: fewer.",
            lambda: [_picture(lambda ax: plotting.error_map(report, _known(report), ax=ax), kind="png")],
        )


def _asked(ask: Callable[[Report, str], pd.DataFrame], report: Report, by: str) -> list[Block]:
    return [_table(ask(report, by))]


def _gate(report: Report) -> list[Block]:
    decision = gate(report)
    return [Verdict(decision.passed), _table(decision.frame)]


def _attained(report: Report) -> list[Block]:
    attained = audit.attainable(report)
    wide = attained.pivot_table(index="model", columns="metric", values="attained", sort=False)
    tops = attained.groupby("metric", sort=False)["ceiling"].first()
    wide = wide.map("{:.0%}".format)
    wide.loc["ceiling"] = [f"{tops[m]:.4f}" for m in wide.columns]
    return [_table(wide.reset_index())]


def _folds(report: Report) -> list[Block]:
    heard = audition(report)
    picture = _picture(lambda ax: plotting.distance_from_best(heard, ax=ax))
    return [picture, Choice(heard.winner, heard.model), _table(heard.rules.reset_index())]


def _stable(report: Report) -> list[Block]:
    means = audit.stability(report).groupby("model", sort=False)[["jaccard", "spearman"]].mean()
    return [_table(means.reset_index())]


def _shown(report: Report) -> str:
    return report.experiment.gate.metric


def _known(report: Report) -> pd.DataFrame:
    grids = report.grids if report.grids is not None else pd.DataFrame({"grid_id": []})
    return grids.drop_duplicates("grid_id", keep="last")


def _facts(report: Report) -> str:
    return f"{report.span} Target {report.experiment.label.name}, experiment {report.experiment.name} ({report.experiment.digest[:12]}), riskwarn {riskwarn.__version__}."


def _told(section: Section) -> Told:
    try:
        return Told(section.head, section.about, section.tell())
    except RiskwarnError as error:
        return Told(section.head, section.about, [], refused=str(error))


def _table(frame: pd.DataFrame) -> Table:
    """A table whose text stands left and whose verdicts have colours."""
    text = [not pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_bool_dtype(kind) for kind in frame.dtypes]
    heads = [Cell(str(name).replace("_", " "), is_text) for name, is_text in zip(frame, text, strict=True)]
    return Table(heads, [[*map(_cell, row, text)] for row in frame.itertuples(index=False, name=None)])


def _cell(value: object, text: bool) -> Cell:  # noqa: FBT001 - the two lists of a row
    if not text:
        return Cell(_number(value), text=False)
    said = str(value)
    if said in {audit.PASSED, audit.FAILED, audit.INSUFFICIENT}:
        return Cell(said.replace("_", " "), text=True, verdict=said)
    return Cell(said, text=True)


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


def _picture(draw: "Callable[[Axes], object]", *, kind: str = "svg") -> Picture:
    """A picture within the page; drawn apart from whatever figures the caller has open."""
    from matplotlib import rc_context  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    target = io.BytesIO()
    with rc_context({"svg.hashsalt": "riskwarn"}):
        figure = Figure(figsize=(8, 4.6), layout="constrained")
        draw(figure.subplots())
        figure.savefig(target, format=kind, dpi=110, metadata={"Date": None} if kind == "svg" else None)
    mime = "image/svg+xml" if kind == "svg" else "image/png"
    return Picture(f"data:{mime};base64,{base64.b64encode(target.getvalue()).decode()}")
