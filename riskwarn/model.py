"""The model: an additive rate, boosted trees and a line, joined and calibrated on later dates, carrying its own features."""

import dataclasses
import hashlib
import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from riskwarn.baseline import Additive, Line, settled
from riskwarn.calibration import Calibration
from riskwarn.calling import checked
from riskwarn.draws import CITY, common_factors, parents_of, totals
from riskwarn.errors import DataError, DefinitionError, LabelError, NotFoundError
from riskwarn.experiment import Experiment, ModelSettings
from riskwarn.feature import Faded, Feature, Nearby, Own, from_dict
from riskwarn.label import Label
from riskwarn.notebook import text_html
from riskwarn.objective import gain_classes, nights_of, options_of, outcome_of, size_of, sizes
from riskwarn.panel import grids_of
from riskwarn.stack import stack

if TYPE_CHECKING:
    from lightgbm import Booster

FILES = ("model.json", "trees.txt")
SUMS = "SHA256SUMS"
"""File of a bundle with the digests of the others."""
_CALIBRATION_SHARE = 0.25
"""Share of the training dates, the latest, on which the calibration is fitted."""
_MANY_ROWS = 200_000
_YEAR_DAYS = 364
_CALENDAR = "calendar"
"""Family of the features that tell the time of year."""


@dataclass(frozen=True, eq=False)
class RiskModel:
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

    Examples
    --------
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

    features: tuple[Feature, ...]
    label: Label
    settings: ModelSettings = dataclasses.field(default_factory=ModelSettings)
    trees: str = ""
    rate: Additive = dataclasses.field(default_factory=Additive)
    rate_share: float = 0.0
    line: Line = dataclasses.field(default_factory=Line)
    line_share: float = 0.0
    counts: Line = dataclasses.field(default_factory=Line)
    calibration: Calibration = dataclasses.field(default_factory=Calibration)
    common: dict[str, float] = dataclasses.field(default_factory=dict)
    seen_days: int = 0
    facts: dict[str, Any] = dataclasses.field(default_factory=dict)

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
    def feature_names(self) -> list[str]:
        """Columns it reads, in order."""
        return [f.name for f in self.features]

    @property
    def version(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of trees, calibration, features and label."""
        parts = [
            self.trees,
            json.dumps([self.rate, self.line, self.counts], default=vars),
            json.dumps([self.rate_share, self.line_share, self.seen_days]),
            json.dumps([vars(self.calibration), self.common]),
        ]
        parts.append(json.dumps(self._declared(), sort_keys=True))
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]

    def __repr__(self) -> str:
        """Target and size at a glance."""
        state = f"version {self.version}" if self.trees else "not fitted"
        return f"RiskModel({self.label.name!r}, {len(self.features)} features, {state})"

    def _repr_html_(self) -> str:
        """The same for notebooks."""
        return text_html(repr(self))

    @checked
    def fit(self, panel: pd.DataFrame, *, grids: pd.DataFrame | None = None) -> "RiskModel":
        """A fitted copy. The latest quarter of dates says how much to trust rate, trees, line and counts that have not seen it.

        Then rate and line learn from all rows; the trees stay those that were judged, on the rate that has learnt.

        Parameters
        ----------
        panel
            What :func:`riskwarn.build_panel` gave.
        grids
            Table `grids`, of which the model learns what the grids of a community, township or county share (:meth:`totals`); what the
            panel carries by default (:func:`riskwarn.panel.grids_of`).

        Returns
        -------
        model
            Fitted; this one stays as it was. The order of rows is irrelevant.

        Raises
        ------
        LabelError
            Too few dates, no settled outcome, or only one class.
        DataError
            A feature column is missing.
        """
        self._check_holds(panel)
        grids = grids_of(panel) if grids is None else grids
        rows = _in_order(settled(panel))
        early, late = self._parted(rows)
        judged = dataclasses.replace(self._grown(early), seen_days=(rows["as_of"].max() - rows["as_of"].min()).days)
        grown = self._renewed(self._joined(judged, late, grids), rows)
        facts = {
            "n_rows": len(rows),
            "n_events": float(rows["y"].sum()),
            "first": str(rows["as_of"].min()),
            "last": str(rows["as_of"].max()),
            "ranges": _ranges(rows[self.feature_names]),
        }
        return dataclasses.replace(grown, facts={**grown.facts, **facts})

    @checked
    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score` (log of the expected count), `expected`, `probability`, `lower`, `upper` (90 % of the count) and their shares.

        `lower_share` and `upper_share` say which part of an end lies within the 90 % (:func:`riskwarn.metrics.coverage`).

        Parameters
        ----------
        panel
            Rows with the features; more columns do no harm.

        Returns
        -------
        predicted
            On the index of `panel`. `expected` is in events of the horizon, `probability` and the shares are in [0, 1], `lower` and
            `upper` are whole numbers.

        Raises
        ------
        DefinitionError
            It is not fitted.
        DataError
            The panel is empty or lacks a feature.
        """
        margin = self.margin(panel)
        expected = np.exp(margin)
        lower, upper = self.calibration.interval(expected)
        lower_share, upper_share = self.calibration.ends(expected, lower, upper)
        return pd.DataFrame(
            {
                "score": margin,
                "expected": expected,
                "probability": self._probability(expected),
                "lower": lower,
                "upper": upper,
                "lower_share": lower_share,
                "upper_share": upper_share,
            },
            index=panel.index,
        )

    def _probability(self, expected: np.ndarray) -> np.ndarray:
        """Of any event; what is expected of an outcome that is 1 or 0 is its probability."""
        return self.calibration.probability(expected) if self.label.is_count else np.minimum(expected, 1)

    @checked
    def margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) log of the expected count, calibrated.

        Parameters
        ----------
        panel
            Rows with the features.

        Returns
        -------
        margin
            ``level + slope * raw`` of the calibration; in `raw` the trees count by :attr:`tree_share`, the other parts by theirs.

        Raises
        ------
        DefinitionError
            It is not fitted.
        DataError
            The panel is empty or lacks a feature.
        """
        if panel.empty:
            raise DataError("the panel has no rows: there is no grid to score.")
        raw = self.tree_share * self._trees(panel)
        for part, share in self._parts:
            raw += share * part.margin(panel)
        return self.calibration.level + self.calibration.slope * raw

    @property
    def season(self) -> Line:
        """What the line says of the calendar: counts and their rate know none, so they have its word for it, once it has seen a year."""
        return self.line.only([f.name for f in self.features if f.family == _CALENDAR and self.seen_days >= _YEAR_DAYS])

    @property
    def blind_share(self) -> float:
        """Share of rate and counts, which know no calendar, in the log rate, in [0, 1]."""
        return self.rate_share + sum(self.counts.weights.values())

    @property
    def _parts(self) -> tuple[tuple[Additive | Line, float], ...]:
        """All but the trees, and how often each counts."""
        return (
            (self.rate, self.tree_share + self.rate_share),
            (self.line, self.line_share),
            (self.counts, 1.0),
            (self.season, self.blind_share),
        )

    @property
    def tree_share(self) -> float:
        """Share of the trees, and the rate they start from, in the log rate, in [0, 1]."""
        return 1 - self.line_share - self.blind_share

    @checked
    def tree_margin(self, panel: pd.DataFrame) -> np.ndarray:
        """(n,) log rate of trees and the rate they start from, before the other parts and calibration.

        Parameters
        ----------
        panel
            Rows with the features.

        Returns
        -------
        margin
            Not calibrated.
        """
        return self._trees(panel) + self.rate.margin(panel)

    def _trees(self, panel: pd.DataFrame) -> np.ndarray:
        trees = self._booster().predict(self._matrix(panel), raw_score=True, num_threads=n_threads(len(panel)))
        return np.asarray(trees, dtype=float)

    @checked
    def contributions(self, panel: pd.DataFrame) -> pd.DataFrame:
        """What each feature adds to :meth:`margin`: a column a feature, and `base`; rows add up to the margin.

        Exact Shapley values of the trees given their paths (Lundberg et al. 2020, Nature Machine Intelligence 2, 56–67), and
        :meth:`riskwarn.baseline.Additive.parts` of the rate.

        Parameters
        ----------
        panel
            Rows with the features.

        Returns
        -------
        contributions
            On the index of `panel`; above 0 raises the expected count, and ``exp`` of it is the factor.

        Raises
        ------
        DefinitionError
            It is not fitted.
        DataError
            The panel is empty or lacks a feature.
        """
        if panel.empty:
            raise DataError("the panel has no rows: there is no grid to explain.")
        parts = self._booster().predict(self._matrix(panel), pred_contrib=True, num_threads=n_threads(len(panel)))
        contributed = pd.DataFrame(np.asarray(parts), columns=[*self.feature_names, "base"], index=panel.index)
        contributed *= self.tree_share
        for part, share in self._parts:
            contributed[part.columns] += share * part.parts(panel)
            contributed["base"] += share * part.constant
        contributed *= self.calibration.slope
        contributed["base"] += self.calibration.level
        return contributed

    @checked
    def totals(self, scores: pd.DataFrame, grids: pd.DataFrame, level: str) -> pd.DataFrame:
        """Expected counts and 90 % intervals of larger areas, or of the ``city``, that add up (:func:`riskwarn.draws.totals`).

        Parameters
        ----------
        scores
            Table `scores`, or what :meth:`predict` gave with `grid_id` and `as_of`.
        grids
            Table `grids`.
        level
            ``city``, ``county_id``, ``township_id`` or ``community_id``.

        Returns
        -------
        totals
            One row a night and area.

        Raises
        ------
        DataError
            The level is unknown, or a grid has no such parent.
        """
        seed = self.settings.seed
        return totals(scores, grids, level, calibration=self.calibration, common=self.common, seed=seed)

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
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "trees.txt").write_text(self.trees, "utf-8")
        body = {
            **self._declared(),
            "settings": dataclasses.asdict(self.settings),
            "rate": vars(self.rate),
            "rate_share": self.rate_share,
            "seen_days": self.seen_days,
            "line": vars(self.line),
            "line_share": self.line_share,
            "counts": vars(self.counts),
            "calibration": vars(self.calibration),
            "common": self.common,
            "facts": self.facts,
        }
        (folder / "model.json").write_text(json.dumps(body, ensure_ascii=False, indent=1), "utf-8")
        (folder / SUMS).write_bytes(_sums(folder))
        return folder

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
        folder = Path(folder)
        missing = [name for name in (*FILES, SUMS) if not (folder / name).exists()]
        if missing:
            raise NotFoundError(f"no model in {folder}: {' and '.join(missing)} wanted.")
        if (folder / SUMS).read_bytes() != _sums(folder):
            raise DataError(
                f"the model in {folder} is damaged or was swapped: its files do not have the SHA-256 of {SUMS}. Train or fetch it again."
            )
        body = json.loads((folder / "model.json").read_text("utf-8"))
        trees = (folder / "trees.txt").read_bytes()
        if not trusted:
            _check_trees(folder / "trees.txt")
        try:
            return cls._of_body(body, trees.decode())
        except (KeyError, TypeError, ValueError, AttributeError, DefinitionError) as error:
            raise DataError(
                f"the model in {folder} was written by another version of riskwarn: model.json does not fit ({error}). Train it again."
            ) from None

    @classmethod
    def _of_body(cls, body: dict[str, Any], trees: str) -> "RiskModel":
        """From what :meth:`save` wrote."""
        features = tuple(from_dict(f) for f in body["features"])
        return cls(
            features,
            Label.from_dict(body["label"]),
            ModelSettings(**body["settings"]),
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
        )

    def _declared(self) -> dict[str, Any]:
        return {"features": [f.to_dict() for f in self.features], "label": self.label.to_dict()}

    def _parted(self, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        dates = np.sort(rows["as_of"].unique())
        cut = pd.Timestamp(dates[int(len(dates) * (1 - _CALIBRATION_SHARE))])
        early = rows[rows["as_of"] + pd.Timedelta(days=self.label.wait_days) <= cut]
        late = rows[rows["as_of"] >= cut]
        if early["y"].nunique() < 2:
            span = (dates[-1] - dates[0]).days if len(dates) > 1 else 0
            raise LabelError(
                f"the settled dates span {span} days, too few to train and calibrate apart with a horizon of "
                f"{self.label.days:g} days and {self.label.settle_days:g} to settle; give earlier dates."
            )
        return early, late

    def _grown(self, rows: pd.DataFrame) -> "RiskModel":
        """Rate, trees and line fitted to `rows`, without shares and calibration."""
        import lightgbm  # noqa: PLC0415

        objective = self.settings.objective
        if objective == "lambdarank":
            rows = rows.sort_values(["as_of", "grid_id"], kind="stable")
        renewed = self._renewed(self, rows)
        start, options, y = renewed.rate.margin(rows), self._options(len(rows)), rows["y"].to_numpy(dtype=float)
        target, aim = outcome_of(objective, y), options_of(objective, y, start)
        if (gain_per := self.settings.gain_per) != "grid":
            target, aim["label_gain"] = gain_classes(y / sizes(rows, size_of(self.features, gain_per)))
        matrix = lightgbm.Dataset(
            self._matrix(rows),
            target,
            init_score=start,
            feature_name=self.feature_names,
            params=options,
            group=nights_of(rows["as_of"]) if objective == "lambdarank" else None,
        )
        text = lightgbm.train(options | aim, matrix, self.settings.n_trees).model_to_string()
        # how many threads grew the trees is no part of the model
        return dataclasses.replace(renewed, trees=re.sub(r"\[num_threads: \d+\]", "[num_threads: 0]", text))

    def _renewed(self, model: "RiskModel", rows: pd.DataFrame) -> "RiskModel":
        """`model` with rate and line fitted to `rows`."""
        rate = Additive.fit(rows, self._adding, exceeds=self._exceeds)
        begun = model.line if model.line.weights else None
        line = Line.fit(
            rows, self.feature_names, l2=self.settings.line_l2, signs=[f.monotone for f in self.features], start=begun
        )
        return dataclasses.replace(model, rate=rate, line=line)

    def _joined(self, grown: "RiskModel", late: pd.DataFrame, grids: pd.DataFrame | None) -> "RiskModel":
        """`grown` with the shares and the calibration that dates it has not seen ask for."""
        y, overlap = late["y"].to_numpy(dtype=float), self._overlap(late)
        # a count is what one would fall back to for a count, not for an outcome that is about change
        counts = Line.plain(late, self._priors if self.label.is_count else [])
        parts = [grown.tree_margin(late), grown.line.margin(late)]
        parts += [grown.rate.margin(late)] if grown.rate.weights else []
        rates, n = np.column_stack([*parts, counts.parts(late)]), len(parts)
        shares = stack(
            rates, y, late["as_of"], rivals=range(2, rates.shape[1]) if self.label.is_count else (), overlap=overlap
        )
        of_line, of_rate = float(shares[1]), float(shares[2:n].sum())
        joined = dataclasses.replace(
            grown, line_share=of_line, rate_share=of_rate, counts=counts.times(shares[n:].tolist())
        )
        # how busy a date was chose no share, so here parts that know no calendar hear of it
        joint = rates @ shares + joined.blind_share * joined.season.margin(late)
        calibration = Calibration.fit(joint, y, overlap=overlap)
        areas = None if grids is None else parents_of(late["grid_id"], grids)
        expected, before = calibration.expected(joint), np.exp(rates[:, 0])
        common = common_factors(y, expected, late["as_of"], areas, before=before, overlap=overlap)
        # the level was fitted to these very dates, so their spread about it lacks how far the city moves on
        moved = max(common[CITY] - common_factors(y, expected, late["as_of"])[CITY], 0.0)
        calibration = dataclasses.replace(calibration, dispersion=calibration.dispersion + moved)
        return dataclasses.replace(joined, calibration=calibration, common=common)

    def _overlap(self, rows: pd.DataFrame) -> float:
        """How many dates count the same event: horizon over days between dates, at least 1."""
        apart = pd.Series(rows["as_of"].unique()).sort_values().diff().median() / pd.Timedelta(days=1)
        return max(self.label.days / apart, 1.0) if apart > 0 else 1.0

    def _options(self, n_rows: int) -> dict[str, Any]:
        s = self.settings
        return {
            "learning_rate": s.learning_rate,
            "num_leaves": s.n_leaves,
            "max_depth": s.max_depth,
            "min_data_in_leaf": min(s.min_rows_in_leaf, max(n_rows // 20, 1)),
            "lambda_l2": s.l2,
            "feature_fraction": s.feature_share,
            "bagging_fraction": s.row_share,
            "bagging_freq": 1,
            "seed": s.seed,
            "deterministic": True,
            "force_col_wise": True,
            "num_threads": n_threads(n_rows),
            "verbose": -1,
            "boost_from_average": False,
            "monotone_constraints": [f.monotone for f in self.features],
        }

    @property
    def _priors(self) -> list[str]:
        return [f.name for f in self.features if isinstance(f, Own)]

    @property
    def _adding(self) -> list[str]:
        """What the rate adds up: faded counts, here and around; without any, the counts."""
        faded = [f.name for f in self.features if isinstance(f.of if isinstance(f, Nearby) else f, Faded)]
        return faded or self._priors

    @property
    def _exceeds(self) -> str | None:
        """The threshold of an outcome that is no count; any event exceeds it where the label has none, or the model does not read it."""
        if self.label.is_count:
            return None
        threshold = self.label.normal.name if self.label.kind == "emergence" else ""
        return threshold if threshold in self.feature_names else ""

    def _matrix(self, panel: pd.DataFrame) -> np.ndarray:
        self._check_holds(panel)
        return panel[self.feature_names].to_numpy(dtype=np.float32)

    def _check_holds(self, panel: pd.DataFrame) -> None:
        missing = [n for n in self.feature_names if n not in panel]
        if missing:
            raise DataError(
                f"the panel lacks {len(missing)} features the model reads, first: {', '.join(missing[:3])}. Build it with the model's own features."
            )

    def _booster(self) -> "Booster":
        import lightgbm  # noqa: PLC0415

        if not self.trees:
            raise DefinitionError("the model is not fitted; call fit, or riskwarn.train.")
        cached = self.__dict__.get("_parsed")
        if cached is None:
            cached = lightgbm.Booster(model_str=self.trees)
            object.__setattr__(self, "_parsed", cached)
        return cached


@checked
def n_threads(n_rows: int = 0) -> int:
    """Threads for `n_rows` rows: ``RISKWARN_THREADS``; else one for a small job, where threads wait more than they work, or all cores.

    Parameters
    ----------
    n_rows
        Rows of the job.

    Returns
    -------
    n_threads
        At least 1.
    """
    return int(os.environ.get("RISKWARN_THREADS", "0")) or ((os.cpu_count() or 1) if n_rows >= _MANY_ROWS else 1)


def _sums(folder: Path) -> bytes:
    """Digests of the bundle's files, a line each."""
    return "".join(f"{hashlib.sha256((folder / n).read_bytes()).hexdigest()}  {n}\n" for n in FILES).encode()


_TRY = "import sys, lightgbm; b = lightgbm.Booster(model_file=sys.argv[1]); b.predict([[0.0] * b.num_feature()], pred_contrib=True)"


def _check_trees(trees: Path) -> None:
    """Try trees of unknown origin where they can do no harm: LightGBM ends the whole process over some damaged ones."""
    if not trees.stat().st_size:
        return
    try:
        tried = subprocess.run([sys.executable, "-c", _TRY, str(trees)], capture_output=True, timeout=60, check=False)
        sound = tried.returncode == 0
    except subprocess.TimeoutExpired:
        sound = False
    if not sound:
        raise DataError(
            f"the model in {trees.parent} is damaged: LightGBM cannot read its trees. Train or fetch it again."
        )


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """By grid and date, so that the same panel in any order grows the same trees; not copied where it is so already, as built panels are."""
    keys = rows[["grid_id", "as_of"]].reset_index(drop=True).sort_values(["grid_id", "as_of"], kind="stable")
    at = keys.index.to_numpy()
    return rows if (at[:-1] < at[1:]).all() else rows.iloc[at]


def _ranges(values: pd.DataFrame) -> dict[str, list[float]]:
    """Least and greatest of each column, without those of which nothing is known."""
    spans = {name: [float(column.min()), float(column.max())] for name, column in values.items()}
    return {str(name): span for name, span in spans.items() if np.isfinite(span).all()}
