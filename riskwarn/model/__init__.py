"""The model: an additive rate, boosted trees and a line, joined and calibrated on later dates, carrying its own features.

::

    values    what it reads of a panel
    forest    the trees, grown by LightGBM
    tide      the level of the whole city, forecast from its own totals
    joint     trees, rate, line and counts in one log rate, on the tide: what is forecast
    fitting   how they learn, and how their shares are found
    golden    rows by which one sees that it says elsewhere what it said here
    bundle    how a model is kept
    model     these together
"""

from riskwarn.model.bundle import FILES, SUMS
from riskwarn.model.forest import n_threads
from riskwarn.model.golden import check_golden
from riskwarn.model.model import RiskModel

__all__ = ["FILES", "SUMS", "RiskModel", "check_golden", "n_threads"]
