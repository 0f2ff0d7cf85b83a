"""What map and list say as one view: filters, layers, keys and pins."""

from riskwarn.language import Phrase, phrase

ATLAS: dict[str, Phrase] = {
    "area_of": phrase("Area", context="filter"),
    "lane": phrase("Lane"),
    "trend": phrase("Against the night before"),
    "gap_kind_of": phrase("Gap layer"),
    "no_gap_layer": phrase("none: map of risk"),
    "work_state": phrase("Work", context="filter"),
    "map_layer": phrase("Question of the map"),
    "fit": phrase("{n} alert fits", plural="{n} alerts fit"),
    "fit_gaps": phrase("{n} gap", plural="{n} gaps"),
    "fit_grids": phrase("{n} grids"),
    "no_filter": phrase("show all"),
    "skip_map": phrase("Skip the map"),
    "map_keys": phrase(
        "Arrow keys go from one place to the next, Enter opens it, plus and minus zoom, Escape leaves the place."
    ),
    "map_unfit": phrase("does not fit the filters"),
    "map_here": phrase("in the list: no. {n}"),
    "pins_more": phrase("{n} alerts here"),
    "open_area": phrase("List and map of this area"),
    "map_key_gap": phrase("Fill: gaps of this kind"),
    "map_key_area": phrase("Fill: events expected a grid, beside the city mean"),
    "map_key_share": phrase("Fill: share of grids with such a gap"),
    "map_key": phrase("Fill: band of rank by probability"),
    "map_pins": phrase("Numbers: place in the list"),
    "zoom_in": phrase("Zoom in"),
    "zoom_out": phrase("Zoom out"),
    "map_no_script": phrase("The map needs scripts; the list holds the same content."),
    "map_none": phrase("The grids have no polygons, so there is no map; the list holds the same content."),
    "map_failed": phrase("The map could not be loaded."),
    "map_alt": phrase("Map of grids by risk; the list holds the same content"),
}
