"""What a feature needs to be spoken of, as plain values: kind, window, noun, what it is compared with, next step.

A night keeps these beside its reasons, so a sentence can be made again, in either language, without the model.
"""

from collections.abc import Callable, Iterable
from typing import Any

from riskwarn.explanation.noun import Noun, noun_of
from riskwarn.explanation.template import REMEDIES
from riskwarn.feature import NORMAL_WEEKS, Feature
from riskwarn.language import LANGUAGES


def words_of_features(features: Iterable[Feature]) -> dict[str, dict[str, Any]]:
    """Words, unit, saying and remedy of each feature, by name: all that rendering needs, as plain values.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> words_of_features([Count("dispute", days=28)])["dispute_n_28d"]["saying"]["kind"]
    'habit'
    """
    return {f.name: _words(f) for f in features}


def _words(feature: Feature) -> dict[str, Any]:
    saying = saying_of(feature)
    return {
        "zh": feature.words.zh, "en": feature.words.en, "unit": feature.unit, "family": feature.family, "code": feature.code,
        "remedy": REMEDIES[saying["remedy"]][0] if saying["remedy"] else feature.remedy,
        "template": {language: feature.template[language] for language in LANGUAGES}, "saying": saying,
    }  # fmt: skip


def saying_of(feature: Feature) -> dict[str, Any]:
    """How a feature is spoken of.

    Returns
    -------
    saying
        `kind`, the group of templates (empty: the feature's own template); `side`, 1 where more than normal raises, -1 where less
        does, 0 where the number has no side; `remedy`, the next step; `around`, which grids where it is not the grid itself; and the
        numbers and nouns of its kind.
    """
    core, around = _unwrapped(feature)
    made = SPOKEN.get(type(core).__name__)
    if made is None:
        plain = type(core).template is Feature.template
        said = _measured(core) if plain else {"kind": ""}
        remedy = "around" if around else _usual(core)
        return {"side": int(core.monotone), "remedy": remedy, "around": around, **said}
    saying = {"side": 1, "around": around, **made(core)}
    return saying | ({"remedy": "around"} if around else {})


def core_of(feature: Feature) -> Feature:
    """The feature that is averaged over the grids around, or the feature itself."""
    return _unwrapped(feature)[0]


def _unwrapped(feature: Feature) -> tuple[Feature, str]:
    inner = getattr(feature, "of", None)
    if not isinstance(inner, Feature):
        return feature, ""
    level: str = getattr(feature, "level", "nearby")
    return _unwrapped(inner)[0], level.removesuffix("_id")


def _plain(noun: Noun) -> dict[str, str]:
    return {"what_zh": noun.zh, "one": noun.one, "many": noun.many, "measure": noun.measure}


def _count(feature: Any) -> dict[str, Any]:
    kind = "lasting" if feature.days > 7 * NORMAL_WEEKS / 2 else "habit"
    return {
        "kind": kind,
        "days": feature.days,
        "remedy": _remedy(feature.stream.source),
        **_plain(noun_of(feature.stream)),
    }


def _of_label(kind: str, days: Callable[[Any], float]) -> Callable[[Any], dict[str, Any]]:
    def made(feature: Any) -> dict[str, Any]:
        nouns = [noun_of(s) for s in feature.streams]
        joined = Noun(
            "和".join(n.zh for n in nouns), " or ".join(n.one for n in nouns), " and ".join(n.many for n in nouns), nouns[0].measure
        )  # fmt: skip
        return {"kind": kind, "days": days(feature), "remedy": _remedy(feature.streams[0].source), **_plain(joined)}

    return made


def _place(feature: Any) -> dict[str, Any]:
    nouns = [noun_of(s) for s in feature.of]
    joined = Noun(
        "或".join(n.zh for n in nouns), " or ".join(n.one for n in nouns), " or ".join(n.many for n in nouns), nouns[0].measure
    )  # fmt: skip
    return {"kind": "place", "days": feature.days, "remedy": "place", **_plain(joined)}


def _places(feature: Any) -> dict[str, Any]:
    told, least = _place(feature), feature.at_least
    held = Noun(
        f"发生{told['what_zh']}{least}{told['measure']}及以上的地点", f"place with {least} or more {told['many']}", f"places with {least} or more {told['many']}", "处"
    )  # fmt: skip
    return {"kind": "lasting", "days": feature.days, "remedy": "places", **_plain(held)}


def _measured(feature: Feature) -> dict[str, Any]:
    """A kind without a sentence of its own, by its words and unit."""
    counted = feature.unit == "count" and feature.reads and not feature.words.zh.endswith("数")
    zh, one, many = _UNITS.get(feature.unit, ("件" if counted else "", "", ""))
    return {
        "kind": "measure", "percent": feature.unit == "share", "what_zh": feature.words.zh, "name": feature.words.en,
        "measure": zh, "one": one, "many": many,
    }  # fmt: skip


_UNITS = {"share": ("%", " %", " %"), "days": ("天", " day", " days"), "workers": ("人", " worker", " workers")}
"""Units as they are written after a number: in Chinese, in English for one, and for any other number."""


def _class(feature: Feature) -> dict[str, Any]:
    name = {
        "what_zh": feature.words.zh.removeprefix("是否"),
        "name": feature.words.en.removeprefix("whether the grid is "),
    }
    return {"kind": "flag", "side": 0, "remedy": "grid", **name}


def _streamed(kind: str, field: str) -> Callable[[Any], dict[str, Any]]:
    def made(feature: Any) -> dict[str, Any]:
        side = -1 if kind == "since" else 1
        return {
            "kind": kind, "days": getattr(feature, field), "side": side, "remedy": _remedy(feature.stream.source),
            **_plain(noun_of(feature.stream)),
        }  # fmt: skip

    return made


def _standing(zh: str, en: str, remedy: str) -> Callable[[Any], dict[str, Any]]:
    def made(feature: Any) -> dict[str, Any]:
        noun = noun_of(feature.stream)
        held = Noun(f"{zh}{noun.zh}", f"{en} {noun.one}", f"{en} {noun.many}", "件")
        return {"kind": "standing", "remedy": remedy, **_plain(held)}

    return made


def _share(feature: Any) -> dict[str, Any]:
    part, whole = noun_of(feature.part), noun_of(feature.whole)
    return {
        "kind": "share", "days": feature.days, "remedy": _remedy(feature.part.source), "whole_zh": whole.zh, "whole_en": whole.many,
        **_plain(part),
    }  # fmt: skip


def _usual(feature: Feature) -> str:
    """The next step of a kind that is not in :data:`SPOKEN`, by its action and by what it reads."""
    by_action = {"A3": "open", "A4": "overdue", "A10": "calendar"}
    if feature.remedy in by_action:
        return by_action[feature.remedy]
    return _remedy(feature.reads[0].source) if feature.reads else "grid"


def _remedy(source: str) -> str:
    return source if source in REMEDIES else "grid_report"


SPOKEN: dict[str, Callable[[Any], dict[str, Any]]] = {
    "Count": _count,
    "Own": _of_label("lasting", lambda feature: 7 * feature.weeks),
    "Faded": _of_label("recent", lambda feature: feature.half_life),
    "Rise": _streamed("rise", "days"),
    "Recent": _streamed("recent", "half_life"),
    "DaysSince": _streamed("since", "cap"),
    "Open": _standing("未办结", "open", "open"),
    "Overdue": _standing("超期未办结", "overdue", "overdue"),
    "Share": _share,
    "Attribute": lambda feature: {"kind": "attribute", "side": 0, "column": feature.column, "remedy": "grid"},
    "Season": lambda _: {"kind": "season", "side": 0, "remedy": "calendar"},
    "MostAtOnePlace": _place,
    "RepeatedPlaces": _places,
    "UrbanClass": _class,
    "Window": lambda feature: {
        "kind": "window",
        "side": 0,
        "remedy": "calendar",
        "what_zh": feature.words.zh,
        "name": feature.words.en,
    },
    "SpringFestival": lambda feature: {"kind": "festival", "side": 0, "days": feature.reach, "remedy": "calendar"},
}
"""By kind of feature, what is said of it. A kind that is not here speaks with its own template."""
