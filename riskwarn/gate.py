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
does not, and is named wherever the verdict is told.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pandas as pd

from riskwarn import audit
from riskwarn.audit import FAILED, INSUFFICIENT, OWN, PASSED
from riskwarn.backtesting import Report
from riskwarn.calling import checked
from riskwarn.errors import DataError
from riskwarn.notebook import text_html


@dataclass(frozen=True)
class Check:
    """One question to the report: its `name`, its `verdict` (``passed``, ``failed``, ``insufficient_evidence``) and the `reason` with figures."""

    name: str
    verdict: str
    reason: str


@dataclass(frozen=True)
class Decision:
    """All checks of one report."""

    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        """No check failed."""
        return all(c.verdict != FAILED for c in self.checks)

    @property
    def reason(self) -> str:
        """Why not, by how much; or by how much it earned promotion, and what could not be judged."""
        failed = [c.reason for c in self.checks if c.verdict == FAILED]
        unknown = [f"{c.name} not judged: {c.reason}" for c in self.checks if c.verdict == INSUFFICIENT]
        gain = [c.reason for c in self.checks if c.name == "gain"]
        return "; ".join(failed or [*gain, *unknown])

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
    DataError
        The report does not hold the product's model.
    """
    if OWN not in report.table.index:
        raise DataError(f"the report has no model {OWN!r}; it has: {', '.join(report.table.index)}.")
    differences = report.differences().query("model == @OWN").set_index("metric")
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
    return Check("rolling origin", PASSED if forward else FAILED, f"the backtest's split is {report.split}")


def _gain(report: Report, differences: pd.DataFrame) -> Check:
    metric = report.experiment.gate.metric
    row = differences.loc[metric]
    figures = f"{row['difference']:+z.4f}, 95 % interval {row['lower']:+z.4f} to {row['upper']:+z.4f}"
    if row["clear"]:
        return Check("gain", PASSED, f"{metric} beats {row['rival']} by {figures}")
    if row["upper"] < 0:
        return Check("gain", FAILED, f"{metric} is clearly worse than {row['rival']}: {figures}")
    return Check("gain", FAILED, f"{metric} differs from {row['rival']} by {figures}, which does not lie above zero")


def _captures(own: pd.DataFrame) -> Check:
    captures = own[own.index.str.startswith("capture")]
    worse = captures[captures["upper"] < 0]
    if len(worse):
        return Check(
            "captures",
            FAILED,
            "; ".join(f"{m} is clearly worse than {r['rival']} by {-r['difference']:.4f}" for m, r in worse.iterrows()),
        )
    return Check("captures", PASSED, f"none of {', '.join(captures.index)} is clearly worse")


def _calibration(report: Report) -> Check:
    error, most = float(report.table.loc[OWN, "calibration_error"]), report.experiment.gate.max_calibration_error
    if error > most:
        return Check("calibration", FAILED, f"the calibration error is {error:.3f}, more than {most}")
    return Check("calibration", PASSED, f"the calibration error is {error:.3f}, at most {most}")


def _levels(report: Report) -> Check:
    levels = audit.levels(report)
    unclear = {INSUFFICIENT: ", not clear"}
    outcomes = [
        (r.verdict, f"{r.level} {r.ratio:.2f} [{r.lower:.2f}, {r.upper:.2f}]{unclear.get(str(r.verdict), '')}")
        for r in levels.itertuples()
    ]
    return _summed("levels", outcomes, f"events observed over expected, wanted {_bounds(report)}: ")


def _slices(report: Report, by: str) -> Iterator[tuple[str, str]]:
    for r in audit.slices(report, by).itertuples():
        yield (
            r.verdict,
            f"{by} {r.group}: {report.experiment.gate.metric} {r.difference:+z.4f} against {r.rival} [{r.lower:+z.4f}, {r.upper:+z.4f}]",
        )


def _disparity(report: Report, by: str) -> Iterator[tuple[str, str]]:
    for r in audit.disparities(report, by).itertuples():
        outcome = PASSED if r.verdict == FAILED and not r.farther else r.verdict
        yield (
            outcome,
            (
                f"{r.quantity} of {by} {r.group} is {r.ratio:.2f} times the rest's [{r.lower:.2f}, {r.upper:.2f}], {r.rival_ratio:.2f} by {r.rival}"
            ),
        )


def _by_group(name: str, report: Report, ask: Callable[[Report, str], Iterator[tuple[str, str]]]) -> Check:
    """A check over every column of the grids that the gate names."""
    outcomes, missing = [], []
    for by in report.experiment.gate.slices:
        try:
            outcomes += list(ask(report, by))
        except DataError as error:
            missing.append(str(error).rstrip("."))
    if not outcomes:
        return Check(name, INSUFFICIENT, "; ".join(dict.fromkeys(missing)) or "the experiment names no slices")
    return _summed(name, outcomes, "" if name == "slices" else f"wanted {_bounds(report)}: ")


def _summed(name: str, outcomes: list[tuple[str, str]], lead: str) -> Check:
    """Failed if a part failed, passed if all that could be judged passed, unknown if none could."""
    verdicts = [v for v, _ in outcomes]
    verdict = FAILED if FAILED in verdicts else PASSED if PASSED in verdicts else INSUFFICIENT
    if name == "levels" or verdict == FAILED:
        shown = [words for v, words in outcomes if v == FAILED or verdict != FAILED]
        return Check(name, verdict, lead + "; ".join(shown))
    return Check(
        name,
        verdict,
        f"{verdicts.count(PASSED)} of {len(outcomes)} comparisons hold, {verdicts.count(INSUFFICIENT)} lack evidence",
    )


def _bounds(report: Report) -> str:
    least = report.experiment.gate.tolerance
    return f"{least:.2f} to {1 / least:.2f}"
