"""Values that tell a person: numbers, names and narratives."""

import re
from collections.abc import Iterable
from functools import cache

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.privacy.folding import HAN, SAID, fold_text, simplified
from riskwarn.privacy.shape import COUNTRIES, SHAPES, Shape

_HAN_DIGITS = str.maketrans({c: str(n) for n, group in enumerate(SAID["han_digits"]) for c in group})
_BETWEEN = r"[\s.·•・_/\\,，、*()（）~\-‐‑‒–—―−]{1,3}"
_SEPARATORS = re.compile(rf"(?<=[0-9]){_BETWEEN}(?=[0-9Xx])|[+()（）]")
_AFTER_LETTER = re.compile(r"(?<![A-Za-z])([A-Za-z]{1,2})[\s.·\-]{1,2}(?=[0-9]{7})")


def findings(values: pd.Series, *, countries: Iterable[str] = COUNTRIES, words: bool = True) -> np.ndarray:
    """The rule each value breaks, empty where it breaks none.

    Parameters
    ----------
    values
        (n,) Text; missing values break no rule. Foreign digits, digits in words and unseen characters are read like others.
    countries
        Sets of rules: ``any``, ``cn``, ``gb``, ``us``.
    words
        Whether names, addresses and narratives count, too, not only numbers.

    Returns
    -------
    rule
        (n,) One of :data:`RULES` or "". Identity and card numbers count only with a right check digit.

    Examples
    --------
    >>> findings(pd.Series(["call 138-1234-5678", "GRID-0012", "2025010813050001", "一三八一二三四五六七八"])).tolist()
    ['mobile', '', '', 'mobile']
    """
    codes, distinct = pd.factorize(values)
    rules = np.append(_findings(pa.array(distinct, pa.string(), from_pandas=True), tuple(countries), words=words), "")
    return rules[codes]


def _findings(distinct: pa.Array, countries: tuple[str, ...], *, words: bool) -> np.ndarray:
    rules = np.full(len(distinct), "", dtype=object)
    plain = pc.fill_null(pc.string_is_ascii(distinct), fill_value=True).to_numpy(zero_copy_only=False)
    looked = np.flatnonzero(~plain)
    ascii_values = np.flatnonzero(plain)
    if ascii_values.size:
        texts = distinct.take(pa.array(ascii_values))
        joined = pc.replace_substring_regex(texts, rf"([0-9]){_BETWEEN}", r"\1")
        pattern = _any(countries)
        hit = where(texts, pattern), where(joined, pattern), where(texts, _ASCII_WORDS)
        looked = np.concatenate([looked, ascii_values[np.unique(np.concatenate(hit))]])
    for place, text in zip(looked, distinct.take(pa.array(looked)).to_pylist(), strict=True):
        rules[place] = _rule(text, countries, words=words)
    return rules


@cache
def _any(countries: tuple[str, ...]) -> str:
    return "|".join(f"(?:{shape.pattern})" for shape in SHAPES if shape.country in countries)


_ASCII_WORDS = r"[A-Z][a-z]+,? [A-Z]|[A-Za-z]{1,2}[ .-]{1,2}[0-9]{7}|[+(]|\s\S+\s\S+\s\S+\s\S+\s\S+\s\S+\s"


def where(texts: pa.Array, pattern: str) -> np.ndarray:
    """Places of the texts in which a pattern is found."""
    hit = pc.match_substring_regex(texts, pattern)
    return np.flatnonzero(pc.fill_null(hit, fill_value=False).to_numpy(zero_copy_only=False))


@cache
def _shapes(countries: tuple[str, ...]) -> tuple[Shape, ...]:
    return tuple(shape for shape in SHAPES if shape.country in countries)


def _rule(text: str, countries: tuple[str, ...], *, words: bool) -> str:
    folded = fold_text(text)
    spelt = folded.translate(_HAN_DIGITS)
    joined = _AFTER_LETTER.sub(r"\1", _SEPARATORS.sub("", spelt))
    for shape in _shapes(countries):
        in_words = shape.rule in {"address", "name"}
        text_as_read = folded if in_words or shape.rule == "plate" else spelt
        if (words or not in_words) and shape.fits(text_as_read, joined):
            return shape.rule
    if not words:
        return ""
    if tells_name(folded):
        return "name"
    return "narrative" if _is_narrative(folded) else ""


def _is_narrative(text: str) -> bool:
    said = SAID["narrative"]
    han = len(re.findall(f"[{HAN}]", text))
    if han >= said["least"] and re.search(said["marks"], text.rstrip("。.!?")):
        return True
    if re.search(said["words"], text) and han >= said["least"] - 4:
        return True
    return len(text.split()) >= said["least"]


@cache
def _name_patterns() -> tuple[re.Pattern[str], ...]:
    said = SAID["name"]
    single, double = f"[{said['surnames']}]", f"(?:{'|'.join(said['compound'])})"
    short, given = f"[{said['short_given']}]", f"[{said['given']}]"
    whole = f"(?:{single}(?:{given}{{2}}|{short}{{1,2}})|{double}[{HAN}]{{1,2}})"
    return (
        re.compile(f"^{whole}$"),
        re.compile(f"^{whole}(?:{said['places']})$"),
        re.compile(f"{whole}[{said['between']}]{whole}"),
        re.compile(f"(?:{said['roles']})\\s*[{said['is']}]?\\s*{single}[{HAN}]{{1,2}}(?:$|[^{HAN}])"),
        re.compile(f"^(?:{single}|{double})(?:{said['titles']}|[xX*]{{1,2}})$"),
        re.compile(f"(?:^|[^{HAN}]){whole}(?=[0-9(,;:/\\s]|$)"),
        re.compile(f"(?:{said['first']})\\s+(?:[A-Z]\\.?\\s+)?[A-Z][a-z'-]+$"),
        re.compile(f"^[A-Z][A-Za-z'-]+,\\s*(?:{said['first']})\\b"),
    )


def tells_name(text: str) -> bool:
    """Whether a text is, or names, a person: surname and given name, a role and who has it, a name with a title.

    Parameters
    ----------
    text
        Any, in Simplified or Traditional characters or Latin letters.

    Returns
    -------
    tells
        True where it does.

    Examples
    --------
    >>> [tells_name(t) for t in ("张伟", "张 伟", "欧阳静", "王先生", "高利贷", "邻里纠纷", "John Smith", "Noise Complaint")]
    [True, True, True, True, False, False, True, False]
    """
    text = simplified(text)
    closed = re.sub(rf"(?<=[{HAN}])[\s·.]+(?=[{HAN}])", "", text).strip()
    parts = re.split(r"[,，、;；/\s]+", text.strip())
    words = [word for word in dict.fromkeys([closed, *parts]) if word and word not in SAID["name"]["not_names"]]
    return any(pattern.search(word) for word in words for pattern in _name_patterns()) or any(
        pattern.search(text) for pattern in _name_patterns()[-2:]
    )
