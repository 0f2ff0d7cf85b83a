"""Words a reason never holds: those that stigmatise people or places, and those that claim a cause."""

from riskwarn.language import Language

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
