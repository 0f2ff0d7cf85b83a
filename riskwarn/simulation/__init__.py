"""A synthetic city with known truth, so that prediction and gap finding can be scored.

>>> from riskwarn import simulation
>>> town = simulation.city("tiny", seed=7)
>>> len(town.tables["grids"].query("valid_to.isna()")) > 190
True
"""

from riskwarn.extras import guests

with guests():
    from riskwarn.simulation import worlds
    from riskwarn.simulation.chain import TARGETS
    from riskwarn.simulation.city import City, city, read_truth
    from riskwarn.simulation.dirt import dirty_export, ingest_table
    from riskwarn.simulation.policy import Alerting, Twins, twins
    from riskwarn.simulation.scoring import score
    from riskwarn.simulation.setting import EFFECTS, PRESETS, Preset, Strength
    from riskwarn.simulation.tiling import country, dirty_country

__all__ = [
    "EFFECTS",
    "PRESETS",
    "TARGETS",
    "Alerting",
    "City",
    "Preset",
    "Strength",
    "Twins",
    "city",
    "country",
    "dirty_country",
    "dirty_export",
    "ingest_table",
    "read_truth",
    "score",
    "twins",
    "worlds",
]
