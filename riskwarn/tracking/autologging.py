"""One line that has MLflow record what is found from then on."""

import warnings
from pathlib import Path
from typing import Any

from riskwarn.calling import HEARD, checked
from riskwarn.errors import NotFoundError
from riskwarn.tracking.runs import log_backtest, log_tuning
from riskwarn.tracking.server import check_answers, default_uri


@checked
def autolog(folder: str | Path = ".", *, disable: bool = False) -> None:
    """From now on in this process MLflow records what :func:`riskwarn.backtest` and :func:`riskwarn.tuning.tune` find.

    A backtest goes into the run that is active, as after ``mlflow.start_run()``, else into one of its own; so many trials stand side by
    side in ``mlflow ui``, each with its settings and the metrics of every rival. A training records itself, with or without this line
    (:func:`riskwarn.train`). An estimator within a pipeline or a search of scikit-learn is a matter of ``mlflow.sklearn.autolog()``.

    Parameters
    ----------
    folder
        Where MLflow's SQLite file and artifacts lie where no run is active; ``MLFLOW_TRACKING_URI`` goes before it.
    disable
        Record no more.

    Raises
    ------
    NotFoundError
        The tracker does not answer.

    Warns
    -----
    UserWarning
        What was found could not be recorded, and is returned all the same.

    Examples
    --------
    >>> rw.tracking.autolog()                                     # doctest: +SKIP
    >>> report = rw.backtest(experiment, panel)                   # doctest: +SKIP
    """
    for place in _RECORDED:
        HEARD.pop(place, None)
    if disable:
        return
    uri = default_uri(folder)
    check_answers(uri)
    for place, record in _RECORDED.items():
        HEARD[place] = _told(record, uri)


def _told(record: Any, uri: str) -> Any:
    """Record, but lose nothing that was found where that fails."""

    def hear(given: dict[str, Any], found: Any) -> None:
        try:
            record(given, found, uri)
        except NotFoundError as error:
            warnings.warn(f"what was found is not recorded: {error}", UserWarning, stacklevel=4)

    return hear


_RECORDED = {
    "riskwarn.backtesting.run.backtest": lambda given, report, uri: log_backtest(report, given["panel"], uri=uri),
    "riskwarn.tuning.tune": lambda given, tuning, uri: log_tuning(tuning, given["experiment"], uri=uri),
}
"""What is recorded, by the place of the function that finds it."""
