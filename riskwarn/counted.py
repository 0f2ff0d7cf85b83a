"""A count as champion, where no model has shown that it ranks better: a city is never left without a list, and the list says what it is."""

import re
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn import tracking
from riskwarn.baseline import Line, settled
from riskwarn.calibration import Calibration
from riskwarn.calling import checked
from riskwarn.datasheet import make_datasheet
from riskwarn.errors import DataError, GateError, NotFoundError
from riskwarn.feature import Own
from riskwarn.history import History
from riskwarn.label import Label
from riskwarn.language import in_every_language, phrase
from riskwarn.model import RiskModel
from riskwarn.naming import named
from riskwarn.panel import panel_of
from riskwarn.store import Store
from riskwarn.training import card_of

_NAME = re.compile(r"prior count ([1-9]\d{0,2}) weeks")
_DAYS_APART = 7


@checked
def count_model(label: Label, weeks: int, panel: pd.DataFrame) -> RiskModel:
    """A model that is a prior count and nothing else: it ranks as the count does, and is calibrated on the settled rows of a panel.

    Parameters
    ----------
    label
        What is counted; an outcome that is a count itself.
    weeks
        How far back it counts.
    panel
        Rows with the count's column and `y`, a week apart.

    Returns
    -------
    model
        Without trees; it is scored, explained and kept as any other.

    Raises
    ------
    LabelError
        No settled outcome, or one class.
    DataError
        The outcome is no count.
    """
    if not label.is_count:
        raise DataError(
            f"{label.name} is no count of events, so a prior count cannot say how many to expect; keep its model."
        )
    count = Own(label.streams, weeks)
    rows = settled(panel)
    line = Line.plain(rows, [count.name])
    overlap = max(label.days / _DAYS_APART, 1.0)
    calibration = Calibration.fit(line.margin(rows), rows["y"].to_numpy(dtype=float), overlap=overlap)
    values = rows[count.name].to_numpy(dtype=float)
    facts = {
        "n_rows": len(rows),
        "n_events": float(rows["y"].sum()),
        "first": str(rows["as_of"].min()),
        "last": str(rows["as_of"].max()),
        "ranges": {count.name: [float(np.nanmin(values)), float(np.nanmax(values))]},
    }
    return RiskModel((count,), label, counts=line, calibration=calibration, facts=facts)


@checked
def promote_count(
    store: Store, target: str, baseline: str = "prior count 52 weeks", *, tracking_folder: str | Path | None = None
) -> RiskModel:
    """Make a prior count the champion of a question whose candidate did not pass the gate.

    Parameters
    ----------
    store
        The city.
    target
        Name of the label.
    baseline
        ``prior count N weeks``.
    tracking_folder
        Where models are kept; the store's folder by default.

    Returns
    -------
    model
        The champion now, kept beside the store; the registry's alias stays where it is, for a count is no version of a model.

    Raises
    ------
    NotFoundError
        No model of the target was trained: its label and dates are not known.
    GateError
        The candidate passed the gate: it beats the count.
    DataError
        The baseline is none of these, or the outcome is no count.
    """
    weeks = _NAME.fullmatch(baseline)
    if weeks is None:
        raise DataError(f"baseline {baseline!r} cannot be promoted; wanted a count such as 'prior count 52 weeks'.")
    folder = Path(tracking_folder or store.path)
    trained = tracking.kept(folder, target, alias=tracking.CANDIDATE)
    if trained is None:
        raise NotFoundError(
            f"no candidate of {target!r} is kept in {folder}; train one with `riskwarn train`, so that its gate can say whether the count is best."
        )
    if trained.facts.get("gate"):
        raise GateError(
            f"the candidate of {target!r} passed the gate, so it beats the counts; promote it, not the {baseline}."
        )
    dates = pd.date_range(*(pd.Timestamp(trained.facts[end]) for end in ("first", "last")), freq=f"{_DAYS_APART}D")
    label, n_weeks, digest = trained.label, int(weeks[1]), store.digest()
    history, features = History.load(store), (Own(label.streams, n_weeks),)
    panel = panel_of(history, features, dates, label=label)
    model = count_model(label, n_weeks, panel)
    said = phrase("This list is a count, {name}: no model has shown that it ranks better.", name=named(baseline))
    model.facts.update(
        baseline=in_every_language(said),
        purpose=trained.facts.get("purpose"),
        gate=False,
        gate_reason=trained.facts.get("gate_reason"),
        backtest=trained.facts.get("backtest"),
        datasheet=make_datasheet(store, history, panel, label=label, features=features, data_digest=digest),
    )
    model.facts["card"] = card_of(model, None)
    tracking.keep(model, folder, alias=tracking.CHAMPION)
    return model
