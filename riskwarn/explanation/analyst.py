"""For analysts: the same contributions as an object that shap's plots take."""

from typing import TYPE_CHECKING

import pandas as pd

from riskwarn.model import RiskModel

if TYPE_CHECKING:
    from shap import Explanation


def shap_explanation(model: RiskModel, panel: pd.DataFrame) -> "Explanation":
    """Contributions of every feature to the log of the expected count, for ``shap.plots``.

    Parameters
    ----------
    model
        A fitted model.
    panel
        Rows to explain.

    Returns
    -------
    explanation
        `values` (n, n_features), `base_values` (n,), `data` (n, n_features) and `feature_names`. Values and base sum to
        :meth:`riskwarn.RiskModel.margin`.

    Raises
    ------
    ImportError
        shap is not installed; it is an extra for analysts.

    Examples
    --------
    ``shap.plots.beeswarm(shap_explanation(model, panel))``
    """
    import shap  # noqa: PLC0415

    parts = model.contributions(panel)
    return shap.Explanation(
        values=parts[model.feature_names].to_numpy(), base_values=parts["base"].to_numpy(),
        data=panel[model.feature_names].to_numpy(dtype=float), feature_names=model.feature_names,
    )  # fmt: skip
