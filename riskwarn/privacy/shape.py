"""Kinds of value that tell a person, as ``privacy.toml`` declares them by country."""

import re
from dataclasses import dataclass

from riskwarn.privacy.digits import CHECKS
from riskwarn.privacy.folding import SAID

COUNTRIES = ("any", "cn", "gb", "us")
"""Sets of rules."""
WEAK = frozenset({"passport", "permit", "mobile", "landline", "telephone", "plate"})
"""Rules without a check digit: a code of a city may look like one by chance."""


@dataclass(frozen=True)
class Shape:
    """A kind of value that tells a person: its rule, the country whose it is, and how it is written."""

    rule: str
    country: str
    pattern: str
    joined: bool = False
    check: str = ""
    needs: str = ""

    def fits(self, text: str, joined: str) -> bool:
        """Whether it stands in a folded text, or in the text with the separators between digits dropped.

        Parameters
        ----------
        text
            A folded text.
        joined
            The same with the separators between its digits dropped.

        Returns
        -------
        fits
            True where it does, its check digit too.
        """
        for candidate in dict.fromkeys((joined, text) if self.joined else (text,)):
            if self.needs and not re.search(self.needs, text):
                return False
            matches = re.finditer(f"(?=({self.pattern}))", candidate)
            if any(CHECKS[self.check](match.group(1)) for match in matches):
                return True
        return False


SHAPES = tuple(Shape(**shape) for shape in SAID["shape"])
RULES = tuple(dict.fromkeys([*(shape.rule for shape in SHAPES), "name", "narrative"]))
"""Names of the value rules."""


def country_of(zone: str) -> tuple[str, ...]:
    """The sets of person rules of a time zone; every set where the zone belongs to none.

    Parameters
    ----------
    zone
        Its name, as ``Asia/Shanghai``.

    Returns
    -------
    countries
        Names of :data:`COUNTRIES`.

    Examples
    --------
    >>> country_of("Europe/London"), country_of("UTC")
    (('any', 'gb'), ('any', 'cn', 'gb', 'us'))
    """
    prefix_country = next((country for begin, country in SAID["countries"].items() if zone.startswith(begin)), "")
    return ("any", prefix_country) if prefix_country else COUNTRIES
