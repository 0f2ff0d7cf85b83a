"""The vocabulary of the field: sources, categories, tags, actions, each with its words in Chinese and English."""

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

from riskwarn.errors import DefinitionError

Language = Literal["zh", "en"]
LANGUAGES: tuple[Language, ...] = ("zh", "en")


@dataclass(frozen=True)
class Words:
    """One meaning in both languages."""

    zh: str
    en: str

    def __getitem__(self, language: str) -> str:
        """The words in `language`."""
        return self.zh if language == "zh" else self.en


SOURCES = {
    "dispute": Words("矛盾纠纷", "disputes"),
    "petition": Words("信访诉求", "petitions"),
    "police_call": Words("警情", "police calls"),
    "hotline": Words("热线工单", "hotline requests"),
    "grid_report": Words("网格上报", "grid reports"),
}
DISPUTES = {
    "D01": Words("婚恋家庭", "marriage and family"),
    "D02": Words("邻里", "neighbours"),
    "D03": Words("房屋宅基地", "house and homestead"),
    "D04": Words("山林土地水利权属", "land, forest and water tenure"),
    "D05": Words("征地拆迁安置", "expropriation and resettlement"),
    "D06": Words("劳动争议", "labour"),
    "D07": Words("拖欠工资", "wage arrears"),
    "D08": Words("债务与金融借贷", "debt and lending"),
    "D09": Words("合同与生产经营", "contract and business"),
    "D10": Words("消费", "consumer"),
    "D11": Words("物业", "property management"),
    "D12": Words("房地产与建设工程", "housing development and works"),
    "D13": Words("环境与噪声", "environment and noise"),
    "D14": Words("医疗", "medical"),
    "D15": Words("道路交通损害", "traffic damage"),
    "D16": Words("损害赔偿与人身", "injury and damages"),
    "D17": Words("校园与教育", "school"),
    "D18": Words("村务与三资", "village affairs"),
    "D19": Words("行政执法与涉法涉诉", "enforcement and litigation"),
    "D20": Words("公共服务与民生", "public services"),
    "D21": Words("边界毗邻", "boundary"),
    "D22": Words("网络与知识产权", "online and intellectual property"),
    "D98": Words("敏感类", "sensitive"),
    "D99": Words("其他", "other"),
}
POLICE = {
    "P01": Words("刑事", "crime"),
    "P02": Words("治安", "public order"),
    "P03": Words("交通", "traffic"),
    "P04": Words("纠纷", "dispute"),
    "P05": Words("群众紧急求助", "urgent help"),
    "P06": Words("社会联动", "non-police matter"),
    "P07": Words("咨询举报投诉", "information and complaint"),
    "P08": Words("骚扰无效", "nuisance or invalid"),
    "P09": Words("聚集类", "gathering"),
    "P99": Words("其他", "other"),
}
CATEGORIES: dict[str, Words] = {**DISPUTES, **POLICE}
NEVER_FEATURES = frozenset({"D98", "P09"})
"""Categories that are counted in quality reports and are never a feature or a target."""
TAGS = {
    "weapon": Words("涉刀", "weapon seen"),
    "injury": Words("涉伤", "someone hurt"),
    "unsettled": Words("现场未处结", "not settled on scene"),
    "late_arrival": Words("到场超时", "late arrival"),
    "repeat": Words("重复", "repeat"),
    "in_person": Words("来访", "in person"),
    "seeks_redress": Words("求决", "seeks redress"),
    "hard": Words("疑难", "hard case"),
    "returned": Words("退单", "returned"),
    "many_people": Words("涉及5人以上", "five people or more"),
    "large_amount": Words("涉及金额较大", "large amount"),
    "moved_up": Words("提级", "moved to a higher level"),
    "callback": Words("已回访", "called back"),
}
STATUSES = (
    "open",
    "accepted",
    "assigned",
    "in_progress",
    "paused",
    "returned",
    "closed_success",
    "closed_fail",
    "withdrawn",
    "archived",
)
OUTCOMES = ("success", "partial", "fail", "unknown")
ACTIONS = {
    "A1": Words("巡访", "visit"),
    "A2": Words("回访", "call back"),
    "A3": Words("会商", "joint meeting"),
    "A4": Words("提级办理", "raise to a higher level"),
    "A5": Words("转办或指定主办", "name one owner"),
    "A6": Words("补登记录", "complete the ledger"),
    "A7": Words("核实数据", "verify the data"),
    "A8": Words("联系数据提供单位", "call the data provider"),
    "A9": Words("增派人员", "add staff"),
    "A10": Words("类别专项", "specialist line"),
}
"""Service, mediation, verification and data actions; there are no others."""


_ADDED: dict[str, "Words"] = {}


def read_words(path: str | Path) -> dict[str, Words]:
    """Words of a city's own category codes, from a CSV with the columns `code`, `zh` and `en`.

    Raises
    ------
    DefinitionError
        The file or one of its columns is missing.
    """
    path = Path(path)
    if not path.is_file():
        raise DefinitionError(f"words {path}: no such file; it is a CSV with the columns code, zh, en.")
    with path.open(encoding="utf-8-sig", newline="") as handle:
        rows = csv.DictReader(handle)
        lacking = {"code", "zh", "en"} - set(rows.fieldnames or ())
        if lacking:
            raise DefinitionError(f"words {path}: column {', '.join(sorted(lacking))} is missing; wanted code, zh, en.")
        return {row["code"]: Words(row["zh"], row["en"]) for row in rows}


def add_words(path: str | Path) -> None:
    """Let :func:`words_of` know a city's own codes for the rest of the process; canonical codes keep their words."""
    _ADDED.update(read_words(path))


@cache
def _shipped() -> dict[str, Words]:
    return read_words(Path(__file__).with_name("words.csv"))


def words_of(code: str) -> Words:
    """Words for a source, category, tag or action, canonical or a city's own; the code itself where there are none.

    Examples
    --------
    >>> words_of("D07").en, words_of("street_lights").zh, words_of("no_such").en
    ('wage arrears', '路灯', 'no_such')
    """
    for vocabulary in (SOURCES, CATEGORIES, TAGS, ACTIONS, _ADDED, _shipped()):
        if code in vocabulary:
            return vocabulary[code]
    return Words(code, code)
