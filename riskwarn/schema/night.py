"""The tables that a night publishes."""

from riskwarn.schema.column import AS_OF, GRID, Column, Table, integer, number, text, time

SCORES = Table(
    "scores",
    "One row a grid, night and target.",
    ("grid_id", "as_of", "target"),
    (
        GRID,
        AS_OF,
        text("target", "name of the label", required=True),
        number(
            "probability",
            "probability of at least one event in the horizon; empty when the state is not ok",
            least=0,
            most=1,
        ),
        number("expected", "expected number of events in the horizon", least=0),
        number("lower", "lower end of the 90 % interval of the count", least=0),
        number("upper", "upper end of the 90 % interval of the count", least=0),
        integer("rank", "1 is the riskiest; empty when the state is not ok", least=1),
        number("p_in_top", "probability that the grid is among the alert capacity", least=0, most=1),
        text(
            "state",
            "ok; stale for the last score there was, where the data end before the night; or why there is no score: too little is known, or the question does not arise in the grid (a first event where there was one of late)",
            required=True,
            values=("ok", "stale", "insufficient_data", "not_asked"),
        ),
        text("model_version", "digest of the model", required=True),
    ),
)
REASONS = Table(
    "reasons",
    "Why a grid has its score: one row a reason, text rendered per language, never stored.",
    ("grid_id", "as_of", "target", "place"),
    (
        GRID,
        AS_OF,
        text("target", "name of the label", required=True),
        integer("place", "1 is the strongest raising reason; the lowering ones follow", required=True, least=1),
        text("feature", "the feature", required=True),
        number("value", "its value, in the feature's unit"),
        number("normal", "what the value is compared with: the grid's own fifteen weeks, or the city's median"),
        number("contribution", "what the feature's family adds to the log of the expected count", required=True),
        text("code", "reason code", required=True),
        integer("n_nearby", "neighbouring grids the feature speaks of; empty where it speaks of none", least=0),
    ),
)
GAPS = Table(
    "gaps",
    "Where the centre is blind, late or passing the parcel.",
    ("gap_id",),
    (
        text("gap_id", "digest of kind, scope and as_of", required=True),
        text("kind", "kind of gap, as G08", required=True, pattern=r"G\d\d"),
        text("scope", "what it concerns: grid:…, feed:…, pair:…, org:… or place:…", required=True),
        AS_OF,
        number("observed", "what was seen"),
        number("expected", "what was expected"),
        number("lower", "lower end of the 90 % interval of what was expected"),
        number("upper", "upper end of the 90 % interval of what was expected"),
        number("severity", "0 to 100", required=True, least=0, most=100),
        number("confidence", "0 to 1", required=True, least=0, most=1),
        text(
            "state",
            "open, or insufficient_data where nothing can be said",
            required=True,
            values=("open", "insufficient_data"),
        ),
        text("evidence", "the numbers behind it, as JSON", required=True),
        text("action", "action code, A1 to A10", required=True, pattern=r"A\d{1,2}"),
        text("suppressed_by", "gap_id of the outage that explains it"),
    ),
)
ALERTS = Table(
    "alerts",
    "What the centre reads: one row an alert and night, adjacent grids grouped.",
    ("alert_id", "as_of"),
    (
        text(
            "alert_id", "the alert: of its lane and leading grid, the same on every night it is listed", required=True
        ),
        text("grid_ids", "its grids, riskiest first, separated by spaces", required=True),
        text(
            "lane",
            "why it is listed; empty where the list has no lanes",
            values=("standing", "rising", "first", "escalating", "triggered", "explore"),
        ),
        text("level", "red, orange, yellow or blue", required=True, values=("red", "orange", "yellow", "blue")),
        text(
            "level_tonight",
            "what tonight alone would say; empty below blue",
            values=("red", "orange", "yellow", "blue", ""),
        ),
        text("trend", "against the night before", values=("new", "worse", "same", "better")),
        time("since", "the night from which on it is listed without a break"),
        number("reading", "what its lane measures of the leading grid tonight; empty where that cannot be told"),
        text("parts", "of what the reading is made, by target or rule, as JSON"),
        number("propensity", "of an explored grid, the chance it had to be drawn", least=0, most=1),
        AS_OF,
        text("state", "where it stands in its life", required=True),
        text("target", "name of the label that says most; empty where a rule or chance raised it", required=True),
        number("probability", "of its riskiest grid", least=0, most=1),
        integer("rank", "of its riskiest grid, by the target", least=1),
        text("action", "suggested action code", required=True, pattern=r"A\d{1,2}"),
        text("gap_kinds", "open gaps of its grids, separated by spaces"),
        text("owner", "who should act: organisation code"),
        time("due_at", "by when to acknowledge"),
        text("model_version", "digest of the model; empty where a rule or chance raised it", required=True),
    ),
)
TRIGGERS = Table(
    "triggers",
    "The records by which a rule raised an alert: one row a grid, rule and record. No place, person or text.",
    ("grid_id", "as_of", "rule", "source", "event_id"),
    (
        GRID,
        AS_OF,
        text("rule", "the rule", required=True),
        text("level", "the level it raises", required=True, values=("red", "orange")),
        text("source", "feed of the record", required=True),
        text("event_id", "the record", required=True),
        time("occurred_at", "when it happened", required=True),
    ),
)
MARKS = Table(
    "marks",
    "What the monitors of a night measured: one row a monitor and what it looked at.",
    ("as_of", "target", "monitor", "scope"),
    (
        AS_OF,
        text("target", "name of the label whose model was looked at; empty for feeds", required=True),
        text(
            "monitor",
            "what was looked at",
            required=True,
            values=("volume", "recording", "category", "feature", "score", "rank", "calibration"),
        ),
        text("scope", "feed:…, feature:…, score, order, list, count or probability", required=True),
        text("state", "from calm to loud", required=True, values=("ok", "unknown", "warn", "alarm")),
        text("fault", "code of what is odd, put into words when it is read"),
        number("observed", "what was seen"),
        number("expected", "what is usual"),
        number("days", "days looked at together", least=0),
        number("value", "what is graded; empty when the state is unknown", least=0),
        number("warn", "the value above which it is a warning", least=0),
        number("alarm", "the value above which it is an alarm", least=0),
    ),
)
WEEKS = Table(
    "weeks",
    "Events by week before a night: one row a grid, feed and week in which there was one.",
    ("grid_id", "as_of", "source", "week_ends_at"),
    (
        GRID,
        AS_OF,
        text("source", "the feed", required=True),
        time("week_ends_at", "end of the week's seven days; that of the last one is the night", required=True),
        number("n", "events that occurred in the week and were known when it ended", required=True, least=0),
    ),
)
SERIOUS_EVENTS = Table(
    "serious_events",
    "Serious events before a night, as known then: what a look back asks about.",
    ("as_of", "source", "event_id"),
    (
        AS_OF,
        text("source", "the feed", required=True),
        text("event_id", "its name in the feed", required=True),
        time("occurred_at", "when it happened", required=True),
        text("grid_id", "the grid it lies in; empty where that is not known"),
        text("written", "the grid it was written under", required=True),
        text("category", "canonical category"),
        integer("severity", "2 or 3", required=True, least=0),
    ),
)
CATEGORY_COUNTS = Table(
    "category_counts",
    "Events by category and four weeks before a night: one row a grid, feed, category and period in which there was one.",
    ("grid_id", "as_of", "source", "category", "period_ends_at"),
    (
        GRID,
        AS_OF,
        text("source", "the feed", required=True),
        text("category", "canonical category; those that are never a feature are left out", required=True),
        time("period_ends_at", "end of the period's 28 days; that of the last one is the night", required=True),
        number("n", "events that occurred in the period and were known when it ended", required=True, least=0),
    ),
)
WEEKLY_READINGS = Table(
    "weekly_readings",
    "How unusual the last week of each feed is against the weeks before, in the whole city.",
    ("as_of", "source"),
    (
        AS_OF,
        text("source", "the feed", required=True),
        number("n", "events of the last week", required=True, least=0),
        number("mean", "events of a mean week before it; empty where the feed is too young", least=0),
        number("change", "the last week against that mean, less one; 0.1 is a tenth more", least=-1),
        text(
            "reading",
            "how unusual that is",
            required=True,
            values=("no_history", "low", "usual", "high", "very_high"),
        ),
    ),
)
WHAT_IFS = Table(
    "what_ifs",
    "Where a grid would stand if some of its open cases were closed: one row a change and feature.",
    ("grid_id", "as_of", "target", "place", "feature"),
    (
        GRID,
        AS_OF,
        text("target", "name of the label", required=True),
        integer("place", "number of the change within its grid; 1 lowers the score most", required=True, least=1),
        text("feature", "a feature it changes", required=True),
        number("before", "the feature's value", required=True, least=0),
        number("after", "its value after the change", required=True, least=0),
        Column("follows", "flag", "whether it changes only because the overdue cases among the open ones are closed"),
        integer("n_overdue_left", "overdue cases of the same feed that stay while others are closed", least=0),
        Column("suggested", "flag", "whether a page lists the change: all that can be closed of one kind"),
        integer("rank_before", "rank of the grid", required=True, least=1),
        integer("rank", "its rank after the change, all other grids unchanged", required=True, least=1),
        number("expected_before", "expected number of events in the horizon", required=True, least=0),
        number("expected", "that number after the change", required=True, least=0),
    ),
)
EVENTS_BEHIND = Table(
    "events_behind",
    "The events behind the number of each reason, as held that night: one row a reason and event. No place, person or text.",
    ("grid_id", "as_of", "target", "feature", "source", "event_id", "event_grid_id"),
    (
        GRID,
        AS_OF,
        text("target", "name of the label", required=True),
        text("feature", "the feature of the reason", required=True),
        number(
            "adds", "what the event adds to the feature's value; empty where no single event adds a part of its own"
        ),
        text("source", "feed of the event", required=True),
        text("event_id", "the event", required=True),
        text("event_grid_id", "grid in which it lies", required=True),
        time("occurred_at", "when it happened", required=True),
        time("known_at", "when what holds of it became known", required=True),
        text("category", "its canonical category"),
        integer("severity", "0 to 3", least=0, most=3),
        text("origin", "who brought it to light"),
        text("tags", "its tags, separated by spaces"),
        text("status", "case status"),
        time("due_at", "when it should be closed"),
        time("closed_at", "when it was closed"),
    ),
)
MATURED = Table(
    "matured",
    "How forecasts of earlier nights came out, once their outcomes had settled: one row a night, run, question and part of the city.",
    ("as_of", "night_at", "run", "target", "part", "part_id"),
    (
        AS_OF,
        time("night_at", "the night that forecast", required=True),
        text("run", "the run that forecast", required=True),
        text("target", "name of the label", required=True),
        text(
            "part",
            "what is summed up: the city, a lane of the list, or a column of the grids",
            required=True,
            values=("city", "lane", "county_id", "urban_class"),
        ),
        text("part_id", "which lane, county or class; empty for the city"),
        Column("holds", "flag", "whether the run is the one that is shown for its night"),
        Column(
            "prospective", "flag", "whether it was sealed first and in time; then only what came after its seal counts"
        ),
        text("model_version", "digest of the model", required=True),
        number(
            "age_days",
            "days from the end of what the model learnt from to the night; empty where it does not say",
            least=0,
        ),
        number("horizon_days", "how far it looked", required=True, least=0),
        integer("n_grids", "grids that were forecast and whose outcome has settled", required=True, least=0),
        integer(
            "n_listed",
            "of those, listed: of a lane on the list, else among the riskiest, as many as the list has places",
            required=True,
            least=0,
        ),
        integer("n_hit", "listed ones that had an event", required=True, least=0),
        number("n_events", "what happened", required=True, least=0),
        number("expected", "what was expected", required=True, least=0),
        number("caught", "events in the listed grids", required=True, least=0),
        number(
            "caught_prior",
            "events in as many grids with the most events of the 52 weeks before",
            required=True,
            least=0,
        ),
        number("deviance", "sum of the Poisson deviance of what was expected", required=True, least=0),
        number("deviance_prior", "the same of the count of 52 weeks", required=True, least=0),
    ),
)
