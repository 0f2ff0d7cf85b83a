"""The only package that knows MLflow: log a training, register the model, promote it, fetch it.

MLflow keeps the record; no night is scored from it. The bundle of a model that was trained or promoted is kept beside the store,
so a night needs neither MLflow nor a network.

::

    server       where MLflow is, and how it is reached
    bundles      what is kept beside the store
    flavour      the model as MLflow loads and serves it
    runs         what MLflow records
    autologging  to have it record from now on
"""

from riskwarn.tracking.autologging import autolog
from riskwarn.tracking.bundles import CANDIDATE, CHALLENGER, CHAMPION, keep, kept, kept_before, kept_targets
from riskwarn.tracking.runs import fetch, log_backtest, log_training, log_tuning, promote, trained_as, trained_from
from riskwarn.tracking.server import check_answers, default_uri, sqlite_file

__all__ = [
    "CANDIDATE",
    "CHALLENGER",
    "CHAMPION",
    "autolog",
    "check_answers",
    "default_uri",
    "fetch",
    "keep",
    "kept",
    "kept_before",
    "kept_targets",
    "log_backtest",
    "log_training",
    "log_tuning",
    "promote",
    "sqlite_file",
    "trained_as",
    "trained_from",
]
