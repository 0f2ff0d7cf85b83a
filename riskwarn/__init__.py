"""riskwarn: risk early warning for places.

Hold ``Store RiskModel``, declare ``Feature Label Experiment``, do ``build_panel backtest train score explain find_gaps
raise_alerts``; everything else is one dot deeper. Names are loaded when first used, so importing the package costs little.
"""

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"
_HOME = {
    "Store": "store",
    "RiskModel": "model",
    "Feature": "feature",
    "Label": "label",
    "Experiment": "experiment",
    "build_panel": "panel",
    "backtest": "backtesting",
    "backtest_plan": "replaying",
    "train": "training",
    "score": "scoring",
    "explain": "explanation",
    "find_gaps": "gaps",
    "raise_alerts": "alerting",
}
_MODULES = (
    "alerting",
    "audit",
    "backtesting",
    "baseline",
    "calibration",
    "draws",
    "errors",
    "estimator",
    "example",
    "experiment",
    "explanation",
    "feature",
    "gaps",
    "gate",
    "grid",
    "history",
    "ingest",
    "label",
    "lane",
    "leakage",
    "ledger",
    "level",
    "metrics",
    "mode",
    "model",
    "monitoring",
    "panel",
    "pipeline",
    "plan",
    "plotting",
    "replaying",
    "reporting",
    "scaffold",
    "schema",
    "selection",
    "simulation",
    "split",
    "stack",
    "store",
    "taxonomy",
    "testing",
    "tracking",
    "tuning",
    "working",
)
__all__ = [
    "Experiment",
    "Feature",
    "Label",
    "RiskModel",
    "Store",
    "__version__",
    "backtest",
    "build_panel",
    "explain",
    "find_gaps",
    "raise_alerts",
    "score",
    "train",
]

if TYPE_CHECKING:
    from riskwarn.alerting import raise_alerts as raise_alerts
    from riskwarn.backtesting import backtest as backtest
    from riskwarn.experiment import Experiment as Experiment
    from riskwarn.explanation import explain as explain
    from riskwarn.feature import Feature as Feature
    from riskwarn.gaps import find_gaps as find_gaps
    from riskwarn.label import Label as Label
    from riskwarn.model import RiskModel as RiskModel
    from riskwarn.panel import build_panel as build_panel
    from riskwarn.replaying import backtest_plan as backtest_plan
    from riskwarn.scoring import score as score
    from riskwarn.store import Store as Store
    from riskwarn.training import train as train


def __getattr__(name: str) -> Any:
    if name in _HOME:
        public = getattr(_module(_HOME[name]), name)
        globals()[name] = public
        return public
    if name in _MODULES:
        return _module(name)
    raise AttributeError(f"module 'riskwarn' has no attribute {name!r}")


def _module(name: str) -> Any:
    from riskwarn.extras import guests  # noqa: PLC0415 - the names above shall cost nothing

    with guests():
        return importlib.import_module(f"riskwarn.{name}")


def __dir__() -> list[str]:
    return sorted({*__all__, *_MODULES})
