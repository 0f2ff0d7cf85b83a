"""Marks in words, for staff."""

import numpy as np
import pandas as pd

from riskwarn.calling import checked

_SAID = {
    "fewer": (
        "近{days:g}天到件{observed:.0f}条，通常约{expected:.0f}条",
        "{observed:.0f} records in {days:g} days, usually about {expected:.0f}",
    ),
    "more": (
        "近{days:g}天到件{observed:.0f}条，通常约{expected:.0f}条",
        "{observed:.0f} records in {days:g} days, usually about {expected:.0f}",
    ),
    "stopped": (
        "已断报{days:g}天，通常约{expected:.0f}条",
        "stopped: nothing for {days:g} days, usually about {expected:.0f} records",
    ),
    "young": ("数据不足十二周，尚无常态可比", "younger than twelve weeks: nothing to compare with yet"),
    "unknown_categories": (
        "近{days:g}天{observed:.1%}的记录没有类别，此前一年为{expected:.1%}",
        "{observed:.1%} of the records of {days:g} days without a category, {expected:.1%} in the year before",
    ),
    "new_categories": (
        "近{days:g}天{observed:.1%}的记录属于一年内未见过的类别",
        "{observed:.1%} of the records of {days:g} days in categories not seen in a year",
    ),
    "unsettled": ("模型训练以来尚无结果落定", "no outcome has settled since the model was trained"),
    "feature": (
        "分布偏移 {value:.2f}，训练期内最多 {warn:.2f}",
        "distribution moved by {value:.2f}, at most {warn:.2f} in training",
    ),
    "score": (
        "得分分布偏移 {value:.2f}（上限 {warn:.2f}）；平均预期 {observed:.3g} 件，训练期 {expected:.3g} 件",
        "scores moved by {value:.2f} (limit {warn:.2f}); mean forecast {observed:.3g}, in training {expected:.3g}",
    ),
    "order": ("与前一晚排序的一致性 {observed:.3f}", "rank agreement with the night before {observed:.3f}"),
    "list": ("与前一晚名单重合 {observed:.0%}", "{observed:.0%} of the list shared with the night before"),
    "count": (
        "最近落定的一期实际 {observed:.0f} 件，预测 {expected:.0f} 件",
        "{observed:.0f} events in the newest settled horizon, {expected:.0f} forecast",
    ),
    "probability": (
        "已落定各期的概率误差 {value:.3f}（上限 {warn:.3f}）",
        "probabilities off by {value:.3f} over the settled dates (limit {warn:.3f})",
    ),
    "unmeasured": ("无法判断", "could not be judged"),
}


@checked
def in_words(table: pd.DataFrame, language: str = "en") -> pd.Series:
    """One sentence a mark, in ``zh`` or ``en``; the scope goes before it.

    Examples
    --------
    >>> from riskwarn.monitoring.mark import marks
    >>> row = marks("volume", ["feed:petition"], [3.0], warn=1.5, alarm=2.6, fault="fewer", observed=4, expected=30.2, days=2)
    >>> in_words(row).item()
    'feed:petition: 4 records in 2 days, usually about 30'
    """
    place = ("zh", "en").index(language)
    said = [f"{r.scope}: {_SAID[_key(r)][place].format(**r._asdict())}" for r in table.itertuples(index=False)]
    return pd.Series(said, index=table.index, dtype="str")


def _key(row: object) -> str:
    fault, monitor, scope = (str(getattr(row, n)) for n in ("fault", "monitor", "scope"))
    if np.isnan(getattr(row, "value")) and fault not in {"young", "unsettled"}:  # noqa: B009 - a row of itertuples has no type
        return "unmeasured"
    if fault in _SAID:
        return fault
    return scope if monitor in {"rank", "calibration"} else monitor
