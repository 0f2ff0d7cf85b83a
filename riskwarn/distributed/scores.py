"""The scores of a night from an engine: predicted block by block, ranked among all grids of the city."""

from pathlib import Path

import pandas as pd

from riskwarn.calling import checked
from riskwarn.distributed.cutting import load
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.panel import Cut, Job, cores_of, cut_apart, gathered, prepared
from riskwarn.distributed.streaming import piece_file
from riskwarn.distributed.wide import check_blocks
from riskwarn.distributed.work import predicted
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.panel.build import snapshot_of
from riskwarn.scoring import check_after_training, in_ranks, ranked
from riskwarn.store import Store
from riskwarn.store.remote import Remote


@checked
def score_blocks(
    store: Store | History,
    model: RiskModel,
    as_of: object,
    *,
    capacity: int = 50,
    engine: Engine | None = None,
    n_blocks: int | None = None,
    folder: str | Path | Remote | None = None,
) -> pd.DataFrame:
    """The scores of a night, those of :func:`riskwarn.score`, on an engine.

    Parameters
    ----------
    store
        The city, or its history.
    model
        A fitted model; it is sent to every worker once.
    as_of
        The night.
    capacity
        As for :func:`riskwarn.score`.
    engine
        Who does the work; this process by default.
    n_blocks
        Most blocks; by default as for :func:`write_blocks`.
    folder
        Where the pieces are cut, which workers on other machines must see under the same name; a temporary folder of this machine by
        default. They are taken away afterwards.

    Returns
    -------
    scores
        Table `scores`, by rank. Only the ranking looks at all grids at once: a few numbers of each.

    Raises
    ------
    DefinitionError
        A feature of the model reads what is not there, or cannot be computed in blocks.
    StaleDataError, DataError
        The night lies outside the data, or before the model's training ended.
    EngineError
        The engine cannot do the work.
    """
    engine = engine or Engine()
    check_blocks(model.features)
    with cut_apart(folder) as (pieces, scratch):
        city = Cut.of(store, pieces, scratch)
        snapshot = snapshot_of(city.history, model.features, [as_of])
        check_after_training(model, snapshot.local[0])
        cores = cores_of(city.history, len(model.features), n_blocks, engine.jobs)
        with engine.started() as running:
            if city.store is not None:
                city.stream(snapshot, model.features, model.label, cores, running, None, outcomes=False)
                snapshot = snapshot_of(city.history, model.features, [as_of])
            told_all = prepared(city, snapshot, model.features, model.label, cores, running, outcomes=False)
            job = Job(told_all, model.features, pieces, model=model)
            parts = gathered(running, _score_block, range(len(cores)), job, desc="scores")
    rows = pd.concat(parts, ignore_index=True)
    rows = rows.sort_values(["grid_id", "as_of"], ignore_index=True, kind="stable")
    asked = rows["asked"].to_numpy(dtype=bool)
    some = rows[asked]
    found = ranked(model, some, some, capacity) if len(some) else None
    return in_ranks(model, found, rows[~asked])


def _score_block(job: Job, number: int) -> pd.DataFrame:
    assert job.model is not None
    return predicted(load(piece_file(job.pieces, number), job.city), job.model)
