"""A self-exciting model: a background, and past events that raise the rate in their grid and beside it, fading with time."""

import dataclasses
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import pandas as pd

from riskwarn.baseline.additive import offered_by, usual_of
from riskwarn.baseline.protocol import columns, predicted, settled
from riskwarn.calibration import Calibration
from riskwarn.errors import DefinitionError
from riskwarn.feature import Faded, Feature, Own
from riskwarn.history import Stream

_TINY = 1e-12


@dataclass(frozen=True)
class SelfExciting:
    """Expected events are a background plus what each past event of the grid and of its neighbours adds, fading by half-lives.

    For the horizon of `days` days from `as_of` in grid `i`

    ``mu_i = b_0 + b_1 n_i + sum_k (own_k D_ik + beside_k mean_{j beside i} D_jk)``,

    `n_i` the long count (the lasting part of the background), ``D_ik = sum over events of 2 ** (-age / h_k)``; all weights at least 0. It is
    the self-exciting point process of Mohler et al. (2011, Journal of the American Statistical Association 106, 100–108) on cells with
    exponential decay, as in Mohler et al. (2015, same journal 110, 1399–1411), its kernel a mixture of half-lives. Expectation shares
    each event of the horizon out among the terms that may have caused it, ``w_c x_ic / mu_i``; maximisation sets each weight to
    what it was given over what it offered (Lewis & Mohler 2011, A nonparametric EM algorithm for multiscale Hawkes processes). Own
    code: the packages of point processes (``hawkeslib``, ``tick``) fit one stream of instants, without a map and without a horizon.

    Children of children within the horizon count as the ancestor's, so the ratio of offspring is that of the family within `days`.

    Parameters
    ----------
    streams, days
        What is counted, and the horizon.
    half_lives
        Days, of the mixture.
    long
        Weeks of the long count.
    n_rounds
        Most rounds of EM; it ends sooner once no weight moves by a millionth of the mean rate.
    weights
        Of each term, as fitted: ``background``, and one a column.
    usual
        Mean of each column over the training rows, which a missing value counts as.
    shares
        Share of the training rows' expected events that each term explains.

    Examples
    --------
    >>> model = SelfExciting((Stream("dispute"),), days=28, half_lives=(7,))
    >>> [f.name for f in model.needs]
    ['prior_104w', 'prior_faded_7d', 'prior_faded_7d_nearby']

    Each recent event brings half an event more, whatever lies around:

    >>> recent = np.tile([0.0, 2.0, 4.0], 20)
    >>> panel = pd.DataFrame({"prior_104w": 1.0, "prior_faded_7d": recent, "prior_faded_7d_nearby": 0.0, "y": 1 + recent / 2})
    >>> fitted = model.fit(panel)
    >>> round(fitted.weights["prior_faded_7d"], 2), fitted.predict(panel[:3])["expected"].round(1).tolist()
    (0.5, [1.0, 2.0, 3.0])
    """

    is_baseline: ClassVar[bool] = True
    streams: tuple[Stream, ...]
    days: float
    half_lives: tuple[float, ...] = (7, 28, 91)
    long: int = 104
    n_rounds: int = 2000
    weights: dict[str, float] = field(default_factory=dict)
    usual: dict[str, float] = field(default_factory=dict)
    shares: dict[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None

    @property
    def name(self) -> str:
        """How reports call it."""
        return "self-exciting"

    @property
    def needs(self) -> tuple[Feature, ...]:
        """The long count, and the faded counts of the grid and of its neighbours."""
        faded = [Faded(self.streams, h) for h in self.half_lives]
        return (Own(self.streams, self.long), *(f for count in faded for f in (count, count.nearby())))

    def fit(self, panel: pd.DataFrame) -> "SelfExciting":
        """A copy with weights and calibration fitted.

        Parameters
        ----------
        panel
            Rows with `y` and the columns of :attr:`needs`; those without a settled outcome are left out.

        Returns
        -------
        fitted
            The baseline itself stays as it was.

        Raises
        ------
        LabelError
            No settled outcome, or one class.
        DataError
            The panel lacks a column.
        """
        rows = settled(panel)
        names, y = [f.name for f in self.needs], rows["y"].to_numpy(dtype=float)
        values = columns(rows, self.needs, self.name)
        usual = usual_of(values)
        offered = offered_by(values, usual)
        weights = expectation_maximisation(offered, y, n_rounds=self.n_rounds)
        terms = ["background", *names]
        explained = weights * offered.sum(axis=0) / max(y.sum(), _TINY)
        return dataclasses.replace(
            self,
            weights=dict(zip(terms, weights.tolist(), strict=True)),
            usual=dict(zip(names, usual.tolist(), strict=True)),
            shares=dict(zip(terms, explained.tolist(), strict=True)),
            calibration=Calibration.fit(_log(offered @ weights), y),
        )

    def predict(self, panel: pd.DataFrame) -> pd.DataFrame:
        """Columns `score` (expected events before calibration), `expected`, `probability`.

        Parameters
        ----------
        panel
            Rows with the columns of :attr:`needs`.

        Returns
        -------
        predicted
            On the index of `panel`: `score` (higher is riskier), `expected` (events in the horizon), `probability` (of at least one, in
            [0, 1]).

        Raises
        ------
        DefinitionError
            It is not fitted.
        DataError
            The panel lacks a column.
        """
        if self.calibration is None:
            raise DefinitionError(f"{self.name} is not fitted; call fit first.")
        values = columns(panel, self.needs, self.name)
        rate = offered_by(values, np.array(list(self.usual.values()))) @ np.array(list(self.weights.values()))
        expected = self.calibration.expected(_log(rate))
        return predicted(panel, rate, expected, self.calibration.probability(expected))

    @property
    def background_share(self) -> float:
        """Share of the training rows' expected events that the background explains, 0 to 1."""
        return self.shares["background"] + self.shares[Own(self.streams, self.long).name]

    @property
    def offspring(self) -> dict[float, tuple[float, float]]:
        """Events that one event brings in all time, by half-life: in its own grid, and in all grids beside it together.

        ``weight / (1 - 2 ** (-days / h))``, for an event of age `a` brings ``N (2 ** (-a / h) - 2 ** (-(a + days) / h))`` within the
        horizon. Their sum is the branching ratio; where each grid has as many neighbours as its neighbours have, the second is exact.
        """
        by_half_life = {}
        for h in self.half_lives:
            name, within = Faded(self.streams, h).name, 1 - 0.5 ** (self.days / h)
            by_half_life[h] = (self.weights[name] / within, self.weights[f"{name}_nearby"] / within)
        return by_half_life


def expectation_maximisation(offered: np.ndarray, y: np.ndarray, *, n_rounds: int = 2000) -> np.ndarray:
    """Weights at least 0 of a Poisson rate that is a sum of terms: ``y ~ Poisson(offered @ weights)``.

    Each round the log-likelihood rises or stays, and the expected total equals the observed one.

    Parameters
    ----------
    offered
        (n, k) terms, at least 0.
    y
        (n,) counts.
    n_rounds
        Most rounds.

    Returns
    -------
    weights
        (k,) at least 0; 0 for a term that is always 0.

    Notes
    -----
    The multiplication by ``offered' (y / rate) / offered' 1`` is the expectation-maximisation of emission tomography [1]_: weights that
    begin above 0 stay there without a bound, and no step length is chosen. It slows down near the top, where a thousandth of an event is
    worth nothing, so it ends once a round moves less than a millionth of the events.

    References
    ----------
    .. [1] Shepp & Vardi (1982), IEEE Transactions on Medical Imaging 1, 113-122; Dempster, Laird & Rubin (1977), Journal of the Royal
       Statistical Society B 39, 1-38 (why the likelihood never falls).

    Examples
    --------
    >>> offered = np.column_stack([np.ones(4), [0.0, 0.0, 2.0, 2.0]])
    >>> expectation_maximisation(offered, np.array([1.0, 1.0, 5.0, 5.0]), n_rounds=2000).round(3).tolist()
    [1.0, 2.0]
    """
    total = offered.sum(axis=0)
    used = total > 0
    weights = np.where(used, y.sum() / np.maximum(total, _TINY) / max(used.sum(), 1), 0.0)
    step = np.zeros_like(total)
    for _ in range(n_rounds):
        rate = np.maximum(offered @ weights, _TINY)
        np.divide(offered.T @ (y / rate), total, out=step, where=used)
        moved = np.abs(weights * (step - 1)) @ total
        weights = weights * np.where(used, step, 0.0)
        if moved <= 1e-6 * y.sum():
            break
    return weights


def _log(rate: np.ndarray) -> np.ndarray:
    return np.log(np.maximum(rate, _TINY))
