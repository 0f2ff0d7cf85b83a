"""What the pages say, in Chinese and English: phrases, gap kinds, levels, states and units."""

from collections.abc import Mapping

from riskwarn.language import Spoken
from riskwarn.taxonomy import Words

LEVELS = {
    "red": Words("红色", "red"),
    "orange": Words("橙色", "orange"),
    "yellow": Words("黄色", "yellow"),
    "blue": Words("蓝色", "blue"),
}
"""Alert levels, most urgent first."""

BANDS = {
    1: Words("最高的 1%", "highest 1%"),
    2: Words("1%–5%", "1–5%"),
    3: Words("5%–10%", "5–10%"),
    4: Words("10%–25%", "10–25%"),
    5: Words("其余 75%", "other 75%"),
    0: Words("数据不足，未评分", "insufficient data, no score"),
}
"""Bands of the map: share of scored grids by rank. Band 0 is not a low risk: nothing is known."""

STATES = {
    "ok": Words("已评分", "scored"),
    "insufficient_data": Words("数据不足", "insufficient data"),
    "open": Words("待核实", "open"),
    "draft": Words("草稿", "draft"),
    "published": Words("已发布", "published"),
    "acknowledged": Words("已签收", "acknowledged"),
    "assigned": Words("已交办", "assigned"),
    "in_progress": Words("办理中", "in progress"),
    "feedback": Words("已反馈", "feedback given"),
    "verified": Words("已核验", "verified"),
    "closed": Words("已销号", "closed"),
    "returned": Words("已退回", "returned"),
    "escalated": Words("已提级", "escalated"),
    "merged": Words("已合并", "merged"),
    "suppressed": Words("因断报暂停", "paused by an outage"),
    "dismissed": Words("不予采纳", "dismissed"),
    "expired": Words("已过期", "expired"),
    "reopened": Words("已重启", "reopened"),
}
FEED_STATES = {
    "ok": Words("正常", "normal"),
    "late": Words("延迟", "late"),
    "partial": Words("偏少", "partial"),
    "stopped": Words("断报", "stopped"),
    "duplicate": Words("重复", "duplicated"),
    "unknown": Words("不明", "unknown"),
    "insufficient_data": Words("数据不足，无法判断", "insufficient data"),
}
UNITS = {
    "count": Words("起", ""),
    "events": Words("起", ""),
    "cases": Words("件", "cases"),
    "days": Words("天", "days"),
    "hours": Words("小时", "hours"),
    "share": Words("", ""),
    "ratio": Words("倍", "times"),
    "z": Words("标准差", "standard deviations"),
    "weighted count": Words("起（加权）", "weighted"),
    "as the column says": Words("见特征名", "as named"),
    "km2": Words("平方公里", "km²"),
    "workers": Words("人", "workers"),
    "number": Words("个", ""),
    "per week": Words("每周", "a week"),
    "per day": Words("每天", "a day"),
    "per 1000 households": Words("每千户", "per 1,000 households"),
    "log per km²": Words("每平方公里的对数", "log per km²"),
    "count or probability": Words("起或概率", "count or probability"),
    "product": Words("乘积", "product"),
    "0 or 1": Words("0 或 1", "0 or 1"),
    "0 to 3": Words("0 至 3", "0 to 3"),
    "0 to 4": Words("0 至 4", "0 to 4"),
    "-1 to 1": Words("−1 至 1", "−1 to 1"),
}

GAP_KINDS = {
    "G01": (
        Words("静默网格", "silent grid"),
        Words("网格上报远少于预期，不等于平安，需上门核实", "far fewer reports than expected; this is not calm, someone should look"),
    ),
    "G02": (
        Words("漏登", "under-recording"),
        Words("群众已求助，台账没有记录", "people asked for help and the ledger has no record"),
    ),
    "G03": (
        Words("覆盖缺口", "coverage gap"),
        Words("巡访少于风险所需", "fewer visits than the risk calls for"),
    ),
    "G04": (
        Words("人员缺口", "staffing gap"),
        Words("无人负责，或一人负责过多", "nobody in charge, or one worker with too much"),
    ),
    "G05": (
        Words("时段缺口", "time-of-day gap"),
        Words("巡访时段与事件时段错开", "visits and events fall at different hours"),
    ),
    "G06": (
        Words("时限缺口", "response gap"),
        Words("案件超过办理时限仍未办结", "cases are open past their limit"),
    ),
    "G07": (
        Words("反复缺口", "repeat gap"),
        Words("结案后同一地点再次发生", "the same place comes back after closure"),
    ),
    "G08": (
        Words("断报缺口", "feed gap"),
        Words("数据来源停止或明显减少，相关判断不可信", "a feed stopped or shrank; what rests on it cannot be trusted"),
    ),
    "G09": (
        Words("升级链缺口", "escalation gap"),
        Words("纠纷逐级升级而未化解", "a dispute has moved up step by step without being resolved"),
    ),
    "G10": (
        Words("接缝缺口", "seam gap"),
        Words("事件集中在辖区交界处，责任不清", "events gather on a border between jurisdictions; nobody owns them"),
    ),
    "G11": (
        Words("跨部门未联缺口", "cross-agency gap"),
        Words("同一地点多个部门分别受理，未并案", "several agencies handle one place without joining the matter"),
    ),
    "G12": (
        Words("分流落地缺口", "diversion gap"),
        Words("警情已分流，接收单位没有记录", "a police call was handed over and the receiver has no record"),
    ),
    "G13": (
        Words("推诿退单缺口", "bounce gap"),
        Words("案件在单位之间多次退回", "a case was returned between bodies again and again"),
    ),
    "G14": (
        Words("回访缺口", "follow-up gap"),
        Words("重大案件办结后未按期回访", "a serious case was closed and nobody called back in time"),
    ),
    "G15": (
        Words("纸面化解", "paper closure"),
        Words("登记为化解，其后反复多于预期", "closed as resolved, yet it recurs more than expected"),
    ),
    "G16": (
        Words("发现滞后", "discovery lag"),
        Words("群众求助之后很久才登记", "recorded long after people first asked for help"),
    ),
    "G17": (
        Words("类别盲区", "category blind spot"),
        Words("其他来源有此类纠纷，台账为零", "other feeds show this category, the ledger shows none"),
    ),
    "G18": (
        Words("归格缺口", "unassigned events"),
        Words("事件没有有效的网格编码", "events carry no valid grid"),
    ),
    "G19": (
        Words("预警未处置", "alert unused"),
        Words("预警超期未签收或未反馈", "an alert was not acknowledged or answered in time"),
    ),
    "G20": (
        Words("突增", "surge"),
        Words("近期事件明显多于预期，请核实原因", "far more events than expected; find out why"),
    ),
}  # fmt: skip
"""Kinds of gap: name and what it means. G20 is a companion, not a gap."""

METRICS = {
    "capture_5": Words("命中率（前5%）", "capture, top 5%"),
    "capture_10": Words("命中率（前10%）", "capture, top 10%"),
    "pai_5": Words("PAI（前5%）", "PAI, top 5%"),
    "pai_10": Words("PAI（前10%）", "PAI, top 10%"),
    "pei_5": Words("PEI（前5%）", "PEI, top 5%"),
    "pei_10": Words("PEI（前10%）", "PEI, top 10%"),
    "brier": Words("Brier 分数 ↓", "Brier ↓"),
    "poisson_deviance": Words("泊松偏差 ↓", "Poisson deviance ↓"),
    "calibration_error": Words("校准误差 ↓", "calibration error ↓"),
}
"""Metrics of a backtest; an arrow marks those of which less is better."""
MODELS = {
    "riskwarn": Words("本模型", "this model"),
    "poisson regression": Words("泊松回归", "Poisson regression"),
    "logistic regression": Words("逻辑回归", "logistic regression"),
    "best span": Words("验证期最佳周数计数", "count of the best span"),
    "ewma": Words("指数加权平均", "exponentially weighted mean"),
    "seasonal naive": Words("去年同期", "same weeks of last year"),
    "same season": Words("往年同期平均", "same weeks of past years"),
    "population": Words("人口", "population"),
    "households": Words("户数", "households"),
    "kernel density": Words("核密度", "kernel density"),
    "prospective hotspot": Words("前瞻热点", "prospective hotspot"),
    "near repeat": Words("近重复", "near repeat"),
    "self-exciting": Words("自激点过程", "self-exciting model"),
    "glm with space and season": Words("带邻域和季节的泊松回归", "Poisson regression with neighbours and season"),
}
MONTHS = "January February March April May June July August September October November December".split()
WEEKDAYS = (
    Words("星期一", "Monday"), Words("星期二", "Tuesday"), Words("星期三", "Wednesday"), Words("星期四", "Thursday"),
    Words("星期五", "Friday"), Words("星期六", "Saturday"), Words("星期日", "Sunday"),
)  # fmt: skip

PUNCTUATION = {
    "zh": {"colon": "：", "comma": "、", "semicolon": "；", "stop": "。", "space": ""},
    "en": {"colon": ": ", "comma": ", ", "semicolon": "; ", "stop": ".", "space": " "},
}

PHRASES: dict[str, Words] = {
    "what_if": Words("如果办结积案（试算）", "If open cases were closed (what if)"),
    "nothing_open": Words("模型所看的未办结、超期事项，本网格一件也没有，无可试算。", "None of the open or overdue cases that the model reads lies in this grid; there is nothing to try."),
    "no_what_if": Words("本期没有试算：该网格未评分，或本期研判时尚无试算。", "No what-if for this night: the grid has no score, or the night was run before what-ifs were published."),
    "product": Words("风险预警", "Risk early warning"),
    "bulletin": Words("风险研判日报", "Daily risk bulletin"),
    "skip": Words("跳到正文", "Skip to the content"),
    "nav": Words("主导航", "Main"),
    "today": Words("今日研判", "Today"),
    "grids": Words("网格排序", "All grids"),
    "gaps": Words("查漏洞", "Gaps"),
    "alerts": Words("预警", "Alerts"),
    "model": Words("模型", "Model"),
    "feeds": Words("数据来源", "Feeds"),
    "other_language": Words("English", "中文"),
    "note": Words(
        "线索供核实，不作为处罚、考核或限制个人的依据。",
        "A lead to verify; not grounds for punishment, appraisal or restricting any person.",
    ),
    "note_more": Words(
        "结果只涉及网格，不涉及个人；求助与信访是群众的合法权利，评分表示未满足的需求。",
        "Results speak of places, never of people. Asking for help and petitioning are lawful; a score stands for unmet need.",
    ),
    "not_for": Words("不得用于", "Not for"),
    "not_for_list": Words(
        "证据；盘查、扣留或拒绝服务的理由；对工作人员或单位的考核",
        "evidence; grounds for checks, detention or denial of service; appraisal of staff or organisations",
    ),
    "edition": Words("期次", "Night"),
    "show": Words("查看", "Show"),
    "newest": Words("最新一期", "newest"),
    "stale": Words("数据已过期：最新一期为 {as_of}，距今 {age}。请勿当作今天的情况。", "Out of date: the newest night is {as_of}, {age} ago. Do not read it as today."),
    "past": Words("您正在查看历史一期（{as_of}），不是最新一期。", "You are reading a past night ({as_of}), not the newest."),
    "to_newest": Words("转到最新一期", "Go to the newest"),
    "days_age": Words("{n} 天", "{n} days"),
    "hours_age": Words("{n} 小时", "{n} hours"),
    "nothing": Words("尚未发布任何一期结果", "Nothing is published yet"),
    "nothing_more": Words(
        "没有结果不代表没有风险。请先运行 riskwarn nightly。",
        "No results does not mean no risk. Run riskwarn nightly first.",
    ),
    "trust": Words("数据情况", "Can today’s numbers be trusted?"),
    "data_until": Words("数据截至", "Data until"),
    "as_of": Words("研判时点", "As of"),
    "made_at": Words("生成时间", "Made at"),
    "model_version": Words("模型版本", "Model version"),
    "mlflow_run": Words("MLflow 运行", "MLflow run"),
    "run": Words("发布批次", "Published run"),
    "not_stated": Words("未说明", "not stated"),
    "source": Words("来源", "Source"),
    "organisation": Words("单位", "Organisation"),
    "whole_city": Words("全市", "whole city"),
    "state": Words("状态", "State"),
    "last_at": Words("最后记录", "Last record"),
    "feeds_all_ok": Words("{n} 路来源全部正常。", "All {n} feeds are normal."),
    "feeds_bad": Words("{n} 路来源中 {bad} 路异常：{names}。依赖它的判断不可信。", "{bad} of {n} feeds are not normal: {names}. What rests on them cannot be trusted."),
    "feeds_unstated": Words("本期未说明数据来源状态，不能视为正常。", "This night states no feed health; do not take it as normal."),
    "insufficient": Words("{n} 个网格数据不足、未评分，不等于平安。", "Insufficient data, no score: {n} (this is not calm)."),
    "week": Words("近7天", "Last 7 days"),
    "mean_15": Words("前15周周均", "15-week mean"),
    "reading": Words("研判", "Reading"),
    "usual": Words("正常波动", "usual"),
    "high": Words("偏高", "high"),
    "very_high": Words("明显偏高", "very high"),
    "low": Words("偏低，先查是否漏报", "low: first rule out missing records"),
    "no_reading": Words("来源异常，不研判", "no reading: see state"),
    "no_history": Words("历史不足", "too little history"),
    "week_note": Words("按各周周末时已知的记录计数，口径一致。", "Each week counts what was known when it ended, so weeks compare like with like."),
    "overall": Words("总体", "Overall"),
    "scored": Words("已评分网格", "Grids scored"),
    "unscored": Words("数据不足", "Insufficient data"),
    "mean_probability": Words("全市平均概率", "City mean probability"),
    "capacity": Words("当日处置能力", "Capacity"),
    "question": Words("研判问题", "Question"),
    "horizon": Words("未来 {n} 天", "next {n} days"),
    "horizon_label": Words("预测期", "Horizon"),
    "changes": Words("较上期（{as_of}）：新进 {entered}，退出 {left}，持续 {stayed}。", "Against {as_of}: {entered} new, {left} gone, {stayed} stayed."),
    "no_changes": Words("没有上一期可比。", "There is no earlier night to compare with."),
    "list": Words("预警清单", "Alerts, riskiest first"),
    "list_of_grids": Words("风险最高的网格", "Riskiest grids"),
    "no_alerts_made": Words("本期未生成预警，以下为风险最高的网格。", "No alerts were made this night; these are the riskiest grids."),
    "no_alerts": Words("本期没有达到条件的预警。", "No grid met the conditions for an alert."),
    "rank": Words("序号", "Rank"),
    "change": Words("变化", "Change"),
    "is_new": Words("新", "new"),
    "up": Words("▲{n}", "▲{n}"),
    "down": Words("▼{n}", "▼{n}"),
    "same": Words("平", "same"),
    "level": Words("级别", "Level"),
    "grid": Words("网格", "Grid"),
    "joined": Words("并入相邻预警", "joined to an adjacent alert"),
    "and_adjacent": Words("及相邻 {n} 格", "and {n} adjacent"),
    "probability": Words("概率", "Probability"),
    "times_mean": Words("均值的 {n} 倍", "{n}× the mean"),
    "expected_n": Words("预期 {n} 起", "{n} expected"),
    "rose": Words("较上期上升 {n} 位", "rose by {n}"),
    "fell": Words("较上期下降 {n} 位", "fell by {n}"),
    "expected": Words("预期起数", "Expected events"),
    "interval": Words("90% 区间 {lower}–{upper}", "90% interval {lower}–{upper}"),
    "p_in_top": Words("进入处置名单的概率", "Probability of being in the list"),
    "reasons": Words("可能原因", "Possible reasons"),
    "no_reasons": Words("本期没有给出原因", "No reasons were given this night"),
    "action": Words("建议", "Suggested action"),
    "owner": Words("责任", "Owner"),
    "due": Words("签收时限", "Acknowledge by"),
    "all_alerts": Words("查看全部 {n} 条预警", "See all {n} alerts"),
    "all_gaps": Words("查看全部 {n} 条", "See all {n}"),
    "all_grids": Words("查看全部 {n} 个网格的排序", "See the ranking of all {n} grids"),
    "map": Words("风险分布图", "Map"),
    "map_key": Words("底色：按概率排序分段", "Fill: band of rank by probability"),
    "map_pins": Words("数字：预警清单序号", "Numbers: rank in the list of alerts"),
    "zoom_in": Words("放大", "Zoom in"),
    "zoom_out": Words("缩小", "Zoom out"),
    "map_no_script": Words("地图需要浏览器脚本；左侧清单内容相同。", "The map needs scripts; the list holds the same content."),
    "map_none": Words("网格没有边界数据，无法绘图；清单内容相同。", "The grids have no polygons, so there is no map; the list holds the same content."),
    "map_failed": Words("地图数据未能载入。", "The map could not be loaded."),
    "map_alt": Words("网格风险分布图，内容与清单相同", "Map of grids by risk; the list holds the same content"),
    "open_grid": Words("查看网格", "Open the grid"),
    "gap_list": Words("查漏洞清单", "Where we may be blind"),
    "gap_kind": Words("类型", "Kind"),
    "scope": Words("范围", "Where"),
    "observed": Words("实有", "Observed"),
    "expected_short": Words("预期", "Expected"),
    "severity": Words("严重度", "Severity"),
    "confidence": Words("置信度", "Confidence"),
    "evidence": Words("依据", "Evidence"),
    "no_gaps": Words("本期未查出漏洞。", "No gaps were found this night."),
    "no_gaps_made": Words("本期没有运行查漏洞，不能视为没有漏洞。", "Gaps were not looked for this night; do not take it as none."),
    "paused_by": Words("因断报暂停判断", "paused: explained by a feed outage"),
    "all": Words("全部", "all"),
    "kind_all": Words("全部类型", "all kinds"),
    "level_all": Words("全部级别", "all levels"),
    "no_such_level": Words("没有此级别的预警。", "No alerts of this level."),
    "no_such_kind": Words("没有此类型的漏洞。", "No gaps of this kind."),
    "not_told": Words("现有数据无法判断（不等于没有）", "Not to be told from these records, which is not none"),
    "standing": Words("风险评分", "Score"),
    "not_scored": Words("数据不足，未评分。不等于平安，请先核实数据与走访情况。", "Insufficient data, no score. This is not calm: check the data and visit first."),
    "rank_of": Words("第 {rank} 位，共 {n} 个已评分网格", "rank {rank} of {n} scored grids"),
    "raising": Words("推高评分", "Raising the score"),
    "lowering": Words("降低评分", "Lowering the score"),
    "factor": Words("对预期起数的影响", "Effect on the expected count"),
    "reasons_note": Words("原因是统计关联，不是因果。", "Reasons are associations, not causes."),
    "grid_gaps": Words("本网格的漏洞", "Gaps of this grid"),
    "no_grid_gaps": Words("未查出本网格的漏洞。", "No gaps were found for this grid."),
    "history": Words("近52周事件", "Events of the last 52 weeks"),
    "history_note": Words("按研判时点已知的记录，最右为最近7天；近几周仍可能有迟报。", "As known at the time; the rightmost bar is the last 7 days. Recent weeks may still grow."),
    "no_record": Words("52 周内没有任何记录。没有记录不等于平安，请核实数据与走访情况。", "Not one record in 52 weeks. That is not calm: check the data and visit."),
    "no_events": Words("研判时点前没有事件记录。", "No events were known by then."),
    "week_start": Words("周起始", "Week from"),
    "total": Words("合计", "Total"),
    "as_table": Words("以表格查看", "See as a table"),
    "past_scores": Words("历期评分", "Past nights"),
    "neighbours": Words("相邻网格", "Neighbours"),
    "no_neighbours": Words("没有相邻网格数据。", "No neighbours are known."),
    "community": Words("社区", "Community"),
    "township": Words("街道（乡镇）", "Township"),
    "county": Words("县（区）", "County"),
    "households": Words("户数", "Households"),
    "population": Words("人口", "Residents"),
    "area": Words("面积", "Area"),
    "page_of": Words("第 {page} 页，共 {n} 页", "page {page} of {n}"),
    "previous": Words("上一页", "previous"),
    "next": Words("下一页", "next"),
    "pages": Words("翻页", "Pages"),
    "band": Words("分段", "Band"),
    "target": Words("预测目标", "Target"),
    "baseline": Words("与基线相比", "Against the baselines"),
    "metric_note": Words("加粗为该列最好；↓ 表示越小越好。基线（历史计数等）是必须超过的对手。", "Bold is the best of its column; ↓ means less is better. The baselines, prior counts first, are the rivals to beat."),
    "prior_weeks": Words("前 {n} 周计数", "prior count, {n} weeks"),
    "gate_passed": Words("模型已通过上线门槛：优于最佳基线。", "The model has passed the gate: it beats the best baseline."),
    "gate_failed": Words("模型未通过上线门槛：未证明优于基线，排序仅供参考。", "The model has not passed the gate: it is not shown to beat the baselines. Read the ranking with care."),
    "gate_unknown": Words("模型未经回测，不能认为优于基线。", "The model has no backtest; do not assume it beats the baselines."),
    "trained": Words("训练区间", "Trained on"),
    "features": Words("模型使用的特征", "What the model looks at"),
    "feature": Words("特征", "Feature"),
    "column": Words("字段", "Column"),
    "unit": Words("单位", "Unit"),
    "method": Words("方法说明", "Method"),
    "method_text": Words(
        "评分只使用研判时点之前已知的网格级汇总数据。概率指预测期内至少发生一起的概率。沉默、巡访与人员配备不会降低评分。",
        "A score uses only grid totals known before the as-of instant. The probability is that of at least one event within the horizon. Silence, visits and staffing never lower a score.",
    ),
    "weekly": Words("各来源近26周", "Each source, last 26 weeks"),
    "per_week": Words("起/周", "per week"),
    "no_feeds": Words("本期未说明数据来源状态。", "This night states no feed health."),
    "not_found": Words("没有这个页面或网格", "There is no such page or grid"),
    "no_night": Words("该日期没有发布结果", "Nothing is published for that date"),
    "nearest": Words("最近的一期是 {as_of}。", "The nearest night is {as_of}."),
    "bad_request": Words("网址参数有误", "The address has a bad parameter"),
    "failed": Words("服务出错", "Something went wrong"),
    "failed_more": Words("请联系系统管理员查看日志。", "Ask the administrator to look at the log."),
    "back": Words("返回今日研判", "Back to today"),
    "printed": Words("地图：Leaflet 1.9.4（BSD-2），离线绘制。", "Map: Leaflet 1.9.4 (BSD-2), drawn offline."),
    "api": Words("数据接口", "API"),
}  # fmt: skip


def phrase(key: str, language: str, **values: object) -> str:
    """The phrase `key` in `language`, its blanks filled.

    Examples
    --------
    >>> phrase("page_of", "en", page=2, n=72)
    'page 2 of 72'
    """
    return PHRASES[key][language].format(**values)


def word(words: Mapping[str, Spoken], code: object, language: str) -> str:
    """Words for a code; the code itself where there are none.

    Examples
    --------
    >>> word(LEVELS, "red", "zh"), word(LEVELS, "violet", "zh")
    ('红色', 'violet')
    """
    return words[str(code)][language] if str(code) in words else str(code)


def said(text: object, language: str) -> str:
    """A text given in both languages, or in one for all.

    Examples
    --------
    >>> said({"zh": "问题", "en": "question"}, "en"), said("question", "zh")
    ('question', 'question')
    """
    return str(text.get(language) or next(iter(text.values()), "")) if isinstance(text, Mapping) else str(text or "")
