"""Which records a feature or label speaks of."""

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from riskwarn.declaring import Flag, Name, Text, Whole, declared, one_of, read
from riskwarn.language import Spoken, listed, phrase
from riskwarn.taxonomy import NEVER_FEATURES, TAGS, words_of

TABLE_OF = {"visit": "visits", "step": "workflow", "diversion": "diversions", "roster": "roster"}
"""Streams that are not feeds of events: the table each is read from."""
ORIGINS = frozenset({"citizen", "proactive"})
"""Who brought a record to light, where it is said."""
_TABLE_WORDS = {
    "visit": phrase("visits", context="stream"),
    "step": phrase("handling steps"),
    "diversion": phrase("diverted calls"),
    "roster": phrase("days on the roster"),
    "return": phrase("returned", context="stream"),
    "extend": phrase("extended"),
    "supervise": phrase("supervised"),
    "patrol": phrase("patrol"),
    "household": phrase("household"),
    "special": phrase("special"),
}
TABLE_TAGS = {
    "valid": phrase("valid"),
    "routine": phrase("routine"),
    "alert": phrase("after an alert"),
    "supervision": phrase("under supervision"),
    "staffed": phrase("somebody on duty"),
    "again": phrase("not the first time"),
}
"""Words the rows of these tables carry as tags, with those of :data:`riskwarn.taxonomy.TAGS`."""
_TAGS: dict[str, Spoken] = {**TAGS, **TABLE_TAGS}
_DAY_HOURS = 24


@declared
class Stream:
    """Which events a feature or label speaks of. An empty choice means all.

    Parameters
    ----------
    source
        The feed; or ``visit``, ``step`` (of the workflow), ``diversion`` or ``roster``.
    categories
        Canonical categories; sensitive ones are refused.
    tag
        One word of :data:`riskwarn.taxonomy.TAGS` or :data:`TABLE_TAGS` the event must carry.
    origin
        ``citizen`` or ``proactive``.
    severity
        Least severity, 1 to 3.
    hours
        From which hour to which (exclusive) of the local day it occurred, as ``(20, 6)``; may pass midnight.
    outcome
        How it ended: ``success``, ``partial`` or ``fail``.
    border
        Only what lies within reach of a foreign border.
    without
        One word the event must not carry.
    linked
        Only what its source links to other records of the same matter.

    Raises
    ------
    DefinitionError
        No source, a sensitive category, an unknown tag, origin, severity, hour or outcome.
    """

    source: Name
    categories: tuple[Text, ...] = ()
    tag: Annotated[Text, one_of(_TAGS, none=True)] = ""
    origin: Literal["", "citizen", "proactive"] = ""
    severity: Annotated[Whole, Field(ge=0, le=3)] = 0
    hours: tuple[Annotated[Whole, Field(ge=0, le=_DAY_HOURS)], ...] = ()
    outcome: Literal["", "success", "partial", "fail"] = ""
    border: Flag = False
    linked: Flag = False
    without: Annotated[Text, one_of(_TAGS, none=True)] = ""

    @model_validator(mode="after")
    def _sensitive_or_half_a_day(self) -> "Stream":
        if forbidden := sorted(NEVER_FEATURES & set(self.categories)):
            raise ValueError(f"categories {', '.join(forbidden)} are sensitive and are never a feature or target")
        if len(self.hours) not in {0, 2}:
            raise ValueError(f"hours must be two of 0 to 24, as (20, 6), got {self.hours!r}")
        return self

    @classmethod
    def parse(cls, declared: "str | Mapping[str, Any] | Stream") -> "Stream":
        """A stream from a source name or from plain values.

        Parameters
        ----------
        declared
            The name of a source, its choices by name, or a stream, which is handed back.

        Returns
        -------
        stream
            Equal declarations give equal streams.

        Raises
        ------
        DefinitionError
            A name is unknown, or a value out of range.

        Examples
        --------
        >>> Stream.parse({"source": "dispute", "categories": ["D07"]}).name
        'dispute_d07'
        """
        if isinstance(declared, Stream):
            return declared
        return read(cls, _named(declared), "stream")

    def to_dict(self) -> dict[str, Any]:
        """Plain values from which :meth:`parse` makes an equal stream; choices left open are left out.

        Returns
        -------
        values
            Fit for JSON.

        Examples
        --------
        >>> Stream("dispute", categories=("D07",)).to_dict()
        {'source': 'dispute', 'categories': ['D07']}
        """
        chosen = {name: getattr(self, name) for name in self.__dataclass_fields__ if getattr(self, name)}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in chosen.items()}

    @property
    def plain(self) -> bool:
        """Whether it is told by source and categories alone."""
        return not (
            self.tag
            or self.origin
            or self.severity
            or self.hours
            or self.outcome
            or self.border
            or self.linked
            or self.without
        )

    @property
    def name(self) -> str:
        """The stream as a part of a feature's name.

        Examples
        --------
        >>> Stream("police_call", categories=("P04",), tag="weapon", hours=(20, 6)).name
        'police_call_p04_weapon_20to06h'
        """
        parts = [
            self.source,
            *(c.lower() for c in self.categories),
            self.tag,
            f"without_{self.without}" if self.without else "",
            self.origin,
            f"sev{self.severity}" if self.severity else "",
            f"{self.hours[0]:02d}to{self.hours[1]:02d}h" if self.hours else "",
            self.outcome,
            "border" if self.border else "",
            "linked" if self.linked else "",
        ]
        return "_".join(p for p in parts if p)

    @property
    def words(self) -> Spoken:
        """The stream in words."""
        named: Spoken = _words(self.source)
        if self.categories:
            kinds = listed([_words(c) for c in self.categories], "kinds")
            named = phrase("{kinds} {source}", kinds=kinds, source=named)
        if self.severity:
            named = phrase("serious {events}", events=named)
        if self.hours:
            first, last = self.hours
            named = phrase("{events} between {first}:00 and {last}:00", events=named, first=first, last=last)
        if self.origin == "citizen":
            named = phrase("{events} (asked for by residents)", events=named)
        elif self.origin:
            named = phrase("{events} (found by staff)", events=named)
        for note in self._notes():
            named = phrase("{events} ({note})", events=named, note=note)
        return named

    def _notes(self) -> list[Spoken]:
        """What else the events must be, each as words to stand in brackets."""
        notes: list[Spoken] = [_TAGS[self.tag]] if self.tag else []
        notes += [phrase("leaving out: {tag}", tag=_TAGS[self.without])] if self.without else []
        notes += [_OUTCOMES[self.outcome]] if self.outcome else []
        notes += [phrase("near a border")] if self.border else []
        notes += [phrase("linked across feeds")] if self.linked else []
        return notes


def _named(declared: Any) -> Any:
    """A source name as the table that declares it."""
    return {"source": declared} if isinstance(declared, str) else declared


AnyStream = Annotated[Stream, BeforeValidator(_named)]
"""A stream, or what :meth:`Stream.parse` makes one of: the type of a field in a declaration."""
_OUTCOMES = {
    "success": phrase("resolved"),
    "partial": phrase("partly resolved"),
    "fail": phrase("not resolved"),
}


def _words(code: str) -> Spoken:
    return _TABLE_WORDS.get(code) or words_of(code)
