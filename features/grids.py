"""What the grid is: how many live there and how densely, town or country, and its key places."""

from riskwarn.feature import Attribute, Density, Places, UrbanClass

KINDS = (
    "school",
    "hospital",
    "site",
    "market",
    "station",
    "mall",
    "square",
    "park",
    "hotel",
    "old_estate",
    "urban_village",
)

FEATURES = [
    Attribute("households", log=True),
    Attribute("population", log=True),
    Density(),
    UrbanClass(("111",), "urban"),
    UrbanClass(("112", "122"), "fringe"),
    UrbanClass(("121",), "town"),
    UrbanClass(("123",), "special"),
    UrbanClass(("210", "220"), "rural"),
    *(Places(kind) for kind in KINDS),
    Places("old_estate", per_1000_households=True),
]
