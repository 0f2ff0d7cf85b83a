"""A night published by an engine: scores, reasons, gaps and monitors from blocks, in the tables and files of a night in memory."""

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn import register
from riskwarn.calling import checked
from riskwarn.clock import micros
from riskwarn.distributed.blocked import BlockHistory, Blocks
from riskwarn.distributed.engine import Engine
from riskwarn.distributed.held import HeldNight
from riskwarn.distributed.nights import held_night
from riskwarn.distributed.outline import Outline
from riskwarn.distributed.panel import Cut, cores_of, cut_apart, gathered, prepared
from riskwarn.distributed.searching import Searching, find_one
from riskwarn.distributed.task import Running
from riskwarn.distributed.wide import check_blocks
from riskwarn.feature import Feature
from riskwarn.gaps import Evidence
from riskwarn.history import DAY_US, History
from riskwarn.history.space import median_of
from riskwarn.maturity import PATIENCE_DAYS
from riskwarn.means import Means
from riskwarn.model import RiskModel
from riskwarn.monitoring import check_all
from riskwarn.monitoring.drift import dates_looked_at
from riskwarn.panel import computed
from riskwarn.panel.build import check_start
from riskwarn.pipeline import Night, nightly
from riskwarn.plan import Plan
from riskwarn.store import Store
from riskwarn.store.remote import Folder, Remote, folder_of


class BlockEvidence(Evidence):
    """What was known at a night that lies in blocks: its kinds of gap are looked for on the engine.

    Parameters
    ----------
    history, as_of, scores
        As for :class:`riskwarn.gaps.Evidence`.
    night, running
        Where its events lie, and who looks.
    """

    def __init__(
        self, history: History, as_of: object, scores: pd.DataFrame | None, night: HeldNight, running: Running
    ) -> None:
        super().__init__(history, as_of, scores)
        self.night, self.running = night, running

    def has_column(self, name: str) -> bool:
        """Whether a column of `events` holds any value."""
        return name in self.night.files.filled

    def found(self, finders: Mapping[str, Callable[[Evidence], pd.DataFrame]]) -> list[pd.DataFrame]:  # type: ignore[override]
        """What each kind finds, each a task."""
        scores = None if self.scores is None else self.scores[["grid_id", "expected"]].drop_duplicates("grid_id")
        job = Searching(self.night, self.as_of, scores, tuple(finders))
        return gathered(self.running, find_one, range(len(finders)), job, desc="kinds")


@dataclass(eq=False)
class InBlocks(Means):
    """How a night is laid out in blocks.

    Parameters
    ----------
    engine
        Who does the work.
    n_blocks, folder
        As for :func:`nightly_blocks`.
    """

    engine: Engine = field(default_factory=Engine)
    n_blocks: int | None = None
    folder: Folder | None = None
    _night: tuple[HeldNight, Running] | None = None

    @contextmanager
    def opened(self, store: Store, at: pd.Timestamp, models: Sequence[RiskModel]) -> Iterator[History]:
        """The city, cut into blocks; the pieces are taken away afterwards."""
        features = list(dict.fromkeys(feature for model in models for feature in model.features))
        check_blocks(features)
        with (
            cut_apart(self.folder) as (pieces, scratch),
            self.engine.started() as running,
        ):
            city = Cut.of(store, pieces, scratch, as_of=at)
            outline = _drawn(city)
            check_start(outline, at)
            night, last = held_night(outline, store, city.n_buckets, at, pieces, scratch, running, told=True)
            self._night = night, running
            known = {"files": night.files, "last": last}
            if (
                micros(at) - outline.until > DAY_US
            ):  # nothing can be told of such dates but that the data do not reach them
                yield BlockHistory.of_outline(outline, **known)
                return
            labels = list(dict.fromkeys(model.label for model in models))
            wanted = [*features, *(label.normal for label in labels if label.kind == "emergence")]
            dates = _dates(store, models, at)
            cores = cores_of(outline, 2 * max(len(features), 1), self.n_blocks, self.engine.jobs)
            city.stream(outline.at(dates), wanted, labels, cores, running, None, outcomes=True)
            outline = _drawn(city)
            told = prepared(city, outline.at(dates), wanted, labels, cores, running, outcomes=True)
            blocks = Blocks(running, pieces, told, tuple(cores))
            yield _with_medians(BlockHistory.of_outline(outline, **known, blocks=blocks), features, dates, at)

    def evidence(self, history: History, at: pd.Timestamp, scores: pd.DataFrame | None) -> Evidence:
        """What was known at the night."""
        assert self._night is not None
        return BlockEvidence(history, at, scores, *self._night)


def _drawn(city: Cut) -> Outline:
    outline = city.history
    assert isinstance(outline, Outline)
    return outline


def _dates(store: Store, models: Sequence[RiskModel], at: pd.Timestamp) -> list[pd.Timestamp]:
    """All dates that a night asks of: its own, those of its monitors, and the nights whose outcomes may have settled since."""
    wanted = {date for model in models for date in dates_looked_at(model, at, store.timezone)}
    longest = max((model.label.wait_days for model in models), default=0.0)
    since = at - pd.Timedelta(days=longest + 3 * PATIENCE_DAYS)
    nights = {*store.nights(), *(pd.Timestamp(line.as_of) for line in register.seals(store))}
    wanted |= {at, *(night for night in nights if since <= night < at)}
    return sorted({date.tz_convert(store.timezone) for date in wanted})


def _with_medians(
    history: BlockHistory, features: Sequence[Feature], dates: Sequence[pd.Timestamp], at: pd.Timestamp
) -> BlockHistory:
    """The history, whose blocks are told the medians over all grids that reasons compare with on the night."""
    compared = list(dict.fromkeys(of for feature in features for of in feature.medians))
    if not compared or history.blocks is None:
        return history
    values = history.at([at]).each(partial(computed, features=compared))
    night = [*dates].index(at)
    medians: dict[Hashable, np.ndarray] = {}
    for of, of_grids in zip(compared, values, strict=True):
        medians[of] = np.full((1, len(dates)), np.nan, np.float32)
        medians[of][:, night] = median_of(of_grids)[:, 0]
    city = replace(history.blocks.city, medians=medians)
    return replace(history, blocks=replace(history.blocks, city=city))


@checked
def nightly_blocks(
    store: Store,
    target: str = "",
    *,
    as_of: object,
    plan: Plan | None = None,
    capacity: int | None = None,
    alias: str = "champion",
    tracking_folder: str | Path | None = None,
    force: str = "",
    say: Callable[[str], None] = lambda _: None,
    engine: Engine | None = None,
    n_blocks: int | None = None,
    folder: str | Path | Remote | None = None,
) -> Night:
    """Publish a night, that of :func:`riskwarn.pipeline.nightly`, on an engine: the same run by name, with the same tables.

    Parameters
    ----------
    store, target, as_of, plan, capacity, alias, tracking_folder, force, say
        As for :func:`riskwarn.pipeline.nightly`.
    engine
        Who does the work; this process by default.
    n_blocks, folder
        As for :func:`riskwarn.distributed.score_blocks`.

    Returns
    -------
    night
        What was published, this time or before. A night that could not be made whole is not published at all.

    Raises
    ------
    RiskwarnError
        As :func:`riskwarn.pipeline.nightly`; and :class:`riskwarn.errors.EngineError` where the engine cannot do the work.
    """
    means = InBlocks(engine or Engine(), n_blocks, None if folder is None else folder_of(folder))
    return nightly(
        store,
        target,
        as_of=as_of,
        plan=plan,
        capacity=capacity,
        alias=alias,
        tracking_folder=tracking_folder,
        force=force,
        say=say,
        means=means,
    )


@checked
def monitor_blocks(
    store: Store,
    model: RiskModel | None,
    as_of: object,
    *,
    engine: Engine | None = None,
    n_blocks: int | None = None,
    folder: str | Path | Remote | None = None,
) -> pd.DataFrame:
    """All monitors of one night, those of :func:`riskwarn.monitoring.check`, on an engine.

    Parameters
    ----------
    store, model, as_of
        As for :func:`riskwarn.monitoring.check`.
    engine, n_blocks, folder
        As for :func:`nightly_blocks`.

    Returns
    -------
    marks
        As of :func:`riskwarn.monitoring.check`.

    Raises
    ------
    StaleDataError, DataError
        As :func:`riskwarn.monitoring.check`.
    EngineError
        The engine cannot do the work.
    """
    models = [] if model is None else [model]
    means = InBlocks(engine or Engine(), n_blocks, None if folder is None else folder_of(folder))
    at = store.instant(as_of)
    with means.opened(store, at, models) as history:
        return check_all(history, models, at)
