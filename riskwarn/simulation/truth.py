"""The truth tables: what really happened, kept apart from everything the library reads."""

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from riskwarn.simulation.changes import crosswalk_truth, told
from riskwarn.simulation.disputes import KINDS
from riskwarn.simulation.faults import SOURCES
from riskwarn.simulation.setting import instants, words

if TYPE_CHECKING:
    from riskwarn.simulation.city import World


def truth_tables(world: "World") -> dict[str, pd.DataFrame]:
    """All truth tables by name."""
    changes = crosswalk_truth(world.codes)
    return {
        "dispute": dispute_truth(world),
        "silent": _spells(world, "silent"),
        "feed": feed_truth(world),
        "crosswalk": changes.assign(supplied=told(world.setting, changes)),
    }


def dispute_truth(world: "World") -> pd.DataFrame:
    """Every latent dispute with its parent."""
    d = world.disputes
    return pd.DataFrame({
        "dispute": np.arange(d.n), "began_at": instants(d.born), "grid_id": words(world.codes.vocabulary, d.grid),
        "kind": words([k.name for k in KINDS], d.kind), "severity": d.severity, "parent": d.parent, "seam": d.seam,
    })  # fmt: skip


def _spells(world: "World", name: str) -> pd.DataFrame:
    spells = getattr(world.watch, name)
    return pd.DataFrame({
        "grid_id": words(world.codes.vocabulary, spells.grid), "from_at": instants(spells.first.astype(float)),
        "to_at": instants(spells.last.astype(float)), "factor": spells.factor,
    })  # fmt: skip


def feed_truth(world: "World") -> pd.DataFrame:
    """Planted faults of feeds."""
    f = world.faults
    return pd.DataFrame({
        "kind": pd.array(f.kind.astype(str), dtype="str"), "source": words(list(SOURCES), f.source),
        "org_code": words(world.geo.county_id, f.county),
        "from_at": instants(f.first.astype(float)), "to_at": instants(f.last.astype(float)),
    })  # fmt: skip
