"""Train on what was settled, forecast the next dates, judge, move on."""

from collections.abc import Sequence

import pandas as pd

from riskwarn.backtesting.folding import parts_of
from riskwarn.backtesting.forecasting import forecast_of
from riskwarn.backtesting.judging import judged
from riskwarn.backtesting.report import Report, Split
from riskwarn.baseline import Linear, Model, is_baseline, settled, settled_rows
from riskwarn.calling import checked
from riskwarn.errors import DefinitionError
from riskwarn.experiment import Experiment
from riskwarn.model import RiskModel
from riskwarn.panel import check_panel, grids_of
from riskwarn.progress import bar
from riskwarn.rows import Rows


@checked
def backtest(
    experiment: Experiment,
    panel: pd.DataFrame | Rows,
    *,
    models: Sequence[Model] | None = None,
    grids: pd.DataFrame | None = None,
    split: Split = "rolling_origin",
    progress: bool | None = None,
) -> Report:
    """Rolling origin: train on what was settled, forecast the next dates, judge, move on.

    Parameters
    ----------
    experiment
        Folds, baselines and metrics.
    panel
        What :func:`riskwarn.build_panel` gave for the experiment; or the rows of a panel on disk (:func:`riskwarn.panel.rows_on_disk`) with the
        columns of the experiment, of which a part is read at a time. Folds and forecasts are the same.
    models
        Others than the product's model, the linear model and the baselines of the experiment.
    grids
        Table `grids`, from which the gate knows the slices of the city and a report draws its map; what the panel carries by default.
    split
        ``rolling_origin``; ``leave_area_out``: within each fold the grids of an area are forecast by models that never saw the
        area, four blocks of areas in turn; or ``worst_season``: each season is forecast by models that never saw it, and `fold` is
        its name. The gate asks for the first; the others say what to expect of a new district or of an unusual year.
    progress
        Show a bar; on a terminal by default.

    Returns
    -------
    report
        Print it for the table and the differences; the example is at :class:`Report`.

    Raises
    ------
    LabelError
        Too few settled dates for the folds, or a test date without any event.
    DataError
        A panel on disk was made for another label.
    DefinitionError
        No area of `grids` can be left out, or two models have one name.
    """
    if isinstance(panel, Rows):
        check_panel(panel, experiment.columns, experiment.label)
    if grids is None and isinstance(panel, pd.DataFrame):
        grids = grids_of(panel)
    rows = settled_rows(panel) if isinstance(panel, Rows) else Rows.of(settled(panel))
    contenders = list(models) if models is not None else contenders_of(experiment)
    names = [model.name for model in contenders]
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise DefinitionError(
            f"two models are called {twice!r}; give each a name of its own (riskwarn.selection.Candidate)."
        )
    parts = list(parts_of(experiment, rows.keys, split, grids))
    work = [(part, model) for part in parts for model in contenders]
    forecasts = [
        forecast_of(rows, part, model, grids)
        for part, model in bar(work, desc="backtest", unit="fit", progress=progress)
    ]
    predictions = pd.concat(forecasts, ignore_index=True)
    baselines = tuple(model.name for model in contenders if is_baseline(model))
    return Report(judged(predictions, experiment), predictions, experiment, baselines, grids=grids, split=split)


@checked
def contenders_of(experiment: Experiment) -> list[Model]:
    """The model, the linear model and the baselines: prior counts, rules of thumb where the label is no count, and those named.

    Parameters
    ----------
    experiment
        What is asked.

    Returns
    -------
    models
        Unfitted.

    Examples
    --------
    >>> from riskwarn.experiment import Experiment
    >>> [model.name for model in contenders_of(Experiment.load("experiments/weekly.toml"))][:4]
    ['riskwarn', 'poisson regression', 'prior count 4 weeks', 'prior count 15 weeks']
    """
    model = RiskModel.of(experiment)
    return [model, Linear(tuple(model.shape_names)), *experiment.rivals]
