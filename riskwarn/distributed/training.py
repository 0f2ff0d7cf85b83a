"""Training beyond memory: the panel written in blocks by an engine, the model learnt from its files a part at a time."""

from pathlib import Path

from riskwarn import tracking
from riskwarn.backtesting import Report, backtest
from riskwarn.calling import checked
from riskwarn.datasheet import make_datasheet
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.panel import write_blocks
from riskwarn.experiment import Experiment
from riskwarn.history import History
from riskwarn.history.memory import give_back
from riskwarn.model import RiskModel
from riskwarn.panel import keys_on_disk, read_panel
from riskwarn.store import Store
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
    alias: str = tracking.CANDIDATE,
) -> tuple[RiskModel, Report | None]:
    """Bring the panel in a folder up to date, learn from its files, log the training and register the model.

    The model is that of :func:`riskwarn.train` on the panel at hand: the same trees, and all that is fitted by sums to one in a million.
    Of the values of the panel LightGBM keeps a byte each in memory; nothing else keeps more than a part.

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
        Whether the model is backtested, too. That reads the whole panel into memory; without it the model cannot be promoted.
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
    tracking.check_answers(tracking.default_uri(store.path))
    digest = store.digest()
    write_blocks(store, experiment, folder, engine=engine, n_blocks=n_blocks)
    keys = keys_on_disk(folder, dates=experiment.dates.index())
    label, features = experiment.label, experiment.features
    sheet = make_datasheet(store, History.load(store), keys, label=label, features=features, data_digest=digest)
    give_back()
    report = backtest(experiment, read_panel(folder)) if judged else None
    model = train(
        experiment,
        folder,
        report=report,
        tracking_folder=store.path,
        data_digest=digest,
        alias=alias,
        datasheet=sheet,
        records=store,
    )
    return model, report
