"""The model: an additive rate, boosted trees and a line, joined and calibrated on later dates, carrying its own features."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from riskwarn.baseline import Additive, Line
from riskwarn.calibration import Calibration
from riskwarn.calling import checked
from riskwarn.errors import DataError, DefinitionError
from riskwarn.experiment import Experiment, ModelSettings
from riskwarn.feature import from_dict
from riskwarn.label import Label
from riskwarn.model import bundle, forest
from riskwarn.model.fitting import Grow, fitted
from riskwarn.model.joint import Joint
from riskwarn.model.tide import Tide
from riskwarn.notebook import text_html
from riskwarn.panel import grids_of
from riskwarn.rows import Rows

FORMAT = 2
"""Of ``model.json``: 2 has a tide. One without a format is of the first, has none, and scores as it did."""


@dataclass(frozen=True, eq=False)
class RiskModel(Joint):
    """A trained model with all it needs to score: trees, features, label, calibration.

    Parameters
    ----------
    features, label
        What it reads and what it predicts.
    settings
        How it was grown.
    trees
        LightGBM's text of the trees; empty before :meth:`fit`.
    rate
        Additive rate of the label's own faded counts, here and around, where the trees start from; of an outcome that is 1 or 0, the
        chance it gives. Its own share in the log rate is `rate_share`, in [0, 1].
    line
        Poisson regression of the outcome on all features, its share `line_share`.
    counts
        The label's own counts themselves, whose weights are their shares; the trees have what rate, line and counts leave.
    calibration
        From that log rate to the distribution of the count.
    common
        Variance of what the grids of the city, and of each kind of larger area, share in a horizon (:mod:`riskwarn.draws`).
    seen_days
        Days from the first to the last date it learnt from: in less than a year growth cannot be told from a season.
    facts
        Where it comes from: digests, dates, numbers of rows.
    tide
        What the city's own totals add to the log rate of all grids alike, at each date anew (:mod:`riskwarn.model.tide`).

    Examples
    --------
    >>> import numpy as np
    >>> from riskwarn.feature import Own
    >>> from riskwarn.history import Stream
    >>> disputes = (Stream("dispute"),)
    >>> rng = np.random.default_rng(0)
    >>> dates = pd.date_range("2025-01-06", periods=30, freq="7D", tz="UTC")
    >>> panel = pd.DataFrame({"as_of": np.tile(dates, 40), "grid_id": np.repeat([f"G{i:02}" for i in range(40)], 30)})
    >>> panel["prior_4w"] = rng.poisson(2.0, len(panel)).astype("float32")
    >>> panel["y"] = rng.poisson(0.5 + panel["prior_4w"])
    >>> model = RiskModel((Own(disputes, 4),), Label("dispute_7d", disputes, days=7), ModelSettings(n_trees=5)).fit(panel)
    >>> model.feature_names, model.predict(panel[:1]).columns.tolist()
    (['prior_4w'], ['score', 'expected', 'probability', 'lower', 'upper', 'lower_share', 'upper_share'])
    >>> parts = model.contributions(panel[:5])
    >>> parts.columns.tolist(), bool(np.allclose(parts.sum(axis=1), model.margin(panel[:5])))
    (['prior_4w', 'base'], True)

    It is kept as plain text, and loads only as it was saved:

    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     RiskModel.load(model.save(folder)).version == model.version
    True
    """

    @classmethod
    @checked
    def of(cls, experiment: Experiment) -> "RiskModel":
        """The unfitted model an experiment declares.

        Parameters
        ----------
        experiment
            Its features, label and settings.

        Returns
        -------
        model
            Not fitted.

        Examples
        --------
        >>> RiskModel.of(Experiment.load("experiments/weekly.toml")).label.name
        'dispute_28d'
        """
        return cls(experiment.features, experiment.label, experiment.model)

    @property
    def name(self) -> str:
        """How reports call it."""
        return "riskwarn"

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of trees, calibration, features and label."""
        parts = [
            self.trees,
            json.dumps([self.rate, self.line, self.counts], default=vars),
            json.dumps([self.rate_share, self.line_share, self.seen_days]),
            json.dumps([self.calibration.to_dict(), self.common]),
            *([json.dumps(vars(self.tide))] if self.tide.weights else []),
        ]
        parts.append(json.dumps(self._declared(), sort_keys=True))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    def __repr__(self) -> str:
        """Target and size at a glance."""
        state = f"version {self.version}" if self.trees or self.is_plain else "not fitted"
        return f"RiskModel({self.label.name!r}, {len(self.features)} features, {state})"

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return text_html(repr(self))

    @checked
    def fit(
        self, panel: pd.DataFrame | Rows, *, grids: pd.DataFrame | None = None, grow: Grow | None = None
    ) -> "RiskModel":
        """A fitted copy. The latest quarter of dates says how much to trust rate, trees, line and counts that have not seen it.

        Then rate and line learn from all rows; the trees stay those that were judged, on the rate that has learnt.

        Parameters
        ----------
        panel
            What :func:`riskwarn.build_panel` gave, or the rows of a panel on disk (:func:`riskwarn.panel.rows_on_disk`).
        grids
            Table `grids`, of which the model learns what the grids of a community, township or county share (:meth:`totals`); what a
            panel at hand carries by default (:func:`riskwarn.panel.grids_of`).
        grow
            What grows the trees, where that is not this machine.

        Returns
        -------
        model
            Fitted; this one stays as it was. The order of rows is irrelevant.

        Raises
        ------
        LabelError
            Too few dates, no settled outcome, or only one class.
        DataError
            A feature column is missing, or holds what is no number or infinite.
        """
        carried = grids_of(panel) if grids is None and isinstance(panel, pd.DataFrame) else grids
        return fitted(self, panel, carried, grow or forest.grown)

    @checked
    def save(self, folder: str | Path) -> Path:
        """Write ``trees.txt`` and ``model.json``, and their digests as ``sha256sum`` writes them.

        Parameters
        ----------
        folder
            Made where it is not there; files of an earlier model in it are replaced.

        Returns
        -------
        folder
            The same.
        """
        body = {
            **self._declared(),
            "settings": dataclasses.asdict(self.settings),
            "rate": vars(self.rate),
            "rate_share": self.rate_share,
            "seen_days": self.seen_days,
            "line": vars(self.line),
            "line_share": self.line_share,
            "counts": vars(self.counts),
            "calibration": self.calibration.to_dict(),
            "common": self.common,
            "facts": self.facts,
            "tide": vars(self.tide),
            "format": FORMAT,
        }
        return bundle.write(folder, body, self.trees)

    @classmethod
    @checked
    def load(cls, folder: str | Path, *, trusted: bool = False) -> "RiskModel":
        """The model that :meth:`save` wrote.

        Parameters
        ----------
        folder
            Where it is.
        trusted
            Whoever asks has seen that the bundle is its own; of another one the trees are tried in a process of their own first.

        Returns
        -------
        model
            Equal in every prediction to the one saved.

        Raises
        ------
        NotFoundError
            No model there.
        DataError
            A file is not what it was when the model was saved, and nothing of it is handed to a parser; or another version wrote it.
        """
        body, trees = bundle.read(folder, trusted=trusted)
        try:
            return cls._of_body(body, trees)
        except (KeyError, TypeError, ValueError, AttributeError, DefinitionError) as error:
            raise DataError(
                f"the model in {folder} was written by another version of riskwarn: model.json does not fit ({error}). Train it again."
            ) from None

    @classmethod
    def _of_body(cls, body: dict[str, Any], trees: str) -> "RiskModel":
        """From what :meth:`save` wrote."""
        if body.get("format", 1) > FORMAT:
            raise ValueError(f"format {body['format']}, known up to {FORMAT}")
        features = tuple(from_dict(f) for f in body["features"])
        return cls(
            features,
            Label.from_dict(body["label"]),
            ModelSettings(**{"city_level": "latest", **body["settings"]}),
            trees,
            Additive(**body["rate"]),
            body["rate_share"],
            Line(**body["line"]),
            body["line_share"],
            Line(**body["counts"]),
            Calibration(**body["calibration"]),
            body["common"],
            body["seen_days"],
            body["facts"],
            Tide(**body.get("tide", {})),
        )

    def _declared(self) -> dict[str, Any]:
        return {"features": [f.to_dict() for f in self.features], "label": self.label.to_dict()}
