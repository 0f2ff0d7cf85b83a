"""Training beyond memory: the panel written in blocks by an engine, the model learnt from its files a part at a time."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from riskwarn import tracking
from riskwarn.backtesting import Report, backtest
from riskwarn.calling import checked
from riskwarn.datasheet import make_datasheet
from riskwarn.distributed.auditing import StoreApart
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.panel import written
from riskwarn.errors import DefinitionError
from riskwarn.experiment import Experiment
from riskwarn.model import RiskModel
from riskwarn.model.fitting import Grow
from riskwarn.panel import grids_in, rows_on_disk
from riskwarn.store import Store
from riskwarn.store.remote import Folder, folder_of
from riskwarn.training import train


@checked
def train_blocks(
    store: Store,
    experiment: Experiment,
    folder: str | Path,
    *,
    engine: Engine | None = None,
    n_blocks: int | None = None,
    judged: bool = False,
    spread: bool = False,
    alias: str = tracking.CANDIDATE,
) -> tuple[RiskModel, Report | None]:
    """Bring the panel in a folder up to date, learn from its files, log the training and register the model.

    The model is that of :func:`riskwarn.train` on the panel at hand: the same trees, and all that is fitted by sums to one in a million.
    Of the values of the panel LightGBM keeps a byte each in memory; nothing else keeps more than a part. Its datasheet and its audit are made
    from sums and block by block, and are those of the history that nobody loads.

    Parameters
    ----------
    store, experiment
        The city, and what is asked.
    folder
        Of the panel, which workers on other machines must see under the same name; only what has changed is written.
    engine
        Who computes the panel; this process by default.
    n_blocks
        Most blocks; as for :func:`write_blocks`.
    judged
        Whether the model is backtested, too, on the same files; without it the model cannot be promoted.
    spread
        Whether the trees are grown on the workers of the Dask cluster, which then hold the rows of their blocks in memory: these trees are
        others than those of one machine. All else is fitted here. Spark grows none: what LightGBM has for it is a package of Java.
    alias
        As for :func:`riskwarn.train`.

    Returns
    -------
    model, report
        Fitted; and what the backtest found, where there was one.

    Raises
    ------
    DefinitionError, StaleDataError, DataError, EngineError, BusyError
        As :func:`write_blocks`. Files that are written are kept, nothing is registered.
    LabelError
        No settled outcome, one class only, or too few dates.
    NotFoundError
        The tracker does not answer, or the store holds no events; nothing was written.
    """
    _check_spread(engine or Engine(), spread=spread)
    tracking.check_answers(tracking.default_uri(store.path))
    digest = store.digest()
    _, outline = written(store, experiment, folder, engine=engine, n_blocks=n_blocks)
    assert outline is not None
    label, features, grids = experiment.label, experiment.features, grids_in(folder)
    names = [f.name for f in (experiment.columns if judged else features)]
    with (
        rows_on_disk(folder, names, dates=experiment.dates.index()) as rows,
        _growing(engine or Engine(), folder_of(folder), spread=spread) as grow,
    ):
        sheet = make_datasheet(store, outline, rows.keys, label=label, features=features, data_digest=digest)
        report = backtest(experiment, rows, grids=grids) if judged else None
        model = train(
            experiment,
            rows,
            report=report,
            grids=grids,
            tracking_folder=store.path,
            data_digest=digest,
            alias=alias,
            datasheet=sheet,
            records=StoreApart(store, folder_of(folder), engine or Engine(), n_blocks),
            grow=grow,
        )
    return model, report


def _check_spread(engine: Engine, *, spread: bool) -> None:
    """Refuse to grow trees on an engine that cannot."""
    if spread and engine.name != "dask":
        raise DefinitionError(
            f"engine {engine.name!r} grows no trees on its workers; name engine dask, or let them grow on this machine, from disk."
        )


@contextmanager
def _growing(engine: Engine, folder: Folder, *, spread: bool) -> Iterator[Grow | None]:
    """What grows the trees: the workers of a cluster, or nothing where that is this machine."""
    if not spread:
        yield None
        return
    from riskwarn.distributed import dask_engine  # noqa: PLC0415 - a heavy guest
    from riskwarn.distributed.dask_forest import grown_on  # noqa: PLC0415 - a heavy guest

    with dask_engine.connected(engine.address, engine.jobs) as client:
        yield partial(grown_on, client, folder)
