"""The tables that come in: what happened, where, and what was done about it."""

from riskwarn.schema.column import GRID, Column, Table, integer, number, text, time

NAME = r"[a-z][a-z0-9_]*"
ORIGINS = ("citizen", "proactive", "unknown")
"""Who brought an event to light: somebody asked for help, or staff found it."""
EVENTS = Table(
    "events",
    "One row a revision of an event: what was known of it from `known_at` until the next revision.",
    ("source", "event_id", "known_at"),
    (
        text(
            "source",
            "the feed: dispute, petition, police_call, hotline, grid_report or another",
            required=True,
            pattern=NAME,
        ),
        text(
            "event_id",
            "the event within its source; hashed on the way in where it may identify a person",
            required=True,
        ),
        time("known_at", "when the centre could know this revision", required=True),
        time("occurred_at", "when it happened, or was reported where that is all that is known", required=True),
        text("grid_id", "the grid it happened in; empty when it cannot be placed", required=True),
        text("category", "canonical category code (see `riskwarn.taxonomy`) or the source's own", required=True),
        time("closed_at", "when it was closed, empty while open"),
        time("due_at", "when it should be closed by the source's own rule"),
        integer("severity", "0 none or unknown, 1 minor, 2 serious, 3 violent or worse", least=0, most=3),
        text("origin", "who brought it to light", values=ORIGINS),
        text("near_grid_id", "a foreign grid whose border is within reach of the place"),
        text("place_key", "keyed hash of the building or address; equal keys mean one place"),
        text("case_id", "the source's own link between records of one matter"),
        text("org_code", "the organisation that recorded it"),
        text("status", "canonical case status"),
        text("outcome", "how it ended, canonical"),
        text("category_raw", "the source's own words where they have no canonical code"),
        text("tags", "space-separated words of a closed vocabulary (see `riskwarn.taxonomy.TAGS`)"),
        Column("retracted", "flag", "true when this revision withdraws the event"),
        time("arrived_at", "when the first delivery arrived that told this revision; empty where none did"),
        text("restated_at", "when further deliveries told it, µs since 1970 to base 36, space-separated; no content"),
    ),
    ordered=(("occurred_at", "closed_at"),),
)
GRIDS = Table(
    "grids",
    "One row a version of a grid.",
    ("grid_id", "valid_from"),
    (
        text("grid_id", "the grid", required=True),
        time("valid_from", "first instant this version holds", required=True),
        text("name", "name shown to staff"),
        text("community_id", "parent community or village"),
        text("township_id", "parent township or street"),
        text("county_id", "parent county or district"),
        time("valid_to", "first instant this version no longer holds, empty while it does"),
        number("area_km2", "area, km²", least=0),
        number("households", "households", least=0),
        number("population", "residents", least=0),
        text("urban_class", "urban–rural class: 111, 112, 121, 122, 123, 210, 220 or the city's own"),
        number("x_km", "centre, km east in a flat projection of the city"),
        number("y_km", "centre, km north in a flat projection of the city"),
        Column("geometry", "geometry", "polygon as WKT in WGS 84 longitude and latitude"),
    ),
    ordered=(("valid_from", "valid_to"),),
)
CROSSWALK = Table(
    "crosswalk",
    "How grids turned into others.",
    ("from_grid_id", "to_grid_id", "effective_at"),
    (
        text("from_grid_id", "the grid that ended", required=True),
        text("to_grid_id", "a grid that took over", required=True),
        time("effective_at", "from when", required=True),
        number(
            "weight",
            "share of the old grid that went there, in [0, 1]; shares of one grid add up to 1",
            required=True,
            least=0,
            most=1,
        ),
        text("kind", "what happened", required=True, values=("split", "merge", "rename", "boundary")),
    ),
)
VISITS = Table(
    "visits",
    "One row a visit to a grid.",
    ("visit_id",),
    (
        text("visit_id", "the visit", required=True),
        time("started_at", "when it began", required=True),
        GRID,
        time("known_at", "when the centre could know of it", required=True),
        time("ended_at", "when it ended"),
        text("kind", "patrol, household, special or the centre's own"),
        text("purpose", "routine, alert or supervision: why it was made"),
        integer("n_households", "households visited", least=0),
        Column("valid", "flag", "long enough and inside the grid; where nobody says so, it was", blank=True),
    ),
    ordered=(("started_at", "ended_at"),),
)
WORKFLOW = Table(
    "workflow",
    "One row a step in handling a case.",
    ("case_id", "step"),
    (
        text("case_id", "the case", required=True),
        integer("step", "running number of the step within the case", required=True, least=0),
        text(
            "action",
            "the step, in one word",
            required=True,
            values=(
                "report",
                "assign",
                "sign",
                "accept",
                "transfer",
                "return",
                "assist",
                "extend",
                "close",
                "callback",
                "supervise",
            ),
        ),
        time("at", "when the step was taken", required=True),
        text("from_org", "who handed over"),
        text("to_org", "who took over"),
        text(
            "level", "L0 grid, L1 village, L2 township, L3 county, L4 city", values=("L0", "L1", "L2", "L3", "L4", "L5")
        ),
        time("limit_at", "by when the step was due"),
        text("grid_id", "the grid of the case"),
        time("known_at", "when the centre could know of the step; `at` where empty"),
    ),
)
DIVERSIONS = Table(
    "diversions",
    "One row a police call handed to another body.",
    ("call_id", "to_org"),
    (
        text("call_id", "event_id of the police call", required=True),
        text("to_org", "who should take it", required=True),
        time("sent_at", "when it was sent", required=True),
        time("received_at", "when it arrived there"),
        time("closed_at", "when it was closed there"),
        text("result", "how it ended"),
        text("grid_id", "the grid of the call"),
    ),
)
ROSTER = Table(
    "roster",
    "Workers of a grid on a day: counts only, never names.",
    ("grid_id", "day_at"),
    (
        GRID,
        time("day_at", "start of the day", required=True),
        number("n_workers", "workers on duty; a worker of k grids counts 1/k in each", required=True, least=0),
        number("n_own_workers", "of them, workers with this grid alone", least=0),
    ),
)
PLACES = Table(
    "places",
    "Key places of a grid, counted.",
    ("grid_id", "kind"),
    (
        GRID,
        text(
            "kind",
            "school, hospital, site, market, station, mall, square, park, hotel, old_estate, urban_village",
            required=True,
        ),
        number("n", "how many", required=True, least=0),
    ),
)
FEED_LOG = Table(
    "feed_log",
    "One row a delivery: what arrived, and what became of it.",
    ("source", "org_code", "batch_id"),
    (
        text("source", "the feed", required=True),
        text("org_code", "who delivered; `*` for the whole city", required=True),
        text("batch_id", "the delivery: digest of its content", required=True),
        time("arrived_at", "when it arrived", required=True),
        integer("received", "rows received", required=True, least=0),
        integer("accepted", "rows accepted", required=True, least=0),
        integer("quarantined", "rows put into quarantine with a reason", required=True, least=0),
        integer("duplicate", "rows known already", required=True, least=0),
        time("first_at", "earliest occurred_at"),
        time("last_at", "latest occurred_at"),
        time("covers_from", "first instant the delivery speaks for"),
        time("covers_to", "first instant it no longer speaks for"),
        text("digest", "SHA-256 of the delivery"),
        Column("full", "flag", "true when the delivery holds all there is, so that what is gone from it is withdrawn"),
    ),
)
