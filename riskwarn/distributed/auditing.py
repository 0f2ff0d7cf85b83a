"""The lists that an audit compares, from an engine: the city is cut once, and each block thins its own records, draw by draw."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from riskwarn.audit import Apart, Lists
from riskwarn.audit.listed import Places, features_of, grids_at
from riskwarn.distributed.city import City, told
from riskwarn.distributed.cutting import load
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.panel import Cut, cores_of, cut_apart, gathered
from riskwarn.distributed.piece import Piece
from riskwarn.distributed.streaming import piece_file
from riskwarn.distributed.task import Running
from riskwarn.distributed.wide import check_blocks, rounds
from riskwarn.distributed.work import Asked, Part, knowing, merged, parts_of, scores_of
from riskwarn.feature import Feature
from riskwarn.history.altering import thinned
from riskwarn.model import RiskModel
from riskwarn.panel.build import snapshot_of
from riskwarn.store import Store
from riskwarn.store.remote import Folder


@dataclass(frozen=True, eq=False)
class Thinning:
    """What all blocks share that score a night with fewer records.

    Parameters
    ----------
    pieces
        Folder of the pieces, which every worker can read.
    model
        That scores.
    features
        What is computed: those of the model, and the count.
    cities
        Of each draw what is told of the city: its totals are of the records that are left.
    members
        Of each draw which grids of the city report less, (n_grids,); none where all records are there.
    share
        Of their records that are missing.
    needing
        Features whose totals are added up in this round.
    """

    pieces: Folder
    model: RiskModel
    features: tuple[Feature, ...]
    cities: tuple[City, ...]
    members: tuple[np.ndarray | None, ...] = (None,)
    share: float = 0.0
    needing: tuple[Feature, ...] = field(default_factory=tuple)


class StoreApart(Apart):
    """The records of a store that nobody loads.

    Parameters
    ----------
    store
        The city.
    folder
        Where the pieces are cut, which workers on other machines must see under the same name.
    engine
        Who does the work.
    n_blocks
        Most blocks; as for :func:`write_blocks`.
    """

    def __init__(self, store: Store, folder: Folder, engine: Engine, n_blocks: int | None = None) -> None:
        self._store = store
        self._folder = folder
        self._engine = engine
        self._n_blocks = n_blocks

    @contextmanager
    def lists(self, model: RiskModel, as_of: object, share: float) -> Iterator[Lists]:
        """Made block by block, of pieces that are taken away afterwards."""
        features = features_of(model)
        check_blocks(features)
        with cut_apart(self._folder) as (pieces, scratch), self._engine.started() as running:
            city = Cut.of(self._store, pieces, scratch)
            snapshot, grids = snapshot_of(city.history, features, [as_of]), city.history.grids
            cores = cores_of(city.history, len(features), self._n_blocks, self._engine.jobs)
            city.stream(snapshot, features, model.label, cores, running, None, outcomes=False)
            snapshot = snapshot_of(city.history, features, [as_of])
            told_all, places = told(city.history, features, model.label, snapshot, outcomes=False)
            city.hand_over(places, cores)
            job = Thinning(pieces, model, tuple(features), (told_all,))
            yield _OfPieces(grids, share, job, cores, running, places.n_areas)


@dataclass(frozen=True, eq=False)
class _OfPieces(Lists):
    """The lists of a city that is cut into pieces."""

    job: Thinning
    cores: Sequence[np.ndarray]
    running: Running
    n_areas: Mapping[str, int]

    def whole(self) -> Places:
        """By all records."""
        return self._places(self.job)[0]

    def thinned(self, members: Sequence[np.ndarray], share: float) -> list[Places]:
        """By fewer records: a piece is read once for all draws, and once more for each round of totals."""
        cities = self.job.cities * len(members)
        return self._places(replace(self.job, cities=cities, members=tuple(members), share=share))

    def _places(self, job: Thinning) -> list[Places]:
        numbers = range(len(self.cores))
        for needing in rounds(job.features):
            asked = replace(job, needing=tuple(needing))
            parts = gathered(self.running, _add_block, numbers, asked, desc="totals")
            totals = [merged(of_draw, self.n_areas) for of_draw in zip(*parts, strict=True)]
            cities = (knowing(city, some) for city, some in zip(job.cities, totals, strict=True))
            job = replace(job, cities=tuple(cities))
        scores = np.empty((len(job.cities), 2, len(self.grids)))
        told_apart = gathered(self.running, _score_block, numbers, job, desc="audit")
        for core, here in zip(self.cores, told_apart, strict=True):
            scores[..., core] = here
        return [{"model": grids_at(by[0], self.n), "count": grids_at(by[1], self.n)} for by in scores]


def _add_block(job: Thinning, number: int) -> list[dict[Asked, Part]]:
    return [parts_of(piece, job.needing) for piece in _draws(job, number)]


def _score_block(job: Thinning, number: int) -> np.ndarray:
    """(n_draws, 2, n_core) scores by model and by count."""
    return np.stack([scores_of(piece, job.model, job.features) for piece in _draws(job, number)])


def _draws(job: Thinning, number: int) -> Iterator[Piece]:
    """The piece of a block in each draw."""
    piece = load(piece_file(job.pieces, number), job.cities[0])
    assert piece.of_city is not None
    for seed, (city, member) in enumerate(zip(job.cities, job.members, strict=True)):
        told_of = replace(piece, elsewhere=city)
        if member is None:
            yield told_of
        else:
            yield thinned(told_of, member[piece.of_city], share=job.share, seed=seed, numbers=piece.of_city)
