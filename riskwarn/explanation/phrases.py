"""The reviewed sentences. Every reason a reader sees is one of these with numbers in it; there is no free text.

A template is chosen by the kind of feature, by what its value is compared with, and by a case that the numbers decide. In
the braces: `value`, `normal` and `ratio` are numbers as staff write them, `last` a window (`per_en` and `per_zh` a rate over it), `what` the noun in the right
number, `one` and `many` its singular and plural, `name` what is measured (`unit_n` and `normal_n` its units in the right number), `unit` its measure word, `where` the grids around, `when` a part of the year.
"""

from riskwarn.language import Language
from riskwarn.taxonomy import Words

HABIT = {
    "times": Words(
        "{last}{what}{value}{unit}，为此前15周均值的{ratio}倍",
        "{value} {what} in {last}, {ratio} times the mean of the 15 weeks before",
    ),
    "above": Words(
        "{last}{what}{value}{unit}，高于此前15周均值{normal}{unit}",
        "{value} {what} in {last}, above the {normal} of the 15 weeks before",
    ),
    "few": Words(
        "{last}{what}{value}{unit}，此前15周平均{per_zh}{normal}{unit}",
        "{value} {what} in {last}; the 15 weeks before averaged {normal} {per_en}",
    ),
    "first": Words(
        "{last}{what}{value}{unit}，此前15周没有",
        "{value} {what} in {last}, none in the 15 weeks before",
    ),
    "below": Words(
        "{last}{what}{value}{unit}，低于此前15周均值{normal}{unit}",
        "{value} {what} in {last}, below the {normal} of the 15 weeks before",
    ),
    "none": Words(
        "{last}没有{what}，此前15周平均{per_zh}{normal}{unit}",
        "No {many} in {last}; the 15 weeks before averaged {normal} {per_en}",
    ),
    "never": Words("{last}和此前15周都没有{what}", "No {many} in {last} or the 15 weeks before"),
    "level": Words(
        "{last}{what}{value}{unit}，此前15周平均{per_zh}{normal}{unit}",
        "{value} {what} in {last}; the 15 weeks before averaged {normal} {per_en}",
    ),
}
"""A short count, beside the grid's own past."""
LASTING = {
    "above": Words(
        "{last}{what}{value}{unit}，全市中位数{normal}{unit}",
        "{value} {what} in {last}; city median {normal}",
    ),
    "rare": Words(
        "{last}{what}{value}{unit}，全市过半网格没有",
        "{value} {what} in {last}; most grids had none",
    ),
    "below": Words(
        "{last}{what}{value}{unit}，全市中位数{normal}{unit}",
        "{value} {what} in {last}; city median {normal}",
    ),
    "none": Words("{last}没有{what}，全市中位数{normal}{unit}", "No {many} in {last}; city median {normal}"),
    "never": Words("{last}没有{what}", "No {many} in {last}"),
}
"""A long count, beside the city."""
STANDING = {
    "above": Words("{what}{value}{unit}，全市中位数{normal}{unit}", "{value} {what}; city median {normal}"),
    "rare": Words("{what}{value}{unit}，全市过半网格没有", "{value} {what}; most grids have none"),
    "below": Words("{what}{value}{unit}，全市中位数{normal}{unit}", "{value} {what}; city median {normal}"),
    "none": Words("没有{what}，全市中位数{normal}{unit}", "No {many}; city median {normal}"),
    "never": Words("没有{what}", "No {many}"),
}
"""What stands open now, beside the city."""
AROUND_HABIT = {
    "times": Words(
        "{where}{last}{what}平均{value}{unit}，为此前15周均值的{ratio}倍",
        "{where} averaged {value} {what} each in {last}, {ratio} times their mean of the 15 weeks before",
    ),
    "above": Words(
        "{where}{last}{what}平均{value}{unit}，高于此前15周均值{normal}{unit}",
        "{where} averaged {value} {what} each in {last}, above the {normal} of the 15 weeks before",
    ),
    "few": Words(
        "{where}{last}{what}平均{value}{unit}，此前15周平均{per_zh}{normal}{unit}",
        "{where} averaged {value} {what} each in {last}; the 15 weeks before averaged {normal} {per_en}",
    ),
    "first": Words(
        "{where}{last}{what}平均{value}{unit}，此前15周没有",
        "{where} averaged {value} {what} each in {last}, after none in the 15 weeks before",
    ),
    "below": Words(
        "{where}{last}{what}平均{value}{unit}，低于此前15周均值{normal}{unit}",
        "{where} averaged {value} {what} each in {last}, below the {normal} of the 15 weeks before",
    ),
    "none": Words(
        "{where}{last}没有{what}，此前15周平均{per_zh}{normal}{unit}",
        "{where} had no {many} in {last}; the 15 weeks before averaged {normal} {per_en}",
    ),
    "never": Words(
        "{where}{last}和此前15周都没有{what}",
        "{where} had no {many} in {last} or the 15 weeks before",
    ),
    "level": Words(
        "{where}{last}{what}平均{value}{unit}，此前15周平均{per_zh}{normal}{unit}",
        "{where} averaged {value} {what} each in {last}; the 15 weeks before averaged {normal} {per_en}",
    ),
}
"""A short count of the grids around, beside their own past."""
AROUND_LASTING = {
    "above": Words(
        "{where}{last}{what}平均{value}{unit}，全市中位数{normal}{unit}",
        "{where} averaged {value} {what} each in {last}; city median {normal}",
    ),
    "rare": Words(
        "{where}{last}{what}平均{value}{unit}，全市过半网格没有",
        "{where} averaged {value} {what} each in {last}; most grids had none",
    ),
    "below": Words(
        "{where}{last}{what}平均{value}{unit}，全市中位数{normal}{unit}",
        "{where} averaged {value} {what} each in {last}; city median {normal}",
    ),
    "none": Words(
        "{where}{last}没有{what}，全市中位数{normal}{unit}",
        "{where} had no {many} in {last}; city median {normal}",
    ),
    "never": Words("{where}{last}没有{what}", "{where} had no {many} in {last}"),
}
"""A long count of the grids around, beside the city."""
AROUND_STANDING = {
    "above": Words(
        "{where}{what}平均{value}{unit}，全市中位数{normal}{unit}",
        "{where} have {value} {what} on average; city median {normal}",
    ),
    "rare": Words(
        "{where}{what}平均{value}{unit}，全市过半网格没有",
        "{where} have {value} {what} on average; most grids have none",
    ),
    "below": Words(
        "{where}{what}平均{value}{unit}，全市中位数{normal}{unit}",
        "{where} have {value} {what} on average; city median {normal}",
    ),
    "none": Words("{where}没有{what}，全市中位数{normal}{unit}", "{where} have no {many}; city median {normal}"),
    "never": Words("{where}没有{what}", "{where} have no {many}"),
}
"""What stands open in the grids around."""
SINCE = {
    "just": Words(
        "距上一{unit}{what}{value}天，全市中位数{normal}天",
        "The last {one} was {value} {day_s} ago; city median {normal} {day_n}",
    ),
    "today": Words(
        "距上一{unit}{what}不到1天，全市中位数{normal}天",
        "The last {one} was less than a day ago; city median {normal} {day_n}",
    ),
    "quiet": Words(
        "已有{value}天没有{what}，全市中位数{normal}天", "No {one} for {value} {day_s}; city median {normal} {day_n}"
    ),
    "just_rare": Words(
        "距上一{unit}{what}{value}天，全市过半网格{cap}没有",
        "The last {one} was {value} {day_s} ago; most grids had none in {cap}",
    ),
    "today_rare": Words(
        "距上一{unit}{what}不到1天，全市过半网格{cap}没有",
        "The last {one} was less than a day ago; most grids had none in {cap}",
    ),
    "quiet_long": Words("已有一年以上没有{what}", "No {one} for more than a year"),
    "never": Words("{last}没有{what}", "No {one} in {last}"),
}
"""How long ago; from a year on nobody counts days."""
RISE = {
    "above": Words("{last}{what}明显多于此前15周", "Clearly more {many} in {last} than in the 15 weeks before"),
    "below": Words("{last}{what}明显少于此前15周", "Clearly fewer {many} in {last} than in the 15 weeks before"),
    "level": Words("{last}{what}与此前15周相当", "About as many {many} in {last} as in the 15 weeks before"),
}
"""A rise, where no count of the same window can say it."""
KEPT = {
    "above": Words("{last}{what}持续多于平常", "Over {last} {many} have kept above their usual number"),
    "level": Words("{last}{what}没有持续偏多", "Over {last} {many} have not kept above their usual number"),
}
"""Whether events have kept above normal."""
MIXED = {
    "above": Words(
        "{last}{what}的类型比多数网格杂", "The kinds of {many} in {last} were more mixed than in most grids"
    ),
    "below": Words("{last}{what}的类型比多数网格集中", "The {many} in {last} were more of one kind than in most grids"),
}
"""How mixed the kinds of events are."""
RATE = {
    "rare": Words(
        "{when_rate}{what}平均每周{value}{unit}，全市过半网格没有",
        "{when_rate}, {value} {what} a week on average; most grids have none",
    ),
    "above": Words(
        "{when_rate}{what}平均每周{value}{unit}，全市中位数每周{normal}{unit}",
        "{when_rate}, {value} {what} a week on average; city median {normal}",
    ),
    "below": Words(
        "{when_rate}{what}平均每周{value}{unit}，全市中位数每周{normal}{unit}",
        "{when_rate}, {value} {what} a week on average; city median {normal}",
    ),
    "never": Words("{when_rate}没有{what}", "{when_rate}, no {many}"),
}
"""A rate a week, where no plain count can say it; a faded count is told as the steady rate that would keep it where it is."""
AROUND_RATE = {
    "rare": Words(
        "{where}{when_rate}{what}平均每周各{value}{unit}，全市过半网格没有",
        "{where} had {value} {what} a week each {when_after}; most grids have none",
    ),
    "above": Words(
        "{where}{when_rate}{what}平均每周各{value}{unit}，全市中位数每周{normal}{unit}",
        "{where} had {value} {what} a week each {when_after}; city median {normal}",
    ),
    "below": Words(
        "{where}{when_rate}{what}平均每周各{value}{unit}，全市中位数每周{normal}{unit}",
        "{where} had {value} {what} a week each {when_after}; city median {normal}",
    ),
    "never": Words("{where}{when_rate}没有{what}", "{where} had no {many} {when_after}"),
}
"""A rate of the grids around."""
WHEN_RATE = {
    "lately": Words("近来", "Lately"),
    "long": Words("长期来看", "In the long run"),
    "before": Words("此前15周", "In the 15 weeks before the last"),
}
"""The time of a rate that has no window of whole days; after the verb in lower case."""
SHARE = {
    "above": Words(
        "{last}{whole}中，{what}占{value}%，全市中位数{normal}%",
        "{value} % of the {whole} in {last} were {many}; city median {normal} %",
    ),
    "below": Words(
        "{last}{whole}中，{what}只占{value}%，全市中位数{normal}%",
        "Only {value} % of the {whole} in {last} were {many}; city median {normal} %",
    ),
}
"""A share of one stream in another."""
ATTRIBUTE = {
    "area_km2": Words(
        "网格面积{value}平方公里，全市中位数{normal}平方公里", "The grid covers {value} km²; city median {normal} km²"
    ),
    "households": Words(
        "网格内{value}户，全市中位数{normal}户", "Households in the grid: {value}; city median {normal}"
    ),
    "population": Words(
        "网格内{value}人，全市中位数{normal}人", "Residents in the grid: {value}; city median {normal}"
    ),
    "density": Words(
        "网格每平方公里{value}人，全市中位数{normal}人", "Residents per km²: {value}; city median {normal}"
    ),
}
"""Facts of the grid itself."""
PLACES = {
    "some": Words(
        "网格内有{what}{value}{unit}，全市中位数{normal}{unit}", "{value} {what} in the grid; city median {normal}"
    ),
    "rare": Words("网格内有{what}{value}{unit}，全市过半网格没有", "{value} {what} in the grid; most grids have none"),
    "none": Words("网格内没有{what}，全市中位数{normal}{unit}", "No {many} in the grid; city median {normal}"),
    "never": Words("网格内没有{what}", "No {many} in the grid"),
}
"""Key places in the grid."""
SEASON = {
    "busy": Words("每年{when}通常多发", "{when} is usually a busier time of year"),
    "calm": Words("每年{when}通常较少", "{when} is usually a quieter time of year"),
}
"""The time of year, by the direction in which it moves the score."""
FESTIVAL = {
    "before_busy": Words("距春节{value}天，通常多发", "{value} {day_s} before Spring Festival, usually a busier time"),
    "before_calm": Words("距春节{value}天，通常较少", "{value} {day_s} before Spring Festival, usually a quieter time"),
    "on_busy": Words("今天是春节，通常多发", "Spring Festival today, usually a busier time"),
    "on_calm": Words("今天是春节，通常较少", "Spring Festival today, usually a quieter time"),
    "after_busy": Words("春节后第{value}天，通常多发", "{value} {day_s} after Spring Festival, usually a busier time"),
    "after_calm": Words("春节后第{value}天，通常较少", "{value} {day_s} after Spring Festival, usually a quieter time"),
    "far_busy": Words(
        "距春节较远（{value}天以上），通常多发",
        "Far from Spring Festival ({value} days or more), usually a busier time",
    ),
    "far_calm": Words(
        "距春节较远（{value}天以上），通常较少",
        "Far from Spring Festival ({value} days or more), usually a quieter time",
    ),
}
"""Days from Spring Festival."""
PLACE = {
    "repeated": Words("{last}同一地点已发生{what}{value}{unit}", "{value} {what} at one place in {last}"),
    "single": Words("{last}没有同一地点再次发生的{what}", "No place had more than one {one} in {last}"),
    "none": Words("{last}没有{what}", "No {many} in {last}"),
}
"""The place of the grid with most events."""
MEASURE = {
    "any": Words(
        "{name}{value}{unit_n}，全市中位数{normal}{normal_n}", "{name}: {value}{unit_n}; city median {normal}{normal_n}"
    )
}
"""A number of any other kind, with its unit."""
FLAG = {
    "yes": Words("网格属于{name}", "The grid counts as {name}"),
    "no": Words("网格不属于{name}", "The grid does not count as {name}"),
}
"""What a grid is or is not."""
WEEKDAY = {
    "busy": Words("每逢{weekday}通常多发", "{weekday} is usually a busier day"),
    "calm": Words("每逢{weekday}通常较少", "{weekday} is usually a quieter day"),
}
"""The day of the week."""
WORKDAYS = {
    "busy": Words(
        "未来{days}天有{value}个工作日，通常多发", "{value} working {day_s} in the next {days}, usually a busier time"
    ),
    "calm": Words(
        "未来{days}天有{value}个工作日，通常较少", "{value} working {day_s} in the next {days}, usually a quieter time"
    ),
    "none_busy": Words("未来{days}天都是节假日，通常多发", "No working day in the next {days}, usually a busier time"),
    "none_calm": Words("未来{days}天都是节假日，通常较少", "No working day in the next {days}, usually a quieter time"),
}
"""Working days ahead."""
DURING = {
    "kind": Words("正值{during}，网格属于{name}", "Time of year: {during}; the grid counts as {name}"),
    "more": Words("正值{during}，{name}比多数网格多", "Time of year: {during}; more {many} than in most grids"),
    "less": Words("正值{during}，{name}不比多数网格多", "Time of year: {during}; no more {many} than in most grids"),
    "out": Words("不在{during}，或网格没有{name}", "Outside {during}, or a grid without {many}"),
}
"""What counts in one part of the year."""
WINDOW = {
    "in_busy": Words("正值{name}，通常多发", "Time of year: {name}, usually a busier one"),
    "in_calm": Words("正值{name}，通常较少", "Time of year: {name}, usually a quieter one"),
    "out_busy": Words("{name}之外的时段，通常多发", "Outside {name}, usually a busier time"),
    "out_calm": Words("{name}之外的时段，通常较少", "Outside {name}, usually a quieter time"),
}
"""A part of the year with a name."""
RUNG = {
    "0": Words("{last}没有跨部门关联的事项", "No matter was on record with two bodies in {last}"),
    "1": Words("{last}有关联事项，目前只在纠纷台账", "In {last} a linked matter stood in the dispute ledger alone"),
    "2": Words("{last}有同一事项已发展到热线或信访", "In {last} one matter went on to the hotline or to a petition"),
    "3": Words("{last}有同一事项已发展到纠纷报警", "In {last} one matter went on to a dispute call to the police"),
    "4": Words("{last}有同一事项已发展到暴力警情", "In {last} one matter went on to a call about violence"),
}
"""How far one matter went on the ladder of unmet need."""
CLIMB = {
    "today": Words(
        "{last}有事项登记台账当天就报了警", "In {last} a matter went from the ledger to a police call on the same day"
    ),
    "days": Words(
        "{last}有事项登记台账后{value}天就报了警",
        "In {last} a matter went from the ledger to a police call within {value} {day_s}",
    ),
}
"""How soon one matter went from the ledger to the police."""
TOGETHER = {
    "raising": Words(
        "{text}（单独看不突出，叠加其他情况后评分偏高）",
        "{text} (nothing unusual by itself; with the other facts it raises the score)",
    ),
    "lowering": Words(
        "{text}（单独看不突出，叠加其他情况后评分偏低）",
        "{text} (nothing unusual by itself; with the other facts it lowers the score)",
    ),
}
"""Where no number of a family lies on the side to which the family moves the score."""
SILENT = Words("{text}（没有记录不等于没有需求）", "{text} (having no record is not the same as having no need)")
"""Where an absence of records goes with a lower score: it is no comfort, and is told as none."""
AROUND = Words("{where}平均：{text}", "{where}, on average: {text}")
"""Any other number of the grids around."""
MISSING = Words("没有记录：{name}", "Not recorded: {name}")
"""A number that is not known is said to be missing, never nought."""
LEAD = {
    "raising": Words("可能原因", "Possible reason"),
    "lowering": Words("可能的缓和因素", "Possible easing factor"),
}
"""What stands before a reason: a lead to verify, never a cause."""
WHERE = {
    "nearby": Words("邻近网格", "The neighbouring grids"),
    "nearby_n": Words("邻近{n}个网格", "The {n} neighbouring grids"),
    "nearby_1": Words("邻近的1个网格", "The neighbouring grid"),
    "community": Words("所在社区各网格", "The grids of its community"),
    "township": Words("所在乡镇街道各网格", "The grids of its township"),
    "county": Words("所在县区各网格", "The grids of its county"),
    "about": Words("本网格及周边网格", "This grid and those around it"),
}
"""The grids around."""
REMEDIES = {
    "dispute": ("A1", Words("建议安排调解员走访", "Ask a mediator to visit")),
    "petition": ("A2", Words("建议回访，跟进诉求办理", "Call back and follow up the requests")),
    "police_call": ("A1", Words("建议入格巡访，了解困难", "Visit the grid and ask what help is needed")),
    "hotline": ("A2", Words("建议回访，核实工单办理情况", "Call back and check how the requests were handled")),
    "grid_report": ("A1", Words("建议入格巡访，核实上报事项", "Visit the grid and check what was reported")),
    "open": (
        "A3",
        Words("建议会商未办结事项，明确主办单位", "Hold a joint meeting on the open cases and name one owner"),
    ),
    "overdue": ("A4", Words("建议提级办理超期事项", "Raise the overdue cases to a higher level")),
    "place": (
        "A3",
        Words(
            "建议就该地点的反复事项会商，明确主办单位",
            "Hold a joint meeting on what keeps coming back to that place and name one owner",
        ),
    ),
    "places": (
        "A3",
        Words(
            "建议就反复发生的地点逐处会商，明确主办单位", "Hold a joint meeting on each such place and name one owner"
        ),
    ),
    "around": ("A1", Words("建议与邻近网格联合巡访", "Visit together with the neighbouring grids")),
    "calendar": ("A9", Words("建议多发时段前增派人员", "Add staff before the busy weeks")),
    "grid": ("A1", Words("建议分片巡访，保证覆盖", "Visit section by section so that none is left out")),
    "easing": ("A1", Words("照常巡访", "Keep the usual visits")),
}
"""A next step beside each reason: the action's code and a sentence. Service, mediation and verification only."""

ALL: dict[str, dict[str, Words]] = {
    "HABIT": HABIT, "LASTING": LASTING, "STANDING": STANDING, "AROUND_HABIT": AROUND_HABIT, "AROUND_LASTING": AROUND_LASTING,
    "AROUND_STANDING": AROUND_STANDING, "SINCE": SINCE, "RISE": RISE, "RATE": RATE, "AROUND_RATE": AROUND_RATE, "WHEN_RATE": WHEN_RATE, "RUNG": RUNG, "CLIMB": CLIMB, "KEPT": KEPT, "MIXED": MIXED, "WEEKDAY": WEEKDAY, "WORKDAYS": WORKDAYS, "DURING": DURING, "SILENT": {"any": SILENT}, "SHARE": SHARE, "ATTRIBUTE": ATTRIBUTE, "PLACES": PLACES,
    "SEASON": SEASON, "FESTIVAL": FESTIVAL, "PLACE": PLACE, "MEASURE": MEASURE, "FLAG": FLAG, "WINDOW": WINDOW, "TOGETHER": TOGETHER, "AROUND": {"any": AROUND}, "MISSING": {"any": MISSING}, "LEAD": LEAD, "WHERE": WHERE,
    "REMEDIES": {name: words for name, (_, words) in REMEDIES.items()},
}  # fmt: skip
"""Every reviewed text by group and case."""


# -- words that no reason holds --------------------------------------------------------------------------------------------

STIGMA: dict[Language, tuple[str, ...]] = {
    "zh": (
        "缠访", "闹访", "上访户", "老访户", "重点人", "稳控", "维稳", "管控", "高危人群", "高危", "刁民", "钉子户", "闹事", "滋事", "不稳定分子",
        "问题网格", "问题社区", "问题人", "前科", "嫌疑", "黑名单", "落后", "最差", "贫民", "盲流", "素质低", "难缠", "挑头", "煽动", "打击",
        "布控", "盯防", "劝返", "截访", "危险分子", "乱象", "重灾区",
    ),
    "en": (
        "hot-bed", "hotbed", "problem area", "problem grid", "bad area", "troublemaker", "trouble-maker", "serial petitioner", "vexatious",
        "repeat offender", "offender", "suspect", "criminal", "crackdown", "blacklist", "high-risk people", "high-risk population", "key person",
        "slum", "ghetto", "worst", "agitator", "unruly", "dangerous people", "stability control", "interception", "surveillance", "lawless",
    ),
}  # fmt: skip
"""Reviewed deny list."""
CAUSE: dict[Language, tuple[str, ...]] = {
    "zh": ("导致", "造成", "引发", "诱发", "致使", "因为", "根源"),
    "en": ("cause", "because", "due to", "leads to", "result of", "responsible for", "blame"),
}
"""Claims that a contribution of a model cannot support."""


def denied(text: str, language: Language) -> list[str]:
    """The words of `text` that stand on a deny list.

    Examples
    --------
    >>> denied("近30天邻里纠纷上升", "zh"), denied("a hotbed of trouble", "en")
    ([], ['hotbed'])
    """
    plain = text.lower()
    return [word for word in (*STIGMA[language], *CAUSE[language]) if word in plain]
