"""What stops a publication or a promotion until somebody has looked, why, and what lifts it.

===========  ==========================================================================================  ===========================
hold         holds where                                                                                 stops, by default
===========  ==========================================================================================  ===========================
churn        more of the list than believable is new since the night before                              publication
level        the mean of what is expected moved by more than a factor                                    publication
unseen       a feed's week lies to more than a share in categories not seen in a year                    promotion
drift        the scores moved beyond a population stability, and beyond what was usual in training       promotion
calibration  events over expected of the last weeks that have matured lie clearly outside their bounds   promotion
golden       the model in use differs on its golden rows, and the one before answers                     promotion
papers       a candidate has no card, no datasheet or no audit (:mod:`riskwarn.datasheet`)                promotion
audit        a candidate passed its gate, but a check was not judged, or under-reporting weighs too much promotion
aside        a run is set aside: it cannot be right, or one of the above stopped it                              publication of that night
gate         a candidate has not passed its gate (:mod:`riskwarn.gate`)                                  its promotion; no release
rollback     an operator holds a night at an earlier run                                                 publication of that night
===========  ==========================================================================================  ===========================

Bounds, and what stops which, are the plan's (:class:`riskwarn.plan.Holds`). An operator may release a hold by role and reason
(:mod:`riskwarn.releasing`).
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from riskwarn import tracking
from riskwarn.calling import checked
from riskwarn.datasheet import unread
from riskwarn.degraded import last_scored, night_table
from riskwarn.errors import GateError, RiskwarnError
from riskwarn.language import SOURCE_LANGUAGE
from riskwarn.maturity.pooling import pooled
from riskwarn.model import RiskModel
from riskwarn.plan import Holds, Plan
from riskwarn.releasing import releases
from riskwarn.store import Store

_WEEK = pd.Timedelta(days=7)
_OF_A_STEP = ("churn", "level")
_LIFTS = {
    "churn": "see what changed in the data; if the list is right, release it, or `riskwarn nightly --force REASON`",
    "level": "see what changed in the data; if the level is right, release it, or `riskwarn nightly --force REASON`",
    "unseen": "map the new categories (`riskwarn ingest --mapping`) and run the night again, or release it",
    "drift": "see which feature moved (`riskwarn monitor`); train on dates after the change, then release it",
    "calibration": "see whether the world or the recording changed; train on dates after the change, then release it",
    "golden": "train again with these libraries, or put the former libraries back, and run the night again",
    "papers": "train it again with `riskwarn train` or `riskwarn retrain`, which write all three; or release it",
    "audit": "give what it lacks, as a kind of area for each grid or more dates; or read `riskwarn card TARGET --audit --alias candidate` and release it, saying why it is used all the same",
    "aside": "mend what its faults name, or release the hold they name, and run the night again; or `riskwarn nightly --force REASON`",
    "gate": "train a better model; where none beats the count, `riskwarn promote TARGET --baseline …`",
    "rollback": "`riskwarn rollback DATE --release`",
}


@dataclass(frozen=True)
class Held:
    """One hold.

    Parameters
    ----------
    name
        Which, as in the table above.
    target
        Name of the label; empty where it is of no question.
    stops
        ``publication``, ``promotion``, both or none.
    said
        What was found against which bound, in a sentence.
    released
        Who released it, why and until when; empty where nobody did.
    """

    name: str
    target: str
    stops: tuple[str, ...]
    said: str
    released: str = ""

    @property
    def lift(self) -> str:
        """What lifts it."""
        return _LIFTS[self.name]


@checked
def found(
    bounds: Holds,
    *,
    marks: pd.DataFrame,
    matured: pd.DataFrame,
    fallen: Mapping[str, str],
    changed: Mapping[str, Mapping[str, float]],
) -> list[Held]:
    """The holds that follow from what a night measured.

    Parameters
    ----------
    bounds
        Of the plan.
    marks, matured
        Tables of the night.
    fallen
        By target why the model in use did not answer.
    changed
        By target how much it changed since the night before (:func:`riskwarn.publishing.changes`).

    Returns
    -------
    held
        Released or not.
    """
    told = [
        *_changed(bounds, changed),
        *_unseen(bounds, marks),
        *_drifted(bounds, marks),
        *_miscalibrated(bounds, matured),
    ]
    told += [("golden", target, f"{target}: {why}") for target, why in fallen.items()]
    return [Held(name, target, _stops(bounds, name), said) for name, target, said in told]


def _stops(bounds: Holds, name: str) -> tuple[str, ...]:
    return tuple(what for what in ("publication", "promotion") if name in getattr(bounds, what))


_Told = tuple[str, str, str]


def _changed(bounds: Holds, changed: Mapping[str, Mapping[str, float]]) -> Iterator[_Told]:
    """Questions whose list or level is another than the night before, though the model is the same."""
    for target, now in changed.items():
        if now["replaced"] > bounds.replaced:
            said = f"{now['replaced']:.0%} of the list of {target} are others than the night before, at most {bounds.replaced:.0%} is believed."
            yield "churn", target, said
        if not 1 / bounds.level <= now["level"] <= bounds.level:
            said = f"the mean expected of {target} is {now['level']:.2f} times that of the night before, at most {bounds.level:g} either way is believed."
            yield "level", target, said


def _unseen(bounds: Holds, marks: pd.DataFrame) -> Iterator[_Told]:
    new = marks[(marks["monitor"] == "category") & marks["scope"].astype("str").str.endswith("@new")]
    for row in new[new["observed"].astype(float) > bounds.unseen].itertuples():
        yield (
            "unseen",
            "",
            f"{row.scope}: {row.observed:.1%} of the week's records lie in categories not seen in a year, at most {bounds.unseen:.1%} is let pass.",
        )


def _drifted(bounds: Holds, marks: pd.DataFrame) -> Iterator[_Told]:
    scores = marks[(marks["monitor"] == "score") & marks["state"].isin(["warn", "alarm"])]
    for row in scores[scores["value"].astype(float) > bounds.stability].itertuples():
        yield (
            "drift",
            str(row.target),
            f"scores of {row.target} moved by {row.value:.2f}, at most {bounds.stability:g} is let pass, {row.warn:.2f} was usual in training.",
        )


def _miscalibrated(bounds: Holds, matured: pd.DataFrame) -> Iterator[_Told]:
    """Questions whose last weeks of matured nights lie outside with their whole interval."""
    city = matured[(matured["part"] == "city") & matured["holds"].astype(bool) & (matured["n_grids"] > 0)]
    for target, rows in city.groupby("target"):
        last = rows["night_at"].max()
        recent = rows[rows["night_at"] > last - bounds.ratio_weeks * _WEEK]
        whole = last - recent["night_at"].min() >= (bounds.ratio_weeks - 1) * _WEEK
        ratio = pooled(recent)["ratio"]
        if whole and ratio and (ratio["upper"] < bounds.ratio_least or ratio["lower"] > bounds.ratio_most):
            said = (
                f"events of {target} over expected were {ratio['value']:.2f} ({ratio['lower']:.2f} to {ratio['upper']:.2f}) over the "
                f"{bounds.ratio_weeks} weeks of nights to {last:%Y-%m-%d}, wanted {bounds.ratio_least:g} to {bounds.ratio_most:g}."
            )
            yield "calibration", str(target), said


@checked
def holds_of(store: Store, plan: Plan) -> list[Held]:
    """All that holds now, of the newest night, of candidates and of rollbacks.

    Parameters
    ----------
    store
        The city.
    plan
        Whose bounds hold.

    Returns
    -------
    held
        Those that were released name who did.
    """
    return _holding(store, plan, _candidates(store))


def _holding(store: Store, plan: Plan, candidates: list[RiskModel]) -> list[Held]:
    held = [
        *_of_last_scored(store, plan),
        *_of_aside(store),
        *_of_papers(plan, candidates),
        *_of_gates(candidates),
        *_of_rollbacks(store),
    ]
    released = releases(store)
    return [_marked(hold, released) for hold in held]


def _of_last_scored(store: Store, plan: Plan) -> list[Held]:
    """Of the last night that scored: a degraded one measures nothing that would lift a hold."""
    night = last_scored(store)
    if night is None:
        return []
    tables = {name: night_table(night, name) for name in ("marks", "matured")}
    fallen, changed = (night.facts.get(name) or {} for name in ("fallen", "changed"))
    held = found(plan.holds, **tables, fallen=fallen, changed=changed)
    return [hold for hold in map(_let_pass, held) if hold.stops or hold.name not in _OF_A_STEP]


def _let_pass(hold: Held) -> Held:
    """What changed between two nights stops the later one alone: once that is published it stops no further publication."""
    return replace(hold, stops=tuple({*hold.stops} & {"promotion"})) if hold.name in _OF_A_STEP else hold


def _of_aside(store: Store) -> Iterator[Held]:
    """Runs set aside for nights after the newest one that is published."""
    nights = store.nights()
    for folder in store.aside():
        with suppress(RiskwarnError, ValueError):
            at = store.instant(folder.parent.name.replace("_", ":"))
            if not nights or at > nights[-1]:
                yield Held(
                    "aside",
                    "",
                    ("publication",),
                    f"the run {folder.name} of {at:%Y-%m-%d} is set aside; its facts.json in {folder} says why.",
                )


def _candidates(store: Store) -> list[RiskModel]:
    """Those that are kept and can be read."""
    found = []
    for target in tracking.kept_targets(store.path):
        with suppress(RiskwarnError):
            found.append(tracking.kept(store.path, target, alias=tracking.CANDIDATE))
    return [model for model in found if model is not None]


def _of_papers(plan: Plan, candidates: Iterable[RiskModel]) -> Iterator[Held]:
    """Candidates that nobody can judge by what is written of them, or of which nobody has read it."""
    for model in candidates:
        target = model.label.name
        for name, said in unread(model.facts, target=target, version=model.version):
            yield Held(name, target, _stops(plan.holds, name), said)


def _of_gates(candidates: Iterable[RiskModel]) -> Iterator[Held]:
    for model in candidates:
        if model.facts.get("gate") is not True:
            target, why = model.label.name, (model.facts.get("gate_reason") or {}).get(SOURCE_LANGUAGE, "not judged")
            yield Held("gate", target, ("promotion",), f"the candidate of {target}, version {model.version}: {why}.")


def _of_rollbacks(store: Store) -> Iterator[Held]:
    for at, hold in store.holds().items():
        yield Held(
            "rollback",
            "",
            ("publication",),
            f"{at:%Y-%m-%d} is held at run {hold.run} since {hold.since[:16]}: {hold.why}",
        )


def _marked(hold: Held, released: Iterable[Mapping[str, Any]]) -> Held:
    """A hold with the release that ends it, if there is one."""
    for line in released:
        if line["hold"] == hold.name and line["target"] in {"", hold.target}:
            said = f"{line['by']} until {str(line['until'])[:10]}: {line['why']}"
            return replace(hold, released=said)
    return hold


@checked
def standing(held: Iterable[Held], what: str, *, target: str = "") -> list[Held]:
    """The holds that stop something and that nobody released.

    Parameters
    ----------
    held
        As :func:`holds_of` gives them.
    what
        ``publication`` or ``promotion``.
    target
        Of which question; holds of no question stop each.

    Returns
    -------
    standing
        In their order.
    """
    return [h for h in held if what in h.stops and not h.released and (not target or h.target in {"", target})]


@checked
def of_night(store: Store, bounds: Holds, **measured: Any) -> list[str]:
    """Why a night that was computed is not to be published, a sentence each.

    Parameters
    ----------
    store
        The city.
    bounds
        Of the plan.
    measured
        As for :func:`found`.

    Returns
    -------
    held
        Of the holds that the plan says stop a publication, those nobody released.
    """
    released = releases(store)
    held = [_marked(hold, released) for hold in found(bounds, **measured)]
    return [f"hold {h.name}: {h.said} To lift it: {h.lift}." for h in standing(held, "publication")]


@checked
def check_promotion(store: Store, plan: Plan, target: str, *, model: RiskModel | None = None) -> None:
    """Refuse to promote a model of a question that is held.

    Parameters
    ----------
    store
        The city.
    plan
        Whose bounds hold.
    target
        Name of the label.
    model
        The version that is to be promoted, by whose papers ``papers`` holds; the kept candidate by default.

    Raises
    ------
    GateError
        It is held; the message says by what, and what lifts it.
    """
    found = _holding(store, plan, _candidates(store) if model is None else [model])
    held = [hold for hold in standing(found, "promotion", target=target) if hold.name != "gate"]
    if held:
        first, more = held[0], f" And {len(held) - 1} more." if len(held) > 1 else ""
        raise GateError(
            f"a hold stops the promotion of {target}: {first.name}: {first.said} To lift it: {first.lift}; "
            f"`riskwarn holds --release {first.name} --by ROLE --why REASON`.{more}"
        )


@checked
def promote(
    store: Store, plan: Plan, target: str, *, version: str | None = None, tracking_folder: str | Path | None = None
) -> str:
    """Make a version of a model the champion, if no hold stops it and it passed its gate.

    Parameters
    ----------
    store
        The city.
    plan
        Whose bounds hold.
    target
        Name of the label.
    version
        Number of the version, or its alias; the candidate by default.
    tracking_folder
        Where models are kept; the store's folder by default.

    Returns
    -------
    version
        That is champion now.

    Raises
    ------
    GateError
        It is held, or did not pass its gate.
    NotFoundError, DataError
        As :func:`riskwarn.tracking.promote`.
    """
    folder = Path(tracking_folder or store.path)
    uri = tracking.default_uri(folder)
    wanted = tracking.fetch(target, uri=uri, alias=version or tracking.CANDIDATE)
    check_promotion(store, plan, target, model=wanted)
    return tracking.promote(target, uri=uri, version=version, folder=folder, holds=())


@checked
def table_of_holds(held: Iterable[Held]) -> pd.DataFrame:
    """Holds as a table.

    Parameters
    ----------
    held
        As :func:`holds_of` gives them.

    Returns
    -------
    table
        `hold`, `target`, `stops`, `said`, `lift`, `released`.
    """
    rows = [(h.name, h.target, " ".join(h.stops), h.said, h.lift, h.released) for h in held]
    return pd.DataFrame(rows, columns=["hold", "target", "stops", "said", "lift", "released"])
