"""The door for person data: which columns may not enter, and which values look like a person's.

Three rules, in this order: only columns a mapping names can enter; a header that speaks of a person is refused; a value that
looks like an identity number, a telephone number, a number plate and the like is refused wherever it stands.
A refused value is never repeated, neither in a message nor in a log.
"""

import hashlib
import hmac
import re
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
_PROVINCES = "1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3]|91"
_YMD = r"(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
_LEFT, _RIGHT = r"(?:^|[^0-9A-Za-z])", r"(?:$|[^0-9A-Za-z])"
_RESIDENT = rf"(?:{_PROVINCES})\d{{4}}(?:18|19|20)\d{{2}}{_YMD}\d{{3}}[0-9Xx]"
_CARD = r"[3-6]\d{15,18}"

_PLATE_FIRST = "京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼"
_PATTERNS: dict[str, str] = {
    "resident_id": rf"{_LEFT}{_RESIDENT}{_RIGHT}",
    "mobile": r"(?:^|[^0-9])(?:(?:\+?86|0086)[-\s]?)?1[3-9]\d[-\s]?\d{4}[-\s]?\d{4}(?:$|[^0-9])",
    "landline": r"(?:^|[^0-9])0\d{2,3}[-\s]?[2-9]\d{6,7}(?:$|[^0-9])",
    "passport": rf"{_LEFT}(?:[EeGg]\d{{8}}|[EeGg][A-Za-z]\d{{7}}){_RIGHT}",
    "permit": rf"{_LEFT}(?:[HhMm]\d{{8}}(?:\d{{2}})?|[Tt]\d{{8}}){_RIGHT}",
    "plate": f"[{_PLATE_FIRST}][A-HJ-NP-Z][·\\s]?[A-HJ-NP-Z0-9]{{4,5}}[A-HJ-NP-Z0-9挂学警港澳]",
    "email": r"[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}",
    "bank_card": rf"(?:^|[^0-9]){_CARD}(?:$|[^0-9])",
}
RULES = tuple(_PATTERNS)
"""Names of the value rules, in the order they are tried."""
_CHECKED = ("resident_id", "bank_card")
_ANY = "|".join(f"(?:{pattern})" for pattern in _PATTERNS.values())
_WORTH_A_LOOK = f"[0-9０-９@＠]|[{_PLATE_FIRST}][A-ZＡ-Ｚ]"
COLUMN_SHARE = 0.5
"""A column with at least this share of checked identity numbers among its values holds persons."""
COLUMN_LEAST = 10
"""Fewer shaped values than this do not condemn a column, only their rows."""
NAME_DISTINCT = 20
"""Distinct name-like values from which a column can be one of names."""
TEXT_LENGTH = 64
"""Characters above which a value is free text."""

_DENIED_LATIN = (
    r"(?:^|[_\-\s.])(?:id_?card|idno|id_?num(?:ber)?|cert_?(?:no|id)|sfzh?m?|zjhm?|passport|ssn|xm|xingming|"
    r"(?:full|first|last|person|user|party|caller|applicant|reporter|contact|officer|victim|suspect)[_\-\s]?name|"
    r"phone\w*|mobile\w*|telephone|tel|sjhm?|lxdh|e?mail|addr(?:ess)?|street_?address|jtzz|plate(?:_?no)?|cph|bank\w*|"
    r"card_?no|open_?id|wechat|imei|imsi|mac|face\w*|gender|sex|birth\w*|dob|csrq|age|ethnic\w*|race|minzu|religion|hukou|hjd?z?|"
    r"zzmm|lat(?:itude)?|lon(?:gitude)?|lng|narrative|description|remarks?|comments?)(?:$|[_\-\s.])"
)
_DENIED_HAN = (
    "身份证|证件号|护照|姓名|当事人|报警人|信访人|来访人|申请人|投诉人|举报人|联系人|联系方式|电话|手机|住址|地址|门牌|楼栋|户号|"
    "车牌|银行卡|微信号|性别|民族|出生|年龄|户籍|宗教|政治面貌|照片|人脸|指纹|案情|警情内容|报警内容|反映内容|诉求内容|事件详情|"
    "反馈信息|处理意见|内容摘要|工单标题|备注|经度|纬度|经纬度"
)
_ALLOWED_HAN = re.compile("人数|人员总数|人角色|案情评估|民族宗教|类|方式代码")
_LATIN = re.compile(_DENIED_LATIN, re.IGNORECASE)
_HAN = re.compile(_DENIED_HAN)
_SURNAMES = (
    "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕苏卢蒋蔡贾丁魏薛叶阎余潘杜戴夏钟汪田任姜"
    "范方石姚谭廖邹熊金陆郝孔白崔康毛邱秦江史顾侯邵孟龙万段雷钱汤尹黎易常武乔贺赖龚文"
)
_NAME_LIKE = f"^[{_SURNAMES}][\u4e00-\u9fff]{{1,2}}$"


def denied_header(name: str) -> bool:
    """Whether a column of this name may hold person data, free text or a place finer than a grid.

    Examples
    --------
    >>> [denied_header(h) for h in ("报警人姓名", "phone_no", "lat", "涉及人数", "category", "language")]
    [True, True, True, False, False, False]
    """
    folded = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", str(pc.utf8_normalize(name, form="NFKC").as_py())).strip()
    if _LATIN.search(folded):
        return True
    return bool(_HAN.search(folded)) and not _ALLOWED_HAN.search(folded)


def findings(values: pd.Series) -> np.ndarray:
    """The rule each value breaks, empty where it breaks none.

    Parameters
    ----------
    values
        (n,) Text; missing values break no rule. Full-width digits are read like others.

    Returns
    -------
    rule
        (n,) One of :data:`RULES` or "". Identity and card numbers count only with a right check digit.

    Examples
    --------
    >>> findings(pd.Series(["call 13812345678", "GRID-0012", "2025010813050001"])).tolist()
    ['mobile', '', '']
    """
    codes, distinct = pd.factorize(values)
    found = np.append(_findings(pa.array(distinct, pa.string(), from_pandas=True)), "")
    return found[codes]


def _findings(distinct: pa.Array) -> np.ndarray:
    rules = np.full(len(distinct), "", dtype=object)
    looked = _where(distinct, _WORTH_A_LOOK)
    folded = pc.utf8_normalize(distinct.take(pa.array(looked)), form="NFKC")
    shaped = _where(folded, _ANY)
    if shaped.size:
        rules[looked[shaped]] = [_rule(text) for text in folded.take(pa.array(shaped)).to_pylist()]
    return rules


def _where(texts: pa.Array, pattern: str) -> np.ndarray:
    hit = pc.match_substring_regex(texts, pattern)
    return np.flatnonzero(pc.fill_null(hit, fill_value=False).to_numpy(zero_copy_only=False))


def _rule(text: str) -> str:
    for rule in RULES:
        matches = re.finditer(f"(?=({_PATTERNS[rule]}))", text)
        if rule not in _CHECKED:
            if next(matches, None):
                return rule
        elif any(_check_digit(rule, match.group(1)) for match in matches):
            return rule
    return ""


def _check_digit(rule: str, found: str) -> bool:
    digits = re.sub("[^0-9Xx]", "", found).upper()
    return resident_checks(digits) if rule == "resident_id" else luhn_checks(digits)


def resident_checks(number: str) -> bool:
    """Whether an 18-character resident identity number has a real date and the right check digit (ISO 7064, MOD 11-2)."""
    if len(number) != 18 or not _is_date(number[6:14]):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return number[17] == _CHECK[total % 11]


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def luhn_checks(number: str) -> bool:
    """Whether a card number has the right last digit (Luhn).

    Examples
    --------
    >>> luhn_checks("4111111111111111"), luhn_checks("4111111111111112")
    (True, False)
    """
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


@dataclass
class ColumnWatch:
    """What has been seen of one column, piece by piece, to judge it as a whole."""

    n: int = 0
    n_found: int = 0
    n_name_like: int = 0
    names: frozenset[str] = frozenset()

    def see(self, values: pd.Series, rules: np.ndarray) -> None:
        """Add a piece of the column and the findings of it."""
        there = values.notna().to_numpy() & (values != "").fillna(value=False).to_numpy(dtype=bool)
        self.n += int(there.sum())
        self.n_found += int((rules[there] != "").sum())
        texts = pa.array(values[there], pa.string(), from_pandas=True)
        like = _where(texts, _NAME_LIKE)
        self.n_name_like += len(like)
        if len(self.names) < NAME_DISTINCT:
            self.names |= frozenset(pc.unique(texts.take(pa.array(like))).to_pylist()[:NAME_DISTINCT])

    def verdict(self) -> str:
        """Why the whole column must be refused; empty when it need not."""
        if self.n_found >= COLUMN_LEAST and self.n_found >= COLUMN_SHARE * self.n:
            return f"{self.n_found} of {self.n} values look like person data"
        if len(self.names) >= NAME_DISTINCT and self.n_name_like > COLUMN_SHARE * self.n:
            return f"{self.n_name_like} of {self.n} values look like names"
        return ""


def keyed_hash(values: pd.Series, key: bytes) -> pd.Series:
    """HMAC-SHA-256 of each value, 16 hexadecimal digits; equal values give equal hashes, and without `key` none can be undone.

    Missing values stay missing.

    Examples
    --------
    >>> hashed = keyed_hash(pd.Series(["a", "a", None]), b"secret")
    >>> bool(hashed[0] == hashed[1]), bool(hashed.isna()[2])
    (True, True)
    """
    codes, distinct = pd.factorize(values)
    hashed = [hmac.new(key, str(value).encode(), hashlib.sha256).hexdigest()[:16] for value in distinct]
    return pd.Series(np.array([*hashed, None], dtype=object)[codes], index=values.index, dtype="str")
