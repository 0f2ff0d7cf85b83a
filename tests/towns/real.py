"""A real night: the simulated town with a model of its own, all groups of features, gaps, rules and reasons, published as a centre has it."""

from functools import cache

import riskwarn as rw
import towns
from riskwarn import tracking
from riskwarn.pipeline import nightly
from riskwarn.store import Store


@cache
def store() -> Store:
    """The town of 200 grids with one published night."""
    own = towns.copy(towns.city(), towns.folder() / "real")
    text = towns.EXPERIMENT.replace(
        '"police_calls", "disputes"',
        '"police_calls", "disputes", "hotline", "petitions", "place", "calendar", "backlog", "neighbourhood", "repetition"',
    )
    asked = rw.Experiment.load(
        towns.write_experiment(towns.folder() / "real-experiments" / "town.toml", text), features=towns.FEATURES
    )
    tracking.keep(rw.RiskModel.of(asked).fit(rw.build_panel(own, asked)), own.path, alias=tracking.CHAMPION)
    nightly(own, towns.TARGET, as_of=towns.NIGHT, capacity=40, force="a night for the tests")
    return own
