"""Whether a text of few characters that could be Chinese makes as much sense in another script: then the encoding is asked for."""

import re
from functools import cache
from pathlib import Path

_RUN = re.compile(rb"[\x80-\xff]+")
_CYRILLIC = ("koi8-u", "cp1251", "iso8859-5")
_WORD = re.compile("[\u0401\u0404\u0406\u0407\u0410-\u042f]?[\u0430-\u044f\u0451\u0454\u0456\u0457]+")
_VOWELS = frozenset("\u0430\u0435\u0438\u043e\u0443\u044b\u044d\u044e\u044f\u0451\u0454\u0456\u0457")
_LEAST_LETTERS = 5
_NOT_CHINESE = re.compile("[\ufffd\u00c0-\u024f\u0370-\u05ff\u0600-\u06ff\u3041-\u30fa\u3105-\u312f]")
"""What no Chinese text of a few characters holds: other alphabets, kana, and the mark for bytes that are none."""
_BESIDE_A_WORD = re.compile("[a-z][\u4e00-\u9fff]|[\u4e00-\u9fff][a-z]")
_COMMON_SHARE = 0.75


def makes_sense_elsewhere(sample: bytes, encoding: str) -> bool:
    """Whether bytes that a Chinese encoding can read say as much in Korean or in Cyrillic letters, or its reading is no Chinese.

    Parameters
    ----------
    sample
        Lines of the file.
    encoding
        The Chinese encoding that is the likeliest one.

    Examples
    --------
    >>> [makes_sense_elsewhere(word.encode(name), "gb18030") for word, name in [("\ub3c4\ub85c", "euc_kr"), ("\u90bb\u91cc", "gbk")]]
    [True, False]
    """
    text = sample.decode(encoding, "replace")
    return bool(
        _NOT_CHINESE.search(text)
        or _BESIDE_A_WORD.search(text)
        or _is_korean(sample)
        or _is_cyrillic(sample)
        or _is_japanese(sample)
    )


def _is_korean(sample: bytes) -> bool:
    try:
        letters = [letter for letter in sample.decode("cp949") if letter > "\u00ff"]
    except UnicodeDecodeError:
        return False
    common = sum(letter in _common_hangul() for letter in letters)
    return all("\uac00" <= letter <= "\ud7a3" for letter in letters) and common >= _COMMON_SHARE * len(letters)


@cache
def _common_hangul() -> frozenset[str]:
    return frozenset(Path(__file__).with_name("common_hangul.txt").read_text("utf-8")) - {"\n"}


def _is_japanese(sample: bytes) -> bool:
    try:
        letters = [letter for letter in sample.decode("euc_jp") if letter > "\u3040"]
    except UnicodeDecodeError:
        return False
    return 3 * sum(letter <= "\u30ff" for letter in letters) >= len(letters)


def _is_cyrillic(sample: bytes) -> bool:
    runs = _RUN.findall(sample)
    return sum(map(len, runs)) >= _LEAST_LETTERS and any(
        all(_is_cyrillic_word(run.decode(name, "replace")) for run in runs) for name in _CYRILLIC
    )


def _is_cyrillic_word(text: str) -> bool:
    return _WORD.fullmatch(text) is not None and (len(text) < 3 or bool(_VOWELS & set(text.lower())))
