"""No person comes in: columns and rows with person data are refused, and nothing of them is kept."""

import numpy as np
import pandas as pd

from riskwarn.errors import PrivacyError
from riskwarn.ingest.folding import cleaned
from riskwarn.ingest.intake import Intake, Reasons, kind_of
from riskwarn.ingest.revision import FEEDBACK
from riskwarn.privacy import (
    TEXT_LENGTH,
    WEAK,
    ColumnWatch,
    country_of,
    findings,
    keyed_hash,
    one_counter,
    one_family,
    shown,
)
from riskwarn.taxonomy import CATEGORIES

_IDENTIFIERS = ("event_id", "case_id", "visit_id", "call_id")
"""Values that look like person data by chance are hashed here, not refused: a running number may look like a telephone's."""
_NO_TEXT = ("source", "place_key", "geometry", "reason")


def check_rows(rows: pd.DataFrame, intake: Intake, reasons: Reasons) -> None:
    """Refuse columns and rows with person data; scrub what would go into quarantine."""
    countries = country_of(intake.mapping.timezone)
    for name in [str(n) for n in rows if isinstance(rows[n].dtype, pd.StringDtype) and n not in _NO_TEXT]:
        rules = findings(_unknown_texts(name, rows[name], intake), countries=countries)
        if name == "grid_id" and intake.mapping.table == "grids" and one_family(rows[name]):
            rules = np.where(np.isin(rules, list(WEAK)), "", rules)
        personal = rules != ""
        watch = intake.watches.setdefault(name, ColumnWatch())
        seen = rows[name].fillna(rows[name.removesuffix("_raw")]) if name.endswith("category_raw") else rows[name]
        watch.see(seen, _condemning(rows[name], rules) if name in _IDENTIFIERS else rules)
        if (why := watch.verdict()) and not _is_place_name(name, intake):
            raise PrivacyError(
                f"{intake.file}: column {shown(intake.chosen.get(name, name))}: {why}; take it out of the export."
            )
        if name in _IDENTIFIERS:
            if personal.any():
                rows[name] = rows[name].mask(personal, keyed_hash(rows[name].where(personal), intake.atlas.secret))
            continue
        long = (rows[name].str.len() > TEXT_LENGTH).fillna(value=False).to_numpy(dtype=bool)
        if _is_place_name(name, intake):
            intake.notes["name: tells a person, left empty"] += int((personal | long).sum())
            rows[name] = rows[name].mask(personal | long, None)
            continue
        reasons.add(personal & ~long, np.array([f"{name}: looks like person data, rule "], dtype=object) + rules)
        reasons.add(long, f"{name}: longer than {TEXT_LENGTH} characters, looks like free text")
        rows[name] = rows[name].mask(personal | long, "[removed]")


def _condemning(ids: pd.Series, rules: np.ndarray) -> np.ndarray:
    """Of what was found in a column of identifiers, what may condemn it: codes are often like passports, and running numbers like telephones."""
    by_chance, numbers = np.isin(rules, ["passport", "permit"]), np.isin(rules, ["mobile", "landline"])
    if numbers.any() and one_counter(ids[numbers]):
        by_chance |= numbers
    return np.where(by_chance, "", rules)


def _is_place_name(name: str, intake: Intake) -> bool:
    """Whether a column is shown to staff as the name of a place, so that it is better empty than the row refused."""
    return name == "name" and intake.mapping.table == "grids"


def _unknown_texts(name: str, values: pd.Series, intake: Intake) -> pd.Series:
    """Values that no list knows, as a person's data would be among them."""
    if name in {"grid_id", "near_grid_id"}:
        return values.mask(intake.atlas.has(values) | (values == "").to_numpy(dtype=bool))
    if name in {"category", FEEDBACK}:
        known = {*CATEGORIES, *intake.crosswalk.get("code", ())}
        return values.mask(values.isin(known)).str.replace("_", " ")
    return values.mask(values.isin(set(kind_of(name, intake.mapping.table).values)))


def check_labels(name: str, labels: pd.DataFrame, rows: pd.DataFrame, intake: Intake, reasons: Reasons) -> None:
    """Refuse categories whose own words tell a person, before they become a code that no longer shows it."""
    made = ~rows[name].isin({*CATEGORIES, *intake.crosswalk.get("code", ())})
    for column in labels:
        rules = findings(cleaned(labels[column]).where(made), countries=country_of(intake.mapping.timezone))
        reasons.add(rules != "", np.array([f"{name}: looks like person data, rule "], dtype=object) + rules)
        rows[name] = rows[name].mask(rules != "", "[removed]")
