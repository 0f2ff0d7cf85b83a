"""What the page of the model says of earlier nights."""

from riskwarn.language import Phrase, phrase

OUTCOME: dict[str, Phrase] = {
    "outcomes": phrase("What became of earlier nights"),
    "outcomes_dek": phrase(
        "A night is judged once its horizon is over and its records have come in. Figures in brackets are 95 % intervals; windows of nights overlap, so an interval rests on whole horizons, not on nights."
    ),
    "outcomes_part": phrase("Part", context="outcome"),
    "outcomes_city": phrase("Whole city", context="outcome"),
    "outcomes_lane": phrase("Lane: {name}", context="outcome"),
    "outcomes_class": phrase("Urban class {name}", context="outcome"),
    "outcomes_nights": phrase("Nights", context="outcome"),
    "outcomes_hit": phrase("Listed places with an event"),
    "outcomes_ratio": phrase("Events over expected"),
    "outcomes_caught": phrase("Events caught by the list"),
    "outcomes_count": phrase("By the count of 52 weeks"),
    "outcomes_gain": phrase("Gain over the count, points"),
    "outcomes_skill": phrase("Skill (deviance)"),
    "outcomes_few": phrase("too few events to judge", context="outcome"),
    "outcomes_curve": phrase("Gain over the count by age of the model"),
    "outcomes_axis": phrase("weeks since the newest date the model learnt from"),
    "outcomes_weeks": phrase("{a} to {b} weeks", context="outcome"),
    "outcomes_age": phrase("Age of the model", context="outcome"),
    "outcomes_by_night": phrase("Night by night"),
    "outcomes_sealed": phrase("Sealed in time", context="outcome"),
    "outcomes_broken": phrase(
        "What was sealed for {n} night is not what lies there now; it is not scored.",
        plural="What was sealed for {n} nights is not what lies there now; they are not scored.",
    ),
    "outcomes_note": phrase(
        "The count of 52 weeks is a list of the same length. Below three whole horizons a gain has no interval. Skill is 1 - deviance over that of the count: above 0 the model's numbers are better."
    ),
    "yes": phrase("yes", context="outcome"),
    "no": phrase("no", context="outcome"),
}
