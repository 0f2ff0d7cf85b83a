"""What the grid itself is: a large one has more of everything."""

from riskwarn.feature import Attribute

FEATURES = [Attribute("area_km2")]
