"""The reviewed sentences. Every reason a reader sees is one of these with numbers in it; there is no free text.

A template is chosen by the kind of feature, by what its value is compared with, and by a case that the numbers decide. In
the braces: `value`, `normal` and `ratio` are numbers as staff write them, `days` a window (`window` its word, `per_en` and `per_zh` a rate over it), `what` the noun in the right
number, `one` and `many` its singular and plural, `name` what is measured (`unit_n` and `normal_n` its units in the right number), `unit` its measure word, `where` the grids around, `when` a part of the year.
"""

from riskwarn.taxonomy import Words

HABIT = {
    "times": Words(
        "近{days}天{what}{value}{unit}，为此前15周均值的{ratio}倍",
        "{value} {what} in the last {days} {window}, {ratio} times the mean of the 15 weeks before",
    ),
    "above": Words(
        "近{days}天{what}{value}{unit}，高于此前15周均值{normal}{unit}",
        "{value} {what} in the last {days} {window}, above the {normal} of the 15 weeks before",
    ),
    "few": Words(
        "近{days}天{what}{value}{unit}，此前15周平均{per_zh}{normal}{unit}",
        "{value} {what} in the last {days} {window}; the 15 weeks before averaged {normal} {per_en}",
    ),
    "first": Words(
        "近{days}天{what}{value}{unit}，此前15周没有",
        "{value} {what} in the last {days} {window}, none in the 15 weeks before",
    ),
    "below": Words(
        "近{days}天{what}{value}{unit}，低于此前15周均值{normal}{unit}",
        "{value} {what} in the last {days} {window}, below the {normal} of the 15 weeks before",
    ),
    "none": Words(
        "近{days}天没有{what}，此前15周平均{per_zh}{normal}{unit}",
        "No {many} in the last {days} {window}; the 15 weeks before averaged {normal} {per_en}",
    ),
    "never": Words("近{days}天和此前15周都没有{what}", "No {many} in the last {days} {window} or the 15 weeks before"),
    "level": Words(
        "近{days}天{what}{value}{unit}，此前15周平均{per_zh}{normal}{unit}",
        "{value} {what} in the last {days} {window}; the 15 weeks before averaged {normal} {per_en}",
    ),
}
"""A short count, beside the grid's own past."""
LASTING = {
    "above": Words(
        "近{days}天{what}{value}{unit}，全市中位数{normal}{unit}",
        "{value} {what} in the last {days} {window}; city median {normal}",
    ),
    "rare": Words(
        "近{days}天{what}{value}{unit}，全市过半网格没有",
        "{value} {what} in the last {days} {window}; most grids had none",
    ),
    "below": Words(
        "近{days}天{what}{value}{unit}，全市中位数{normal}{unit}",
        "{value} {what} in the last {days} {window}; city median {normal}",
    ),
    "none": Words(
        "近{days}天没有{what}，全市中位数{normal}{unit}", "No {many} in the last {days} {window}; city median {normal}"
    ),
    "never": Words("近{days}天没有{what}", "No {many} in the last {days} {window}"),
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
        "{where}近{days}天{what}平均{value}{unit}，为此前15周均值的{ratio}倍",
        "{where} averaged {value} {what} each in the last {days} {window}, {ratio} times their mean of the 15 weeks before",
    ),
    "above": Words(
        "{where}近{days}天{what}平均{value}{unit}，高于此前15周均值{normal}{unit}",
        "{where} averaged {value} {what} each in the last {days} {window}, above the {normal} of the 15 weeks before",
    ),
    "few": Words(
        "{where}近{days}天{what}平均{value}{unit}，此前15周平均{per_zh}{normal}{unit}",
        "{where} averaged {value} {what} each in the last {days} {window}; the 15 weeks before averaged {normal} {per_en}",
    ),
    "first": Words(
        "{where}近{days}天{what}平均{value}{unit}，此前15周没有",
        "{where} averaged {value} {what} each in the last {days} {window}, after none in the 15 weeks before",
    ),
    "below": Words(
        "{where}近{days}天{what}平均{value}{unit}，低于此前15周均值{normal}{unit}",
        "{where} averaged {value} {what} each in the last {days} {window}, below the {normal} of the 15 weeks before",
    ),
    "none": Words(
        "{where}近{days}天没有{what}，此前15周平均{per_zh}{normal}{unit}",
        "{where} had no {many} in the last {days} {window}; the 15 weeks before averaged {normal} {per_en}",
    ),
    "never": Words(
        "{where}近{days}天和此前15周都没有{what}",
        "{where} had no {many} in the last {days} {window} or the 15 weeks before",
    ),
    "level": Words(
        "{where}近{days}天{what}平均{value}{unit}，此前15周平均{per_zh}{normal}{unit}",
        "{where} averaged {value} {what} each in the last {days} {window}; the 15 weeks before averaged {normal} {per_en}",
    ),
}
"""A short count of the grids around, beside their own past."""
AROUND_LASTING = {
    "above": Words(
        "{where}近{days}天{what}平均{value}{unit}，全市中位数{normal}{unit}",
        "{where} averaged {value} {what} each in the last {days} {window}; city median {normal}",
    ),
    "rare": Words(
        "{where}近{days}天{what}平均{value}{unit}，全市过半网格没有",
        "{where} averaged {value} {what} each in the last {days} {window}; most grids had none",
    ),
    "below": Words(
        "{where}近{days}天{what}平均{value}{unit}，全市中位数{normal}{unit}",
        "{where} averaged {value} {what} each in the last {days} {window}; city median {normal}",
    ),
    "none": Words(
        "{where}近{days}天没有{what}，全市中位数{normal}{unit}",
        "{where} had no {many} in the last {days} {window}; city median {normal}",
    ),
    "never": Words("{where}近{days}天没有{what}", "{where} had no {many} in the last {days} {window}"),
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
        "距上一起{what}{value}天，全市中位数{normal}天",
        "The last {one} was {value} {day_s} ago; city median {normal} {day_n}",
    ),
    "today": Words(
        "距上一起{what}不到1天，全市中位数{normal}天",
        "The last {one} was less than a day ago; city median {normal} {day_n}",
    ),
    "quiet": Words(
        "已有{value}天没有{what}，全市中位数{normal}天", "No {one} for {value} {day_s}; city median {normal} {day_n}"
    ),
    "just_rare": Words(
        "距上一起{what}{value}天，全市过半网格近{cap}天没有",
        "The last {one} was {value} {day_s} ago; most grids had none in {cap} days",
    ),
    "today_rare": Words(
        "距上一起{what}不到1天，全市过半网格近{cap}天没有",
        "The last {one} was less than a day ago; most grids had none in {cap} days",
    ),
    "never": Words("近{cap}天没有{what}", "No {one} in the last {cap} days"),
}
"""How long ago."""
RISE = {
    "above": Words(
        "近{days}天{what}明显多于此前15周（高出{value}个标准差）",
        "More {many} in the last {days} {window} than in the 15 weeks before ({value} standard deviations up)",
    ),
    "below": Words(
        "近{days}天{what}少于此前15周（低{value}个标准差）",
        "Fewer {many} in the last {days} {window} than in the 15 weeks before ({value} standard deviations down)",
    ),
    "level": Words(
        "近{days}天{what}与此前15周相当", "About as many {many} in the last {days} {window} as in the 15 weeks before"
    ),
}
"""A rise in standard deviations, where no count of the same window can say it."""
RECENT = {
    "rare": Words(
        "近期有{what}（越近算得越重，折合{value}{unit}，全市过半网格没有）",
        "Recent {many}, the latest counting most ({value} in all; most grids have none)",
    ),
    "above": Words(
        "近期{what}较多（越近算得越重，折合{value}{unit}，全市中位数{normal}{unit}）",
        "Many recent {many}, the latest counting most ({value} in all; city median {normal})",
    ),
    "below": Words(
        "近期{what}较少（越近算得越重，折合{value}{unit}，全市中位数{normal}{unit}）",
        "Few recent {many}, the latest counting most ({value} in all; city median {normal})",
    ),
    "never": Words("近期没有{what}", "No recent {many}"),
}
"""Recency-weighted counts, where no plain count can say it."""
SHARE = {
    "above": Words(
        "近{days}天{whole}中，{what}占{value}%，全市中位数{normal}%",
        "{value} % of the {whole} in the last {days} {window} were {many}; city median {normal} %",
    ),
    "below": Words(
        "近{days}天{whole}中，{what}只占{value}%，全市中位数{normal}%",
        "Only {value} % of the {whole} in the last {days} {window} were {many}; city median {normal} %",
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
}
"""Facts of the grid itself."""
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
    "repeated": Words(
        "近{days}天同一地点已发生{what}{value}{unit}", "{value} {what} at one place in the last {days} {window}"
    ),
    "single": Words(
        "近{days}天没有同一地点再次发生的{what}", "No place had more than one {one} in the last {days} {window}"
    ),
    "none": Words("近{days}天没有{what}", "No {many} in the last {days} {window}"),
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
WINDOW = {
    "in_busy": Words("正值{name}，通常多发", "Time of year: {name}, usually a busier one"),
    "in_calm": Words("正值{name}，通常较少", "Time of year: {name}, usually a quieter one"),
    "out_busy": Words("{name}之外的时段，通常多发", "Outside {name}, usually a busier time"),
    "out_calm": Words("{name}之外的时段，通常较少", "Outside {name}, usually a quieter time"),
}
"""A part of the year with a name."""
TOGETHER = {
    "raising": Words(
        "{text}（单看不高，与其他情况合看时抬高评分）",
        "{text} (not high by itself; it raises the score together with other facts)",
    ),
    "lowering": Words(
        "{text}（单看不低，与其他情况合看时压低评分）",
        "{text} (not low by itself; it lowers the score together with other facts)",
    ),
}
"""Where no number of a family lies on the side to which the family moves the score."""
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
    "AROUND_STANDING": AROUND_STANDING, "SINCE": SINCE, "RISE": RISE, "RECENT": RECENT, "SHARE": SHARE, "ATTRIBUTE": ATTRIBUTE,
    "SEASON": SEASON, "FESTIVAL": FESTIVAL, "PLACE": PLACE, "MEASURE": MEASURE, "FLAG": FLAG, "WINDOW": WINDOW, "TOGETHER": TOGETHER, "AROUND": {"any": AROUND}, "MISSING": {"any": MISSING}, "LEAD": LEAD, "WHERE": WHERE,
    "REMEDIES": {name: words for name, (_, words) in REMEDIES.items()},
}  # fmt: skip
"""Every reviewed text by group and case."""
