"""The time of year."""

from riskwarn.feature import Season

FEATURES = [Season("sin"), Season("cos")]
