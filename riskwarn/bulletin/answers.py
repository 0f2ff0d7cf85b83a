"""What became of the alerts of the night before, and what the ledger knows of tonight's."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from riskwarn.bulletin.area import Area
from riskwarn.bulletin.words import joined, said
from riskwarn.calling import checked
from riskwarn.ledger import Ledger, database, outcomes, word
from riskwarn.store import Store
from riskwarn.web.format import short_day


@dataclass(frozen=True, eq=False)
class Handled:
    """What the ledger knows.

    Attributes
    ----------
    items
        Alerts and supervision cards.
    outcomes
        The last outcome of each alert.
    """

    items: pd.DataFrame
    outcomes: pd.DataFrame

    @property
    def by_source(self) -> Mapping[str, Mapping[str, Any]]:
        """Alerts by the name their night gave them."""
        alerts = self.items[self.items["kind"] == "alert"]
        return {str(row["source_id"]): row for row in alerts.to_dict("records")}


@checked
def handled(store: Store) -> Handled | None:
    """What the ledger of a store knows now; None where there is no ledger, and asking makes none.

    Parameters
    ----------
    store
        The city.

    Returns
    -------
    handled
        Alerts, cards and outcomes.
    """
    engine = database.open_engine(store.path, None)
    there = database.exists(engine)
    engine.dispose()
    if not there:
        return None
    with Ledger(store) as ledger:
        return Handled(ledger.items(), outcomes(ledger))


@checked
def answered(
    store: Store, as_of: pd.Timestamp, area: Area, known: Handled | None, listed: pd.DataFrame, language: str
) -> list[str]:
    """The alerts of the night before and what became of them, in sentences.

    Parameters
    ----------
    store
        The city.
    as_of
        Tonight.
    area
        Only alerts whose leading grid lies in it.
    known
        What the ledger knows.
    listed
        Alerts of tonight.
    language
        Of the sentences.

    Returns
    -------
    sentences
        At least one.
    """
    earlier = [night for night in store.nights() if night < as_of]
    if not earlier:
        return [said("no_before", language)]
    before = store.night(earlier[-1])
    alerts = before.table("alerts") if "alerts" in before.tables else pd.DataFrame({"alert_id": [], "grid_ids": []})
    inside = [bool(area.grid_ids.intersection(str(ids).split())) for ids in alerts["grid_ids"]]
    ids = set(alerts.loc[pd.array(inside, dtype=bool), "alert_id"].astype("str"))
    again = len(ids & set(listed["alert_id"].astype("str"))) if len(listed) else 0
    lines = [said("before", language, day=short_day(before.as_of, language), n=len(ids))]
    lines += [said("still", language, still=again, gone=len(ids) - again)] if ids else []
    return [*lines, *(_of_ledger(known, ids, area, language) if known else [said("no_ledger", language)])]


def _of_ledger(known: Handled, ids: set[str], area: Area, language: str) -> list[str]:
    alerts = known.items[(known.items["kind"] == "alert") & known.items["source_id"].isin(ids)]
    found = known.outcomes[known.outcomes["item_id"].isin(alerts["item_id"])]
    cards = known.items[(known.items["kind"] == "supervision") & (known.items["state"] == "published")]
    n_cards = sum(area.holds(str(path)) for path in cards["path"])
    lines = [said("states", language, states=_counted(alerts["state"], "state", language))] if len(alerts) else []
    told = said("outcomes", language, outcomes=_counted(found["code"], "outcome", language))
    lines.append(told if len(found) else said("no_outcomes", language))
    return [*lines, *([said("cards", language, n=n_cards)] if n_cards else [])]


def _counted(codes: pd.Series, what: str, language: str) -> str:
    counts = codes.astype("str").value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return joined([f"{word(what, str(code))[language]} {n}" for code, n in counts.items()], language)
