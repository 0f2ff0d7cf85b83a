"""The audit of a model: what its gate could judge, how kinds of area fare, and what becomes of places that report less."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from riskwarn import audit
from riskwarn.audit import FAILED, HALF, INSUFFICIENT, PASSED, Apart
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.experiment import Experiment
from riskwarn.gate import gate
from riskwarn.history import History
from riskwarn.language import Language, Spoken, Words, in_every_language, phrase
from riskwarn.model import RiskModel
from riskwarn.naming import named
from riskwarn.sheet import Cell, Section, markdown
from riskwarn.store import Store

_DIGITS = 3
_VERDICTS = {
    PASSED: phrase("passed", context="audit"),
    FAILED: phrase("not passed", context="audit"),
    INSUFFICIENT: phrase("not judged", context="audit"),
}
_UNDER = phrase(
    "Nobody knows what was never reported. If every second report of a group were missing, these shares of its places on the list would be left, by the model and by the count of the past year. Read a low place of an area that reports little as not known, never as calm."
)
_BESIDE = phrase(
    "Each kind of area against the rest of the city, beside what the count would give it: the share of its events on the list (recall), of its listings that no event followed (false alarms), and events over expected (calibration)."
)


_CAPTURE = phrase(
    "Capture is the share of all events that fell in the grids ranked highest: `capture_5` in the first 5% of them, `capture_10` in the first 10%."
)


@checked
def make_audit(
    model: RiskModel, experiment: Experiment, report: Report | None, records: Store | History | Apart, *, as_of: object
) -> dict[str, Any]:
    """The audit of a model, as plain values fit for JSON.

    Parameters
    ----------
    model
        Fitted.
    experiment
        What was asked.
    report
        What :func:`riskwarn.backtest` found, where there is one.
    records
        The city's; or what makes lists of them where they are not at hand (:class:`riskwarn.audit.Apart`).
    as_of
        The night whose list is asked what under-reporting does to it.

    Returns
    -------
    audit
        `as_of`; `checks` of the gate with `verdict` and what is `said` by language; `disparities`, rows of :func:`riskwarn.audit.disparities` of every
        column that the gate names and the grids tell; `under_reporting`, rows of :func:`riskwarn.audit.under_reporting`.

    Raises
    ------
    StaleDataError, DataError
        As :func:`riskwarn.audit.under_reporting`.
    """
    checks = () if report is None else gate(report).checks
    beside = [] if report is None else list(_disparities(report))
    return {
        "as_of": str(as_of),
        "checks": [{"check": c.name, "verdict": c.verdict, "said": in_every_language(c.said)} for c in checks],
        "disparities": [row for rows in beside for row in rows],
        "under_reporting": _plain(audit.under_reporting(model, records, experiment, as_of=as_of)),
    }


def _disparities(report: Report) -> Iterator[list[dict[str, Any]]]:
    for by in report.experiment.gate.slices:
        if report.grids is not None and by in report.grids and report.grids[by].notna().any():
            rows = audit.disparities(report, by)
            yield [{"by": by} | row for row in _plain(rows)]


def _plain(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of plain values, numbers rounded, what is not known or has no bound as nothing."""
    finite = frame.replace([float("inf"), float("-inf")], float("nan")).round(_DIGITS).astype(object)
    return [{str(k): v for k, v in row.items()} for row in finite.where(finite.notna(), None).to_dict("records")]


@checked
def unjudged(made: Mapping[str, Any]) -> list[Spoken]:
    """What the audit of a model could not judge, or judged to be wrong: why somebody has to look before it is promoted.

    Parameters
    ----------
    made
        As :func:`make_audit` gives it.

    Returns
    -------
    unjudged
        A phrase each; none where every check was judged, some group was asked about under-reporting, and none loses too much by it.

    Examples
    --------
    >>> row = {"by": "county_id", "group": "A", "listed": 20, "kept": 0.2, "count_kept": 0.5, "verdict": "failed"}
    >>> [said["en"] for said in unjudged({"checks": [], "under_reporting": [row]})]
    ['with every second report missing, county_id A keeps 20% of its places on the list, 50% by the count']
    """
    checks = [c for c in made["checks"] if c["verdict"] == INSUFFICIENT]
    rows = made["under_reporting"]
    none = (
        []
        if any(row["verdict"] != INSUFFICIENT for row in rows)
        else [phrase("under-reporting not judged: no group has enough places on the list")]
    )
    return [
        *(phrase("{check} not judged: {why}", check=named(c["check"]), why=Words(**c["said"])) for c in checks),
        *none,
        *(
            phrase(
                "with every second report missing, {group} keeps {kept:.0%} of its places on the list, {count:.0%} by the count",
                group=_group(row),
                kept=row["kept"],
                count=row["count_kept"],
            )
            for row in rows
            if row["verdict"] == FAILED
        ),
    ]


@checked
def audit_text(made: Mapping[str, Any], *, target: str, version: str, language: Language = "en") -> str:
    """The audit of a model in Markdown.

    Parameters
    ----------
    made
        As :func:`make_audit` gives it.
    target, version
        Of the model.
    language
        ``zh`` or ``en``.

    Returns
    -------
    text
        Markdown, ending in a line break.
    """
    title = phrase("Audit: {target}", target=target)
    lead = phrase(
        "Whom version {version} of the model serves worse, and what its list hangs on.", version=f"`{version}`"
    )
    return markdown(title, lead, audit_sections(made), language)


@checked
def audit_sections(made: Mapping[str, Any]) -> tuple[Section, ...]:
    """The parts of an audit in reading order.

    Parameters
    ----------
    made
        As :func:`make_audit` gives it.

    Returns
    -------
    sections
        Not yet in any language.
    """
    return tuple(_sections(made))


def _sections(made: Mapping[str, Any]) -> Iterator[Section]:
    open_ = unjudged(made)
    none = [phrase("Every check was judged.")] if made["checks"] else []
    yield Section(
        phrase("What somebody has to look at"), open_ or none or [phrase("Not backtested: no check was made.")]
    )
    if made["checks"]:
        rows = [(named(c["check"]), _VERDICTS[c["verdict"]], Words(**c["said"])) for c in made["checks"]]
        yield Section(phrase("What the gate asked"), (_CAPTURE,), _CHECK_HEADS, rows)
    if made["disparities"]:
        yield Section(phrase("Kinds of area"), (_BESIDE,), _BESIDE_HEADS, [_beside(row) for row in made["disparities"]])
    lead = phrase("The list of {date}.", date=made["as_of"][:10])
    yield Section(
        phrase("Places that report less"),
        (lead, _UNDER),
        _UNDER_HEADS,
        [_under(row) for row in made["under_reporting"]],
    )


_CHECK_HEADS = (phrase("check"), phrase("verdict"), phrase("figures"))
_BESIDE_HEADS = (
    phrase("group"),
    phrase("quantity"),
    phrase("group over rest"),
    phrase("by the count"),
    phrase("verdict"),
)
_UNDER_HEADS = (
    phrase("group"),
    phrase("grids"),
    phrase("places"),
    phrase("kept"),
    phrase("by the count"),
    phrase("verdict"),
)


def _beside(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    verdict = PASSED if row["verdict"] == FAILED and not row["farther"] else row["verdict"]
    return _group(row), named(row["quantity"]), _number(row["ratio"]), _number(row["rival_ratio"]), _VERDICTS[verdict]


def _under(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    shares = (_share(row["kept"]), _share(row["count_kept"]))
    return _group(row), f"{row['n_grids']:,}", f"{row['listed']:g}", *shares, _VERDICTS[row["verdict"]]


def _group(row: Mapping[str, Any]) -> Spoken:
    if row["by"] == HALF:
        return phrase("half of the grids, drawn")
    return phrase("{by} {group}", by=named(row["by"]), group=row["group"])


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.0%}"
