"""What a monitoring system reads of the newest night, as gauges in Prometheus' format: asked of the server, or left in a file."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd
from prometheus_client import CollectorRegistry, write_to_textfile
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from riskwarn.calling import checked
from riskwarn.errors import DataError, StaleDataError
from riskwarn.store import Store


class Shown(Protocol):
    """A night as the gauges need it."""

    @property
    def as_of(self) -> pd.Timestamp:
        """Its instant."""

    @property
    def facts(self) -> Mapping[str, Any]:
        """What it says of itself."""

    @property
    def scores(self) -> pd.DataFrame:
        """With the column `state`."""

    @property
    def alerts(self) -> pd.DataFrame | None:
        """With the column `level`."""

    @property
    def gaps(self) -> pd.DataFrame | None:
        """With the column `kind`."""


class NightGauges(Collector):
    """Gauges of the newest night, read when they are asked for; what the night does not state has no gauge.

    Parameters
    ----------
    newest
        Gives the newest night, or None where none was published.
    stopped
        Whether publishing and showing scores is stopped.
    clock
        Tells the present instant.
    """

    def __init__(
        self, newest: Callable[[], Shown | None], stopped: Callable[[], bool], clock: Callable[[], pd.Timestamp]
    ) -> None:
        self.newest, self.stopped, self.clock = newest, stopped, clock

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """The gauges as they are now."""
        stopped = float(self.stopped())
        yield GaugeMetricFamily("riskwarn_stopped", "1 while publishing and showing scores is stopped.", stopped)
        night = self.newest()
        if night is None:
            return
        age = (self.clock() - night.as_of).total_seconds()
        yield GaugeMetricFamily("riskwarn_night_age_seconds", "Time since the newest night.", age)
        degraded = float(night.facts.get("state", "ok") != "ok")
        yield GaugeMetricFamily("riskwarn_night_degraded", "1 where the newest night lacks something.", degraded)
        if "seconds" in night.facts:
            took = float(night.facts["seconds"])
            yield GaugeMetricFamily("riskwarn_night_duration_seconds", "Time the newest night took to compute.", took)
        yield _counted("riskwarn_grids", "Grids by state of their score.", "state", night.scores["state"])
        if night.alerts is not None:
            yield _counted("riskwarn_alerts", "Alerts by level.", "level", night.alerts["level"])
        if night.gaps is not None:
            yield _counted("riskwarn_gaps", "Gaps by kind.", "kind", night.gaps["kind"])
        if night.facts.get("feeds"):
            states = pd.Series([feed.get("state", "unknown") for feed in night.facts["feeds"]])
            yield _counted("riskwarn_feeds", "Feeds by state.", "state", states)
        if night.facts.get("monitors"):
            yield _by_label("riskwarn_monitors", "Monitors by state.", "state", night.facts["monitors"])

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """None: the registry asks for names before there is a night."""
        return iter(())


def registry_of(gauges: NightGauges) -> CollectorRegistry:
    """A registry of one's own, so that two in one process do not meet.

    Parameters
    ----------
    gauges
        What it gives.

    Returns
    -------
    registry
        With these alone.
    """
    registry = CollectorRegistry()
    registry.register(gauges)
    return registry


@checked
def write_gauges(store: Store, target: Path, *, now: pd.Timestamp | None = None) -> None:
    """Leave the gauges of a store in a file, as node_exporter's textfile collector reads them. It appears whole or not at all.

    Parameters
    ----------
    store
        The city. One without a night has the gauge ``riskwarn_stopped`` alone.
    target
        The file, in a folder that is there; its name ends with ``.prom``.
    now
        The present instant; that of the machine's clock by default.

    Raises
    ------
    DataError
        The file's name ends otherwise, or its folder is not there: nobody would read it.
    """
    if target.suffix != ".prom" or not target.parent.is_dir():
        raise DataError(
            f"cannot write {target}: wanted a file that ends with .prom, in the folder of node_exporter's textfile collector."
        )
    gauges = NightGauges(
        lambda: _newest(store), lambda: store.stopped is not None, lambda: now or pd.Timestamp.now("UTC")
    )
    write_to_textfile(str(target), registry_of(gauges))


@dataclass(frozen=True, eq=False)
class _Stored:
    """The newest night as it lies in the store."""

    as_of: pd.Timestamp
    facts: Mapping[str, Any]
    scores: pd.DataFrame
    alerts: pd.DataFrame | None
    gaps: pd.DataFrame | None


def _newest(store: Store) -> _Stored | None:
    try:
        night = store.newest_night()
    except StaleDataError:
        return None
    alerts, gaps = (
        night.table(name, columns=[column]) if name in night.tables else None
        for name, column in (("alerts", "level"), ("gaps", "kind"))
    )
    scores = night.table("scores", columns=["grid_id", "state"]).drop_duplicates("grid_id")
    return _Stored(night.as_of, night.facts, scores, alerts, gaps)


def _counted(name: str, meaning: str, label: str, values: pd.Series) -> GaugeMetricFamily:
    return _by_label(name, meaning, label, values.value_counts().to_dict())


def _by_label(name: str, meaning: str, label: str, values: Mapping[Any, float]) -> GaugeMetricFamily:
    gauge = GaugeMetricFamily(name, meaning, labels=[label])
    for value, n in sorted(values.items()):
        gauge.add_metric([str(value)], float(n))
    return gauge
