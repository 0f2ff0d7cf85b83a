"""Whose records a feature looks at: the grid's own, its neighbours', its parent's, the whole city's."""

from typing import Annotated, Literal

from riskwarn.declaring import Text, one_of
from riskwarn.language import phrase

LEVELS = {
    "community_id": phrase("community"),
    "township_id": phrase("township"),
    "county_id": phrase("county"),
}
ParentLevel = Annotated[Text, one_of(LEVELS, none=True)]
"""A kind of parent area, or none."""
Reach = Literal["own", "near", "parent", "city"]
REACHES: tuple[Reach, ...] = ("own", "near", "parent", "city")
