"""The panel: one row a grid and date, one float32 column a feature, the outcome where it is settled.

Training asks for many dates, the night for one: the same function.
"""

from riskwarn.panel.block import Block, blocks
from riskwarn.panel.build import GRID, NORMAL, build_panel, computed, dates_of, fill, grids_of, night_panels, panel_of
from riskwarn.panel.files import Progress, grids_in, read_panel, write_panel
from riskwarn.panel.spill import block_files, check_panel, keys_on_disk, panel_digest, rows_on_disk

__all__ = [
    "GRID",
    "NORMAL",
    "Block",
    "Progress",
    "block_files",
    "blocks",
    "build_panel",
    "check_panel",
    "computed",
    "dates_of",
    "fill",
    "grids_in",
    "grids_of",
    "keys_on_disk",
    "night_panels",
    "panel_digest",
    "panel_of",
    "read_panel",
    "rows_on_disk",
    "write_panel",
]
