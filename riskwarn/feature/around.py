"""What happens around a grid: another feature over its neighbours, over the grids of its parent, or spread by distance."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import InstanceOf
from scipy import sparse

from riskwarn.declaring import Flag, Positive, Text, one_of
from riskwarn.errors import DefinitionError
from riskwarn.feature.base import AROUND, Feature
from riskwarn.feature.clause import Clause
from riskwarn.feature.observing import divided
from riskwarn.feature.reach import LEVELS, Reach
from riskwarn.grid import SHAPES
from riskwarn.history import CITY, History, Snapshot
from riskwarn.language import Spoken, phrase


@dataclass(frozen=True)
class _Around(Feature):
    """Another feature, over the grids around: told, counted and changed as that feature is, elsewhere."""

    of: InstanceOf[Feature]
    code: ClassVar[str] = "RC05"

    @property
    def parts(self) -> tuple[Feature, ...]:
        return (self.of,)

    @property
    def monotone(self) -> int:  # type: ignore[override]
        return self.of.monotone

    @property
    def core(self) -> Feature:
        return self.of.core

    @property
    def scaled(self) -> bool:  # type: ignore[override]
        return self.core.scaled

    @property
    def clause(self) -> Clause:
        return replace(self.core.clause, around=self.around, remedy="around")

    def rows(self, events: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
        return self.of.rows(events, at)


@dataclass(frozen=True)
class Nearby(_Around):
    """Another feature, as the mean (or the `total`) over the neighbouring grids that have a value.

    Examples
    --------
    >>> from riskwarn.history import Stream
    >>> from riskwarn.feature import Open
    >>> feature = Nearby(Open(Stream("dispute")))
    >>> feature.name, feature.words["en"]
    ('dispute_open_n_nearby', 'mean of the neighbouring grids: open disputes')
    """

    total: Flag = False
    looks: ClassVar[Reach] = "near"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.of, Nearby | OfParent | OfCity):
            raise DefinitionError(
                f"nearby: {self.of.name!r} looks around already; neighbours of neighbours are not a feature."
            )

    @property
    def name(self) -> str:
        return f"{self.of.name}_nearby" + ("_total" if self.total else "")

    @property
    def family(self) -> str:
        return f"{self.of.family}_nearby"

    @property
    def words(self) -> Spoken:
        if self.total:
            return phrase("total of the neighbouring grids: {number}", number=self.of.words)
        return phrase("mean of the neighbouring grids: {number}", number=self.of.words)

    @property
    def around(self) -> str:
        return "nearby"

    def weights(self, history: History, row: int) -> sparse.csr_matrix:
        beside = history.neighbors()[[row]]
        return beside if self.total else beside / max(beside.nnz, 1)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        def fill(out: np.ndarray) -> None:
            values = self.of.compute(snapshot.around)
            if np.isfinite(values).all():
                snapshot.nearby(values, mean=not self.total, out=out)
            else:
                out[:] = self._around(snapshot, values)

        return snapshot.made(self, fill)

    def plane(self, snapshot: Snapshot) -> Hashable:
        del snapshot
        return self

    def normal(self, snapshot: Snapshot) -> np.ndarray:
        return self._around(snapshot, self.of.normal(snapshot.around))

    @property
    def medians(self) -> tuple[Feature, ...]:
        return self.of.medians

    def _around(self, snapshot: Snapshot, values: np.ndarray) -> np.ndarray:
        held = np.isfinite(values)
        total, number = (snapshot.nearby(v, mean=False) for v in (np.where(held, values, 0), held.astype(np.float32)))
        if self.total:
            return total
        alone = np.diff(snapshot.history.neighbors().indptr) == 0
        return np.where(alone[:, None], np.float32(0), divided(total, number))


@dataclass(frozen=True)
class OfParent(_Around):
    """Another feature, as the mean over the grids with the same parent.

    Examples
    --------
    >>> from riskwarn.feature import Density
    >>> feature = OfParent(Density())
    >>> feature.name, feature.words["en"]
    ('grid_density_log_township', 'mean over the grids of the township: log of residents per km²')
    """

    level: Annotated[Text, one_of(LEVELS)] = "township_id"
    looks: ClassVar[Reach] = "parent"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.of, OfParent | Nearby | OfCity):
            raise DefinitionError(
                f"of_parent: {self.of.name!r} looks around already; a parent of a parent would come back to itself."
            )

    @property
    def name(self) -> str:
        return f"{self.of.name}_{self.level.removesuffix('_id')}"

    @property
    def family(self) -> str:
        return f"{self.of.family}_{self.level.removesuffix('_id')}"

    @property
    def words(self) -> Spoken:
        where = LEVELS[self.level]
        return phrase("mean over the grids of the {where}: {number}", where=where, number=self.of.words)

    @property
    def around(self) -> str:
        return self.level.removesuffix("_id")

    def weights(self, history: History, row: int) -> sparse.csr_matrix:
        parent = history.grids[self.level].fillna("").astype("str").to_numpy()
        same = sparse.csr_matrix((parent == parent[row])[None, :].astype(float))
        return same / max(same.nnz, 1)

    @property
    def areas(self) -> tuple[str, ...]:  # type: ignore[override]
        return (self.level,)

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        return (self.of.compute(snapshot),)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        total = self.totals(snapshot, self.level)
        return total.spread(total.means[0])


@dataclass(frozen=True)
class OfCity(_Around):
    """Another feature, as the total over all grids of the city: one number for all of them, which ranks none.

    Grids of which nothing is known count as the mean of the others; NaN where nothing is known of any.

    Examples
    --------
    >>> from riskwarn.feature import Faded
    >>> feature = OfCity(Faded(("dispute",), half_life=28))
    >>> feature.name, feature.words["en"]
    ('prior_faded_28d_city', 'total of the city: disputes, weighted with a half-life of 28 days')
    """

    looks: ClassVar[Reach] = "city"
    areas: ClassVar[tuple[str, ...]] = (CITY,)
    monotone: ClassVar[int] = 0
    remedy: ClassVar[str] = "A10"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.of, _Around):
            raise DefinitionError(f"OfCity: wanted a feature that does not look around already, got {self.of.name!r}.")

    @property
    def name(self) -> str:
        return f"{self.of.name}_city"

    @property
    def family(self) -> str:
        return f"{self.of.family}_city"

    @property
    def words(self) -> Spoken:
        return phrase("total of the city: {number}", number=self.of.words)

    @property
    def around(self) -> str:
        return "city"

    @property
    def clause(self) -> Clause:
        return Clause("level", self.of.clause.noun, self.of.window, side=0, eases="always", remedy="calendar")

    def weights(self, history: History, row: int) -> sparse.csr_matrix:
        del row
        return sparse.csr_matrix(np.ones((1, len(history.grids))))

    def terms(self, snapshot: Snapshot) -> Sequence[np.ndarray]:
        return self.of.compute(snapshot), np.broadcast_to(np.float32(1), snapshot.shape)

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        total = self.totals(snapshot, CITY)
        whole = total.spread(total.means[0] * total.sums[1])
        return np.broadcast_to(whole, snapshot.shape)


@dataclass(frozen=True)
class Spread(_Around):
    """Another feature, spread over the map by the distance between centres: ``sum_j w(d_ij) * value_j``.

    Distances are in units of the city's spacing, the median distance from a centre to the next, so the same declaration serves
    cells of 400 m and municipalities. Shape ``gauss``: ``exp(-d² / 2 reach²)`` up to three times the `reach`, made to sum to one over the
    grids that one grid gives to, so events are spread and neither made nor lost. Shape ``bands``: ``1 / (1 + b)``, `b` the whole half
    spacings between the centres, up to `reach`. NaN where no grid in reach has a value. Weights: :func:`riskwarn.grid.closeness`.

    Examples
    --------
    >>> from riskwarn.feature import Own
    >>> Spread(Own(("dispute",), 52), reach=0.5).name
    'prior_52w_gauss_0p5'
    """

    reach: Positive = 1.0
    shape: Annotated[Text, one_of(SHAPES)] = "gauss"
    looks: ClassVar[Reach] = "near"

    def __post_init__(self) -> None:
        super().__post_init__()
        if isinstance(self.of, Spread | Nearby | OfParent | OfCity):
            raise DefinitionError(f"Spread: wanted a feature that does not look around already, got {self.of!r}.")

    @property
    def name(self) -> str:
        return f"{self.of.name}_{self.shape}_{self.reach:g}".replace(".", "p")

    @property
    def family(self) -> str:
        return f"{self.of.family}_nearby"

    @property
    def words(self) -> Spoken:
        return phrase("weighted by distance over the grid and those around it: {number}", number=self.of.words)

    @property
    def around(self) -> str:
        return "about"

    def weights(self, history: History, row: int) -> sparse.csr_matrix:
        return history.closeness(self.reach, self.shape)[[row]]

    def compute(self, snapshot: Snapshot) -> np.ndarray:
        about, weights = snapshot.reached(self.reach, self.shape)
        values = self.of.compute(about)
        held = np.isfinite(values)
        total = np.asarray(weights @ np.where(held, values, 0).astype(np.float32), dtype=np.float32)
        if held.all():
            return total
        known, missing = (weights @ flag.astype(np.float32) for flag in (held, ~held))
        whole = np.asarray(weights.sum(axis=1)).reshape(-1, 1)
        return np.where(missing > 0, divided(total * whole, known), total)


AROUND.update(nearby=Nearby, of_parent=OfParent)
