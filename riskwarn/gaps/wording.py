"""What the evidence of a gap says, in Chinese and English: a name for each number, and words for each code."""

from riskwarn.taxonomy import Words

EVIDENCE = {
    "after_hours": Words("超过小时数", "hours without a receipt"),
    "amber_cases": Words("临期件数", "cases near their limit"),
    "asked_by_residents": Words("群众反映", "asked by residents"),
    "between": Words("往返单位", "between"),
    "brought_by_residents": Words("群众反映事项", "matters residents brought"),
    "by_source": Words("按来源", "by feed"),
    "calendar": Words("工作日历", "calendar"),
    "calls": Words("未签收警情", "calls without a receipt"),
    "capture_ratio": Words("入账比例", "share in the ledger"),
    "case": Words("事项编号", "case"),
    "cases": Words("事项编号", "cases"),
    "category": Words("类别", "category"),
    "chance_of_next_step": Words("再升级概率", "chance of the next step"),
    "city": Words("全市", "city"),
    "city_share": Words("全市比例", "share in the city"),
    "clock": Words("时限", "clock"),
    "closed_cases": Words("办结件数", "closed cases"),
    "coded_to_both": Words("两边都记的地点", "places coded to both"),
    "county_ratio": Words("区县入账比例", "share in the county's ledger"),
    "days": Words("天数", "days"),
    "days_since_closing": Words("办结后天数", "days since closing"),
    "days_since_last": Words("距最近一次天数", "days since the last"),
    "days_since_step": Words("距最近升级天数", "days since the last step"),
    "days_since_visit": Words("距上次有效巡访天数", "days since a valid visit"),
    "distance": Words("时段错位", "mismatch of hours"),
    "events": Words("事件数", "events"),
    "events_by_4_hours": Words("每4小时事件", "events by four hours"),
    "expected": Words("预期", "expected"),
    "expected_in_182_days": Words("182天应有", "due in 182 days"),
    "fault": Words("异常类型", "fault"),
    "feeds": Words("各来源", "by feed"),
    "first_alert": Words("首次预警", "first alert"),
    "handed_over": Words("分流件数", "handed over"),
    "highest_rung": Words(
        "最高层级（1台账 2热线信访 3警情 4暴力）", "highest rung (1 ledger, 2 hotline or petition, 3 call, 4 violence)"
    ),
    "households": Words("户数", "households"),
    "idle_days": Words("停滞天数", "idle days"),
    "in_ledger": Words("台账件数", "in the ledger"),
    "landing_rate": Words("签收率", "share received"),
    "last_7_days": Words("近7天", "last 7 days"),
    "last_at": Words("最后记录", "last record"),
    "last_day_city_share": Words("全市到期日办结比例", "closed on the last day, city"),
    "last_day_closings": Words("到期日办结", "closed on the last day"),
    "level": Words("层级", "level"),
    "lost_calls": Words("未落地警情", "calls that never arrived"),
    "matters": Words("事项数", "matters"),
    "matters_at_least": Words("估计事项总数（下限）", "matters in all, at least"),
    "median_delay_days": Words("延迟天数（中位）", "median delay, days"),
    "median_wait_days": Words("等待天数（中位）", "median wait, days"),
    "missing_column": Words("缺少字段", "missing column"),
    "missing_table": Words("缺少数据表", "missing table"),
    "n_grids": Words("网格数", "grids"),
    "near_border": Words("边界附近事件", "events near the border"),
    "not_called_back": Words("未回访", "not called back"),
    "of_them_in_ledger": Words("其中已入台账", "of them in the ledger"),
    "open_cases": Words("未办结件数", "open cases"),
    "org": Words("单位", "organisation"),
    "org_code": Words("单位", "organisation"),
    "overdue_cases": Words("超期件数", "overdue cases"),
    "owners": Words("承办单位数", "owners"),
    "p": Words("P 值", "p-value"),
    "places": Words("地点数", "places"),
    "reason": Words("原因", "reason"),
    "records_a_day": Words("日均记录", "records a day"),
    "records_missing": Words("应有未到", "records missing"),
    "red_nights": Words("红色夜数", "red nights"),
    "reports": Words("上报", "reports"),
    "resident_requests": Words("群众诉求", "requests by residents"),
    "residents_first": Words("群众先反映", "residents came first"),
    "returns": Words("退回或反复次数", "returns"),
    "risk_share_over_visit_share": Words("风险占比与巡访占比之比", "share of risk over share of visits"),
    "separate_cases": Words("未并案件数", "not joined by a case"),
    "share": Words("比例", "share"),
    "silent_days": Words("无数据天数", "days without data"),
    "skipped": Words("越级程度", "rungs skipped"),
    "source": Words("来源", "feed"),
    "subtype": Words("情形", "kind of silence"),
    "unplaced": Words("无有效网格", "without a valid grid"),
    "unseen_at_least": Words("未见事项（下限）", "unseen, at least"),
    "usual_pause_days": Words("平常间隔天数", "usual pause, days"),
    "visits": Words("巡访次数", "visits"),
    "visits_by_4_hours": Words("每4小时巡访", "visits by four hours"),
    "visits_due_by_risk": Words("按风险应巡访", "visits due by risk"),
    "visits_since": Words("此后巡访", "visits since"),
    "wanted": Words("所需", "wanted"),
    "wanted_within_days": Words("应回访天数", "call back within days"),
    "wanted_within_hours": Words("应到场小时数", "first visit within hours"),
    "weekly_mean": Words("周均", "weekly mean"),
    "why": Words("原因", "why"),
    "window_days": Words("窗口天数", "window, days"),
    "without_code_in_28_days": Words("28天内无网格编码", "without any code in 28 days"),
    "workers": Words("在岗人数", "workers"),
    "working_days": Words("超期工作日", "working days overdue"),
    "z_last_day": Words("到期日办结偏离（z）", "closed on the last day, z"),
    "z_returns": Words("反复偏离（z）", "returns, z"),
}
"""Names of the numbers in the evidence of gaps."""

CODES = {
    "total": Words("全程", "whole case"),
    "level": Words("本层级", "one level"),
    "no_worker": Words("无人负责", "no worker"),
    "shared_worker": Words("一人兼多格", "a worker of several grids"),
    "many_households": Words("户数过多", "too many households a worker"),
    "below_share": Words("低于风险占比", "below its share of risk"),
    "confirmed": Words("群众有诉求", "residents asked"),
    "visited": Words("有巡访无上报", "visited, nothing reported"),
    "unvisited": Words("无巡访", "not visited"),
    "stopped": Words("断报", "stopped"),
    "thin": Words("偏少", "thinned"),
    "late": Words("迟报", "late"),
    "codes": Words("编码异常", "unknown codes"),
    "no feed of grid workers": Words("没有网格员上报数据", "no feed of grid workers"),
}
"""Codes that evidence speaks in; others are words of :mod:`riskwarn.taxonomy`, names or dates."""

CALENDAR = (
    Words("中国法定节假日与调休", "Chinese public holidays and make-up days"),
    Words("，其余按周一至周五", ", Monday to Friday outside"),
    Words("（未安装 chinesecalendar 包）", " (package chinesecalendar is not installed)"),
    Words("周一至周五", "Monday to Friday"),
    Words("天按本地日历表", " days by the operator's table"),
    Words("至", " to "),
    Words("；", "; "),
)
"""Parts of the sentence that names the working days a deadline counts."""


def calendar_words(told: str, language: str) -> str:
    """Which working days were counted, in words.

    Examples
    --------
    >>> calendar_words("Chinese public holidays and make-up days 2004 to 2026", "zh")
    '中国法定节假日与调休 2004至2026'
    """
    for part in CALENDAR:
        told = told.replace(part.en, part[language])
    return told
