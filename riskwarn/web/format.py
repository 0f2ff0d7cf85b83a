"""How pages write numbers, dates and scopes, in either language."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from babel.dates import format_date, format_skeleton

from riskwarn.gaps.wording import sentence
from riskwarn.language import locale_of
from riskwarn.taxonomy import words_of
from riskwarn.web.words import PHRASES, PUNCTUATION

UNKNOWN = "—"
_ORGANISATION = re.compile(r"(?<![0-9A-Za-z])(\d{12})(?:-(D\d+))?(?![0-9A-Za-z])")
"""Code of an area, with that of a department of it."""


def percent(share: object) -> str:
    """A probability or share in per cent.

    Examples
    --------
    >>> percent(0.384), percent(0.047), percent(0.0002), percent(0.9999), percent(None)
    ('38%', '4.7%', '<0.1%', '>99%', '—')
    """
    number = pd.to_numeric(share, errors="coerce")
    if share is None or pd.isna(number):
        return UNKNOWN
    if 0 < number < 0.001:
        return "<0.1%"
    if 0.995 < number < 1:
        return ">99%"
    return f"{number:.1%}" if number < 0.1 else f"{number:.0%}"


def signed(share: object) -> str:
    """A relative change.

    Examples
    --------
    >>> signed(0.09), signed(-0.123), signed(float("nan"))
    ('+9%', '−12%', '—')
    """
    number = pd.to_numeric(share, errors="coerce")
    return UNKNOWN if share is None or pd.isna(number) else f"{number:+.0%}".replace("-", "−")


def number(value: object, decimals: int = 1) -> str:
    """A number, grouped by thousands, without idle zeros.

    Examples
    --------
    >>> number(7181), number(0.94), number(0.9461, 2), number(12.0), number(None)
    ('7,181', '0.9', '0.95', '12', '—')
    """
    numeric = pd.to_numeric(value, errors="coerce")
    if value is None or pd.isna(numeric):
        return UNKNOWN
    text = f"{numeric:,.{decimals}f}"
    return (text.rstrip("0").rstrip(".") if "." in text else text).replace("-", "−")


def fixed(value: object) -> str:
    """A metric to four decimals, as reports print it.

    Examples
    --------
    >>> fixed(0.412)
    '0.4120'
    """
    numeric = pd.to_numeric(value, errors="coerce")
    return UNKNOWN if value is None or pd.isna(numeric) else f"{numeric:.4f}"


def small(value: object) -> str:
    """A number of unknown size to three significant digits.

    Examples
    --------
    >>> small(1.3e-06), small(84), small(13.72)
    ('1.3e-06', '84', '13.7')
    """
    numeric = pd.to_numeric(value, errors="coerce")
    if pd.isna(numeric):
        return UNKNOWN
    return f"{numeric:.2g}" if 0 < abs(numeric) < 0.001 else number(numeric, 3 if abs(numeric) < 1 else 1)


def day(at: pd.Timestamp, language: str) -> str:
    """A date in words.

    Examples
    --------
    >>> day(pd.Timestamp("2025-01-08"), "zh"), day(pd.Timestamp("2025-01-08"), "en")
    ('2025年1月8日', '8 January 2025')
    """
    return format_date(at, "long", locale=locale_of(language))


def weekday(at: pd.Timestamp, language: str) -> str:
    """Day of the week in words."""
    return format_date(at, "EEEE", locale=locale_of(language))


def short_day(at: pd.Timestamp, language: str) -> str:
    """Month and day.

    Examples
    --------
    >>> short_day(pd.Timestamp("2025-01-08"), "zh"), short_day(pd.Timestamp("2025-01-08"), "en")
    ('1月8日', '8 Jan')
    """
    return format_skeleton("MMMd", at, locale=locale_of(language))


def moment(at: object, timezone: str) -> str:
    """An instant on the city's clock; text that is no instant stays as it is.

    Examples
    --------
    >>> moment("2025-01-08T00:00:00+00:00", "Asia/Shanghai"), moment(None, "Asia/Shanghai"), moment("soon", "Asia/Shanghai")
    ('2025-01-08 08:00', '—', 'soon')
    """
    if at is None or pd.isna(at):
        return UNKNOWN
    try:
        instant = pd.Timestamp(at)
    except ValueError:
        return str(at)
    local = instant.tz_localize(timezone) if instant.tzinfo is None else instant.tz_convert(timezone)
    return local.strftime("%Y-%m-%d %H:%M")


def short_moment(at: object, timezone: str, night: pd.Timestamp) -> str:
    """An instant by the clock alone where it is of the night's own day, else with month and day.

    Examples
    --------
    >>> night = pd.Timestamp("2025-01-08", tz="Asia/Shanghai")
    >>> short_moment("2025-01-08T02:00:00+00:00", "Asia/Shanghai", night), short_moment("2025-01-09T02:00:00+00:00", "Asia/Shanghai", night)
    ('10:00', '01-09 10:00')
    """
    text = moment(at, timezone)
    return text.removeprefix(f"{night:%Y-%m-%d} ") if text[:10] == f"{night:%Y-%m-%d}" else text[5:]


def age(hours: float, language: str) -> str:
    """How long ago, in days from two days on.

    Examples
    --------
    >>> age(30.2, "en"), age(75, "zh")
    ('30 hours', '3天')
    """
    key, n = ("hours_age", hours) if hours < 48 else ("days_age", hours / 24)
    return PHRASES[key][language].format(n=f"{n:,.0f}")


def place(scope: str, names: Mapping[str, str], language: str, grids: Sequence[str] = ()) -> dict[str, Any]:
    """Where a gap is: words, and the grid to link to if it is one, or if the place it is of lies in one of `grids`.

    Examples
    --------
    >>> place("grid:G1", {"G1": "East Lake 03"}, "en")
    {'text': 'East Lake 03', 'grid_id': 'G1'}
    >>> place("feed:hotline/*", {}, "zh")["text"]
    '热线工单 · 全市'
    >>> place("place:7f3a", {"G1": "East Lake 03"}, "en", ["G1"])
    {'text': 'one place in East Lake 03', 'grid_id': 'G1'}
    """
    kind, _, rest = scope.partition(":")
    if kind == "grid":
        grid_id, _, source = rest.partition("/")
        text = (names.get(grid_id) or grid_id) + (f" · {part(source, names, language)}" if source else "")
        return {"text": text, "grid_id": grid_id if grid_id in names else None}
    if kind == "place":
        shown = PUNCTUATION["comma"][language].join(names.get(grid, grid) for grid in grids)
        text = PHRASES["one_place"].filled(grids=shown)[language] if shown else PHRASES["one_place_unknown"][language]
        return {"text": text, "grid_id": next((grid for grid in grids if grid in names), None)}
    parts = [p for p in re.split(r"[/|,: ]+", rest or kind) if p]
    texts = [PHRASES["whole_city"][language] if p == "*" else part(p, names, language) for p in parts]
    return {"text": " · ".join(texts), "grid_id": None}


def part(code: str, names: Mapping[str, str], language: str) -> str:
    """A part of a scope in words: an area by its name, a case by its number, anything else by its words.

    Examples
    --------
    >>> part("case:7", {}, "en"), part("G1", {"G1": "East Lake 03"}, "en"), part("hotline", {}, "en")
    ('case 7', 'East Lake 03', 'hotline requests')
    """
    if code.startswith("case:"):
        return PHRASES["case_no"].filled(code=code.removeprefix("case:"))[language]
    return named_codes(names.get(code) or words_of(code)[language], names, language)


def named_codes(text: str, names: Mapping[str, str], language: str) -> str:
    """A text whose codes of areas are their names, and those of the departments of an area say whose they are.

    Examples
    --------
    >>> named_codes("last between 990102009000-D1, 990102009000", {"990102009000": "Ninth Township"}, "en")
    'last between department D1 of Ninth Township, Ninth Township'
    >>> named_codes("990100000000", {}, "en")
    'whole city'
    """

    def called(match: re.Match[str]) -> str:
        area, department = match[1], match[2]
        township = f"{area[:9]}000"
        if area in names:
            name = names[area]
        elif area.endswith("00000000"):
            name = PHRASES["whole_city"][language]
        elif township in names:
            name = PHRASES["community_of"].filled(area=names[township], code=area[9:])[language]
        else:
            name = area
        return PHRASES["department_of"].filled(area=name, code=department)[language] if department else name

    return _ORGANISATION.sub(called, text)


def proof(kind: str, evidence: Mapping[str, Any], language: str) -> str:
    """Evidence of a gap as one sentence.

    Examples
    --------
    >>> proof("G08", {"silent_days": 3.0, "source": "hotline", "p": 1e-9}, "en")
    'No record for 3 days.'
    """
    said = sentence(kind, evidence)[language]
    return said[:1].upper() + said[1:] + PUNCTUATION["stop"][language] if said else UNKNOWN
