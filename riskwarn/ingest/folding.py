"""One spelling for text: NFKC, trimmed, the many spellings of nothing made empty, Traditional characters made Simplified."""

import re
import tomllib
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.privacy import simplified

NOTHING = frozenset(
    "无 / \\ - -- — —— ― _ . NULL null Null None none NaN nan N/A n/a NA 未知 暂无 不详 空 未填 (null) (空) #N/A".split()
)
"""Spellings of a missing value, after folding."""
_APART = r"[\p{M}\x{1100}-\x{11FF}]"
_INVISIBLE = "\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff"
_UNSEEN = re.compile(f"[{_INVISIBLE}]")
_GUARD = r"""^(?:=\s*"(.*)"|['`\x{2018}\x{2019}]+([0-9A-Za-z_-]*\d[\w./: -]*))$"""
"""Marks by which people keep a spreadsheet from reading a code as a number: ``="0211"``, ``'0211``."""
FILE_WORDS: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("words.toml").read_text("utf-8"))
"""Words of flags and endings of categories, as files use them."""


def fold(text: object) -> str:
    r"""One value in the one spelling, as headers and codes are compared.

    Examples
    --------
    >>> fold(" ＡＢ１２　類型\n(新) ")
    'AB12 类型 (新)'
    """
    normal = _UNSEEN.sub("", unicodedata.normalize("NFKC", str(text)))
    return simplified(re.sub(r"\s+", " ", normal).strip())


def clean(values: pd.Series) -> pa.Array:
    """Texts normalised (NFKC), trimmed, without unseen characters and guards, and missing where they spell nothing.

    Numbers that only look fractional (``320102.0``) lose the fraction.

    Examples
    --------
    >>> clean(pd.Series(['="0211"', "'0211", "02\u200b11", " 无 "])).to_pylist()
    ['0211', '0211', '0211', None]
    """
    if pd.api.types.is_float_dtype(values.dtype):
        whole = values.dropna().mod(1).eq(0).all()
        values = values.astype("Int64" if whole else "object")
    texts = pa.array(values.astype("str") if values.dtype != "str" else values, pa.string(), from_pandas=True)
    if isinstance(texts, pa.ChunkedArray):
        texts = texts.combine_chunks()
    if not pc.all(pc.string_is_ascii(texts), min_count=0).as_py():
        texts = _normal(texts)
    texts = pc.utf8_trim_whitespace(texts)
    if pc.any(pc.match_substring_regex(texts, _GUARD)).as_py():
        texts = pc.replace_substring_regex(texts, _GUARD, r"\1\2")
    empty = pc.is_in(texts, pa.array(["", *sorted(NOTHING)]))
    return pc.if_else(empty, pa.scalar(None, pa.string()), texts)


def _normal(texts: pa.Array) -> pa.Array:
    """NFKC without unseen characters; plain ASCII, which most columns are, is both already."""
    texts = _composed(pc.utf8_normalize(texts, form="NFKC"))
    if pc.any(pc.match_substring_regex(texts, _UNSEEN.pattern)).as_py():
        texts = pc.replace_substring_regex(texts, _UNSEEN.pattern, "")
    return texts


def _composed(texts: pa.Array) -> pa.Array:
    """The texts with letter and accent as one character: pyarrow's NFKC leaves them apart (seen in 25.0), which is NFKD."""
    apart = pc.fill_null(pc.match_substring_regex(texts, _APART), fill_value=False)
    if not pc.any(apart).as_py():
        return texts
    whole = [unicodedata.normalize("NFC", text) for text in texts.filter(apart).to_pylist()]
    return pc.replace_with_mask(texts, apart, pa.array(whole, texts.type))


def cleaned(values: pd.Series) -> pd.Series:
    """:func:`clean` as a column of text."""
    return pd.Series(clean(values).to_pandas().to_numpy(dtype=object), index=values.index, dtype="str")


def folded(values: pd.Series) -> pd.Series:
    """Each value as :func:`fold` gives it, missing where it spells nothing; distinct values are folded once."""
    codes, distinct = pd.factorize(cleaned(values))
    words = np.array([*(fold(value) for value in distinct), None], dtype=object)
    return pd.Series(words[codes], index=values.index, dtype="str")


def slug(text: str) -> str:
    """A code made from a name: lower case letters, digits and underscores; other letters stay.

    Examples
    --------
    >>> slug("Vandalism/Criminal Mischief"), slug("Trafikolycka, personskada")
    ('vandalism_criminal_mischief', 'trafikolycka_personskada')
    """
    return re.sub(r"\W+", "_", fold(text).lower()).strip("_")
