"""The gate: what a model must show on past dates before the night runs with it, check by check, each with its figures.

======================  ============================================================================================
check                   what it asks
======================  ============================================================================================
rolling origin          the backtest went forward in time, as the night will
gain                    the gate's metric beats the best baseline, the interval above zero
captures                no capture is clearly worse
calibration             the calibration error is within its bound
levels                  in no level of the list do events observed over expected lie clearly outside the tolerance
slices                  in no part of the city is it clearly worse than that baseline
disparity               no kind of area is served clearly outside the tolerance and clearly farther from parity than by that baseline
======================  ============================================================================================

A check that fails refuses the model. One for which the evidence does not suffice, as slices of a city whose grids say no urban class,
does not, and is named wherever the verdict is told; it holds the promotion until somebody has looked (:mod:`riskwarn.holds`).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from riskwarn import audit
from riskwarn.audit import FAILED, INSUFFICIENT, OWN, PASSED
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.errors import NotFoundError, did_you_mean
from riskwarn.language import SOURCE_LANGUAGE, Phrase, Spoken, listed, phrase
from riskwarn.naming import named
from riskwarn.notebook import text_html

_Part = tuple[str, Spoken]
"""Verdict of one comparison, and what is said of it."""


@dataclass(frozen=True)
class Check:
    """One question to the report: its `name`, its `verdict` (``passed``, ``failed``, ``insufficient_evidence``) and what is `said`, with figures."""

    name: str
    verdict: str
    said: Spoken

    @property
    def reason(self) -> str:
        """What is said, in English."""
        return self.said[SOURCE_LANGUAGE]


@dataclass(frozen=True)
class Decision:
    """All checks of one report."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """No check failed."""
        return all(c.verdict != FAILED for c in self.checks)

    @property
    def said(self) -> Spoken:
        """Why not, by how much; or by how much it earned promotion, and what could not be judged."""
        failed = [c.said for c in self.checks if c.verdict == FAILED]
        unknown = [
            phrase("{check} not judged: {why}", check=named(c.name), why=c.said)
            for c in self.checks
            if c.verdict == INSUFFICIENT
        ]
        gain = [c.said for c in self.checks if c.name == "gain"]
        return listed(failed or [*gain, *unknown], ";")

    @property
    def reason(self) -> str:
        """What is said, in English."""
        return self.said[SOURCE_LANGUAGE]

    @property
    def frame(self) -> pd.DataFrame:
        """One row a check: `check`, `verdict`, `reason`."""
        return pd.DataFrame(
            [(c.name, c.verdict, c.reason) for c in self.checks], columns=["check", "verdict", "reason"]
        )

    def __repr__(self) -> str:
        """Verdict first, then a line a check."""
        head = "gate: passed" if self.passed else "gate: refused"
        return "\n".join([head, *(f"  {c.verdict.replace('_', ' '):<22}{c.name:<16}{c.reason}" for c in self.checks)])

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return text_html(repr(self))


@checked
def gate(report: Report) -> Decision:
    """Whether the model of a report has earned promotion.

    Parameters
    ----------
    report
        What :func:`riskwarn.backtest` gave, with the product's model in it.

    Returns
    -------
    decision
        Every check with its verdict; print it to read them.

    Raises
    ------
    NotFoundError
        The report does not hold the product's model, or not the metric that its experiment's gate asks for.
    """
    report.rows_of(OWN)
    differences = report.differences().query("model == @OWN").set_index("metric")
    if (asked := report.experiment.gate.metric) not in differences.index:
        judged = ", ".join(differences.index)
        raise NotFoundError(
            f"[gate] metric: the report judges {judged}, got {asked!r}{did_you_mean(asked, differences.index)}"
        )
    return Decision(
        (
            _forward(report),
            _gain(report, differences),
            _captures(differences),
            _calibration(report),
            _levels(report),
            _by_group("slices", report, _slices),
            _by_group("disparity", report, _disparity),
        )
    )


def _forward(report: Report) -> Check:
    forward = report.split == "rolling_origin"
    text = phrase("the backtest's split is {split}", split=named(report.split))
    return Check("rolling origin", PASSED if forward else FAILED, text)


def _gain(report: Report, differences: pd.DataFrame) -> Check:
    metric = report.experiment.gate.metric
    row = differences.loc[metric]
    if row["clear"]:
        verdict, text = PASSED, phrase("{metric} beats {rival} by {figures}")
    elif row["upper"] < 0:
        verdict, text = FAILED, phrase("{metric} is clearly worse than {rival}: {figures}")
    else:
        verdict, text = FAILED, phrase("{metric} differs from {rival} by {figures}, which does not lie above zero")
    figures = phrase(
        "{difference:+z.4f}, 95 % interval {lower:+z.4f} to {upper:+z.4f}", **row[["difference", "lower", "upper"]]
    )
    return Check("gain", verdict, text.filled(metric=named(metric), rival=named(row["rival"]), figures=figures))


def _captures(differences: pd.DataFrame) -> Check:
    captures = differences[differences.index.str.startswith("capture")]
    worse = captures[captures["upper"] < 0]
    if worse.empty:
        text = phrase("none of {metrics} is clearly worse", metrics=listed([named(m) for m in captures.index], ","))
        return Check("captures", PASSED, text)
    losses = [
        phrase(
            "{metric} is clearly worse than {rival} by {loss:.4f}",
            metric=named(m),
            rival=named(r["rival"]),
            loss=-r["difference"],
        )
        for m, r in worse.iterrows()
    ]
    return Check("captures", FAILED, listed(losses, ";"))


def _calibration(report: Report) -> Check:
    error, most = float(report.table.loc[OWN, "calibration_error"]), report.experiment.gate.max_calibration_error
    if error > most:
        text = phrase("the calibration error is {error:.3f}, more than {most}", error=error, most=most)
        return Check("calibration", FAILED, text)
    text = phrase("the calibration error is {error:.3f}, at most {most}", error=error, most=most)
    return Check("calibration", PASSED, text)


def _levels(report: Report) -> Check:
    clear, unclear = (
        phrase("{level} {ratio:.2f} [{lower:.2f}, {upper:.2f}]"),
        phrase("{level} {ratio:.2f} [{lower:.2f}, {upper:.2f}], not clear"),
    )
    parts: list[_Part] = [
        (
            str(r.verdict),
            (unclear if r.verdict == INSUFFICIENT else clear).filled(
                level=named(r.level), ratio=r.ratio, lower=r.lower, upper=r.upper
            ),
        )
        for r in audit.levels(report).itertuples()
    ]
    lead = phrase("events observed over expected, wanted {bounds}: {parts}", bounds=_bounds(report))
    return _summed("levels", parts, lead)


def _slices(report: Report, by: str) -> Iterator[_Part]:
    for r in audit.slices(report, by).itertuples():
        yield (
            r.verdict,
            phrase(
                "{by} {group}: {metric} {difference:+z.4f} against {rival} [{lower:+z.4f}, {upper:+z.4f}]",
                by=named(by),
                group=r.group,
                metric=named(report.experiment.gate.metric),
                difference=r.difference,
                rival=named(r.rival),
                lower=r.lower,
                upper=r.upper,
            ),
        )


def _disparity(report: Report, by: str) -> Iterator[_Part]:
    for r in audit.disparities(report, by).itertuples():
        yield (
            PASSED if r.verdict == FAILED and not r.farther else r.verdict,
            phrase(
                "{quantity} of {by} {group} is {ratio:.2f} times the rest's [{lower:.2f}, {upper:.2f}], {rival_ratio:.2f} by {rival}",
                quantity=named(r.quantity),
                by=named(by),
                group=r.group,
                ratio=r.ratio,
                lower=r.lower,
                upper=r.upper,
                rival_ratio=r.rival_ratio,
                rival=named(r.rival),
            ),
        )


def _by_group(name: str, report: Report, ask: Callable[[Report, str], Iterator[_Part]]) -> Check:
    """A check over every column of the grids that the gate names."""
    asked = report.experiment.gate.slices
    untold = [by for by in asked if not _told(report, by)]
    parts = [part for by in asked if by not in untold for part in ask(report, by)]
    if not parts:
        return Check(name, INSUFFICIENT, _why_none(report, untold))
    lead = phrase("{parts}") if name == "slices" else phrase("wanted {bounds}: {parts}", bounds=_bounds(report))
    return _summed(name, parts, lead)


def _told(report: Report, by: str) -> bool:
    """Whether the grids of a report say something in a column."""
    return report.grids is not None and by in report.grids and bool(report.grids[by].notna().any())


def _why_none(report: Report, untold: list[str]) -> Spoken:
    if not untold:
        return phrase("the experiment names no slices")
    if report.grids is None:
        return phrase("the report has no grids; give backtest the table: rw.backtest(exp, panel, grids=store.grids())")
    return listed([phrase("the grids say no {column!r}", column=by) for by in untold], ";")


def _summed(name: str, parts: list[_Part], lead: Phrase) -> Check:
    """Failed if a part failed, passed if all that could be judged passed, unknown if none could."""
    verdicts = [v for v, _ in parts]
    verdict = FAILED if FAILED in verdicts else PASSED if PASSED in verdicts else INSUFFICIENT
    if name == "levels" or verdict == FAILED:
        shown = [said for v, said in parts if v == FAILED or verdict != FAILED]
        return Check(name, verdict, lead.filled(parts=listed(shown, ";")))
    text = phrase(
        "{held} of {asked} comparisons hold, {unclear} lack evidence",
        held=verdicts.count(PASSED),
        asked=len(parts),
        unclear=verdicts.count(INSUFFICIENT),
    )
    return Check(name, verdict, text)


def _bounds(report: Report) -> Spoken:
    least = report.experiment.gate.tolerance
    return phrase("{least:.2f} to {most:.2f}", least=least, most=1 / least)
