"""The reasons of a night from an engine: told block by block, beside medians of the whole city that are found first."""

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.distributed.city import City
from riskwarn.distributed.cutting import load
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.panel import Cut, cores_of, cut_apart, gathered, prepared
from riskwarn.distributed.streaming import piece_file
from riskwarn.distributed.task import Running
from riskwarn.distributed.wide import check_blocks
from riskwarn.distributed.work import matrix_of, night_of
from riskwarn.errors import DataError, did_you_mean
from riskwarn.explanation import in_words, pick_reasons
from riskwarn.feature import Feature
from riskwarn.history import History
from riskwarn.history.space import median_of
from riskwarn.model import RiskModel
from riskwarn.panel.build import snapshot_of
from riskwarn.store import Store
from riskwarn.store.remote import Folder, Remote, put


@dataclass(frozen=True, eq=False)
class Asking:
    """What all blocks share that look for reasons.

    Parameters
    ----------
    city
        What is told of the city; its medians come with the second round.
    pieces
        Folder of the pieces, which every worker can read and write.
    model
        Whose reasons are asked for.
    compared
        Features whose medians over all grids are needed.
    grids
        Only these; all where there are none.
    raising, lowering
        As for :func:`riskwarn.explain`.
    """

    city: City
    pieces: Folder
    model: RiskModel
    compared: tuple[Feature, ...]
    grids: frozenset[str] = field(default_factory=frozenset)
    raising: int = 3
    lowering: int = 1


@checked
def explain_blocks(
    store: Store | History,
    model: RiskModel,
    as_of: object,
    *,
    grids: Iterable[str] | None = None,
    raising: int = 3,
    lowering: int = 1,
    engine: Engine | None = None,
    n_blocks: int | None = None,
    folder: str | Path | Remote | None = None,
) -> pd.DataFrame:
    """The strongest reasons of every grid, those of :func:`riskwarn.explain`, on an engine.

    A reason hangs on its grid's row and the model, and on what the row is compared with: the grid's own past, which its block knows, or the
    median over the city. For these a first round writes the values of each block beside its piece, from which they are taken one feature
    after the other, exactly; all blocks are told.

    Parameters
    ----------
    store
        The city, or its history.
    model
        A fitted model; it is sent to every worker once.
    as_of
        The night.
    grids, raising, lowering
        As for :func:`riskwarn.explain`; blocks without any of the grids are asked for their values alone.
    engine
        Who does the work; this process by default.
    n_blocks
        Most blocks; by default as for :func:`write_blocks`.
    folder
        Where the pieces are cut, as for :func:`score_blocks`.

    Returns
    -------
    reasons
        As of :func:`riskwarn.explain` with its history.

    Raises
    ------
    DefinitionError
        A feature of the model reads what is not there, or cannot be computed in blocks.
    StaleDataError, DataError
        The night lies outside the data; or a grid asked for is not there.
    EngineError
        The engine cannot do the work.
    """
    engine = engine or Engine()
    check_blocks(model.features)
    compared = tuple(dict.fromkeys(of for feature in model.features for of in feature.medians))
    with cut_apart(folder) as (pieces, scratch):
        city = Cut.of(store, pieces, scratch)
        ids = city.history.grids["grid_id"].astype("str").to_numpy(dtype=object)
        wanted = _known(grids, ids)
        snapshot = snapshot_of(city.history, model.features, [as_of])
        cores = cores_of(city.history, 2 * len(model.features), n_blocks, engine.jobs)
        with engine.started() as running:
            if city.store is not None:
                city.stream(snapshot, model.features, model.label, cores, running, None, outcomes=False)
                snapshot = snapshot_of(city.history, model.features, [as_of])
            told_all = prepared(city, snapshot, model.features, model.label, cores, running, outcomes=False)
            del snapshot
            job = Asking(told_all, pieces, model, compared, wanted, raising, lowering)
            parts = _told_apart(running, job, cores, ids)
    rows = pd.concat(parts, ignore_index=True)
    number = pd.Index(ids).get_indexer(rows["grid_id"])
    return in_words(rows.iloc[np.argsort(number, kind="stable")].reset_index(drop=True), model.features)


def _known(grids: Iterable[str] | None, ids: np.ndarray) -> frozenset[str]:
    """The grids asked for, which must be there; none for all."""
    wanted = frozenset(grids or ())
    unknown = sorted(wanted - set(ids))
    if unknown:
        raise DataError(f"grids not in the panel: {', '.join(unknown[:3])}{did_you_mean(unknown[0], list(ids))}.")
    return wanted


def _told_apart(running: Running, job: Asking, cores: Sequence[np.ndarray], ids: np.ndarray) -> list[pd.DataFrame]:
    """The reasons of each block: values first, then medians, then reasons."""
    if job.compared:
        gathered(running, _write_values, range(len(cores)), job, desc="medians")
        job = replace(job, city=replace(job.city, medians=_medians(job, cores)))
    numbers = [b for b, core in enumerate(cores) if not job.grids or job.grids & set(ids[core])]
    return gathered(running, _explain_block, numbers, job, desc="reasons")


def _values_file(pieces: Folder, number: int) -> Folder:
    return pieces / f"values-{number:04d}.float32"


def _write_values(job: Asking, number: int) -> None:
    """The values of a block that medians are taken of, feature after feature, in a file that appears whole or not at all."""
    _, matrix = matrix_of(load(piece_file(job.pieces, number), job.city), job.compared, None)
    put(_values_file(job.pieces, number), lambda file: file.write(matrix.tobytes()))


def _medians(job: Asking, cores: Sequence[np.ndarray]) -> dict[Hashable, np.ndarray]:
    """Of each feature its median over all grids; the values of one feature at a time are in memory."""
    medians: dict[Hashable, np.ndarray] = {}
    for k, of in enumerate(job.compared):
        values = [_values(_values_file(job.pieces, number), k, len(core)) for number, core in enumerate(cores)]
        medians[of] = median_of(np.concatenate(values)[:, None])
    return medians


def _values(file: Folder, k: int, n_grids: int) -> np.ndarray:
    """(n_grids,) those of one feature and night."""
    width = n_grids * np.dtype(np.float32).itemsize
    with file.open("rb") as handle:
        handle.seek(k * width)
        return np.frombuffer(handle.read(width), np.float32)


def _explain_block(job: Asking, number: int) -> pd.DataFrame:
    """The reasons of the grids of one block, without words."""
    night = night_of(load(piece_file(job.pieces, number), job.city), job.model.features)
    if job.grids:
        night = night[night["grid_id"].isin(list(job.grids))]
    reasons = pick_reasons(job.model, night, raising=job.raising, lowering=job.lowering)
    beside = night.set_index("grid_id")["n_nearby"]
    return reasons.assign(n_nearby=beside.reindex(reasons["grid_id"]).astype(int).to_numpy())
