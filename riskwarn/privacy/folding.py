"""Text in the one spelling that person rules are read in, and the words and shapes that they are made of."""

import re
import tomllib
import unicodedata
from functools import cache
from pathlib import Path

SAID = tomllib.loads(Path(__file__).with_name("privacy.toml").read_text("utf-8"))
"""What ``privacy.toml`` declares."""
HAN = "\u4e00-\u9fff"
"""Chinese characters, as a range of a pattern."""
_UNSEEN = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\u0300-\u036f]")


def fold_text(text: str) -> str:
    """Text in the one spelling that person rules are read in: NFKC, nothing unseen, every digit ASCII.

    Parameters
    ----------
    text
        Any.

    Returns
    -------
    folded
        As long or shorter.

    Examples
    --------
    >>> fold_text("１３８\u200b1234٥٦٧٨")
    '13812345678'
    """
    normal = _UNSEEN.sub("", unicodedata.normalize("NFKC", text))
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() and not c.isascii() else c for c in normal)


@cache
def _simplifier() -> object:
    import opencc  # noqa: PLC0415

    return opencc.OpenCC("t2s")


@cache
def simplified(text: str) -> str:
    """`text` with Traditional characters as Simplified.

    Parameters
    ----------
    text
        Any.

    Returns
    -------
    text
        As it is where it holds no Chinese.

    Examples
    --------
    >>> simplified("糾紛類型")
    '纠纷类型'
    """
    return _simplifier().convert(text) if re.search(f"[{HAN}]", text) else text  # type: ignore[attr-defined]
