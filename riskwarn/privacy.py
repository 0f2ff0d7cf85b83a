"""The door for person data: which columns may not enter, and which values tell a person.

Only columns a mapping names can enter; a header that speaks of a person is refused; a value that looks like an identity number, a
telephone, a number plate, an address, a name or a narrative is refused wherever it stands, after everything is folded that hides it.
The shapes of numbers are declared by country in ``privacy.toml``. A refused value is never repeated, neither in a message nor in a log.
"""

import hashlib
import hmac
import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.errors import NotFoundError, RiskwarnError

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"
COLUMN_SHARE = 0.5
"""A column with at least this share of checked identity numbers among its values holds persons."""
COLUMN_LEAST = 10
"""Fewer shaped values than this do not condemn a column, only their rows."""
NAME_DISTINCT = 20
"""Distinct name-like values from which a column can be one of names."""
TEXT_LENGTH = 64
"""Characters above which a value is free text."""
HEADER_LENGTH = 40
"""Characters above which what stands in a header is no name of a column."""
_SAID = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_WORDS = {name: _SAID[name] for name in ("header", "name", "narrative")}
COUNTRIES = ("any", "cn", "gb", "us")
_HAN_DIGITS = str.maketrans({c: str(n) for n, group in enumerate(_SAID["han_digits"]) for c in group})
_FILE_WORDS = re.compile("|".join(sorted(_SAID["file"]["words"], key=len, reverse=True)))
_ENDING = re.compile(
    r"(?i)(?:\.(?:csv|txt|tsv|xlsx?|parquet|jsonl|ndjson|geojson|json|gpkg|shp|dbf|zip|gz|toml|manifest))+$"
)
"""Endings that say what a file is; any other may be part of a name."""
_PIECE = "[\u4e00-\u9fff]+|[A-Za-z]+|[0-9]+|[^\\s]"
"""A piece of a file's name: a run of one script, or one mark."""
_RUN = 24
"""Pieces that together may tell a person: a number written digit by digit is 21."""
_TIMESTAMP = "(?:19|20)[0-9]{2}(?:0[1-9]|1[0-2])(?:[0-2][0-9]|3[01])(?:[0-9]{4}|[0-9]{6})"
_UNSEEN = re.compile("[\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\u0300-\u036f]")
_BETWEEN = r"[\s.·•・_/\\,，、*()（）~\-‐‑‒–—―−]{1,3}"
_SEPARATORS = re.compile(rf"(?<=[0-9]){_BETWEEN}(?=[0-9Xx])|[+()（）]")
_AFTER_LETTER = re.compile(r"(?<![A-Za-z])([A-Za-z]{1,2})[\s.·\-]{1,2}(?=[0-9]{7})")
_HAN = "\u4e00-\u9fff"
WEAK = frozenset({"passport", "permit", "mobile", "landline", "telephone", "plate"})
"""Rules without a check digit: a code of a city may look like one by chance."""


@dataclass(frozen=True)
class Shape:
    """A kind of value that tells a person: its rule, the country whose it is, and how it is written."""

    rule: str
    country: str
    pattern: str
    joined: bool = False
    check: str = ""
    needs: str = ""

    def fits(self, text: str, joined: str) -> bool:
        """Whether it stands in a folded text, or in the text with the separators between digits dropped."""
        for candidate in dict.fromkeys((joined, text) if self.joined else (text,)):
            if self.needs and not re.search(self.needs, text):
                return False
            matches = re.finditer(f"(?=({self.pattern}))", candidate)
            if any(_CHECKS[self.check](match.group(1)) for match in matches):
                return True
        return False


SHAPES = tuple(Shape(**shape) for shape in _SAID["shape"])
RULES = tuple(dict.fromkeys([*(shape.rule for shape in SHAPES), "name", "narrative"]))
"""Names of the value rules."""


def country_of(zone: str) -> tuple[str, ...]:
    """The sets of person rules of a time zone; every set where the zone belongs to none.

    Examples
    --------
    >>> country_of("Europe/London"), country_of("UTC")
    (('any', 'gb'), ('any', 'cn', 'gb', 'us'))
    """
    prefix_country = next((country for begin, country in _SAID["countries"].items() if zone.startswith(begin)), "")
    return ("any", prefix_country) if prefix_country else COUNTRIES


# -- headers ----------------------------------------------------------------------------------------------------------


def denied_header(name: str) -> bool:
    """Whether a column of this name may hold person data, free text or a place finer than a grid.

    Examples
    --------
    >>> [denied_header(h) for h in ("报警人姓名", "phone_no", "lat", "涉及人数", "category", "language")]
    [True, True, True, False, False, False]
    """
    return person_header(name) or _speaks(name, "text")


def person_header(name: str) -> bool:
    """Whether a column of this name may hold person data; one that may only be free text is judged by its values.

    Examples
    --------
    >>> [person_header(h) for h in ("OFFENSE_DESCRIPTION", "victim_name")]
    [False, True]
    """
    return _speaks(name, "person")


def _speaks(name: str, what: str) -> bool:
    folded = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", fold_text(name)).strip()
    if re.search(_WORDS["header"][f"{what}_latin"], folded, re.IGNORECASE):
        return True
    han = re.search(_WORDS["header"][f"{what}_han"], folded)
    return bool(han) and not re.search(_WORDS["header"]["allowed_han"], folded)


def shown(header: str, place: int | None = None) -> str:
    """A column as a message may name it: by its header, or by its place where the header tells a person or is no name.

    Examples
    --------
    >>> shown("category"), shown("13812345678", 3)
    ("'category'", '3 (not shown)')
    """
    safe = len(header) <= HEADER_LENGTH and not findings(pd.Series([header]))[0]
    return repr(header) if safe else f"{place} (not shown)" if place else "(not shown)"


def shown_file(name: str) -> str:
    """A file's name as a message or a log may repeat it; where it tells a person only its ending and a digest.

    Examples
    --------
    >>> shown_file("calls-2025-01.csv"), shown_file("13812345678.csv")
    ('calls-2025-01.csv', 'file-ff9677.csv')
    """
    stem = _ENDING.sub("", name)
    if not _tells_a_person(stem):
        return name
    return f"file-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:6]}{name[len(stem) :]}"


def _tells_a_person(stem: str) -> bool:
    """Whether any run of the pieces of a file's name does, with and without the words that files are called by."""
    text = fold_text(stem)
    pieces = [piece.span() for piece in re.finditer(_PIECE, text)]
    runs = {text[start:end] for k, (start, _) in enumerate(pieces) for _, end in pieces[k : k + _RUN]}
    runs |= {_FILE_WORDS.sub("", run) for run in runs}
    numbers = [run for run in re.findall("[0-9]{11,}", text) if not re.fullmatch(_TIMESTAMP, run)]
    return bool(numbers) or bool((findings(pd.Series(sorted(runs), dtype="str")) != "").any())


def shown_path(path: str | Path) -> str:
    """A path as a message may repeat it: every folder and the file in it as :func:`shown_file` shows them.

    Examples
    --------
    >>> shown_path("exports/13812345678/calls.csv")
    'exports/file-38aed9/calls.csv'
    """
    return "/".join(shown_file(part) for part in str(path).split("/"))


@contextmanager
def names_masked(*paths: str | Path) -> Iterator[None]:
    """Let no error that is raised within repeat a part of a path that tells a person; the system's own becomes one of ours.

    Parameters
    ----------
    paths
        Files or folders that messages within may name.

    Raises
    ------
    NotFoundError
        The system cannot open one of them.

    Examples
    --------
    >>> with names_masked("exports/13812345678.csv"):
    ...     raise RiskwarnError("exports/13812345678.csv: the file is empty.")
    Traceback (most recent call last):
    riskwarn.errors.RiskwarnError: exports/file-ff9677.csv: the file is empty.
    """
    try:
        yield
    except RiskwarnError as error:
        files = [path for path in map(str, paths) if "://" not in path]
        parts = {part for path in files for part in path.split("/") if shown_file(part) != part}
        text = str(error)
        for part in sorted(parts, key=len, reverse=True):
            text = text.replace(part, shown_file(part)).replace(_ENDING.sub("", part), "(not shown)")
        error.args = (text,)
        raise
    except OSError as error:
        if str(error.filename) not in map(str, paths):
            raise
        raise NotFoundError(f"{shown_path(error.filename)}: cannot be opened ({error.strerror}).") from None


# -- values -----------------------------------------------------------------------------------------------------------


def fold_text(text: str) -> str:
    """Text in the one spelling that person rules are read in: NFKC, nothing unseen, every digit ASCII.

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

    Examples
    --------
    >>> simplified("糾紛類型")
    '纠纷类型'
    """
    return _simplifier().convert(text) if re.search(f"[{_HAN}]", text) else text  # type: ignore[attr-defined]


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
        hit = _where(texts, pattern), _where(joined, pattern), _where(texts, _ASCII_WORDS)
        looked = np.concatenate([looked, ascii_values[np.unique(np.concatenate(hit))]])
    for place, text in zip(looked, distinct.take(pa.array(looked)).to_pylist(), strict=True):
        rules[place] = _rule(text, countries, words=words)
    return rules


@cache
def _any(countries: tuple[str, ...]) -> str:
    return "|".join(f"(?:{shape.pattern})" for shape in SHAPES if shape.country in countries)


_ASCII_WORDS = r"[A-Z][a-z]+,? [A-Z]|[A-Za-z]{1,2}[ .-]{1,2}[0-9]{7}|[+(]|\s\S+\s\S+\s\S+\s\S+\s\S+\s\S+\s"


def _where(texts: pa.Array, pattern: str) -> np.ndarray:
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
    said = _WORDS["narrative"]
    han = len(re.findall(f"[{_HAN}]", text))
    if han >= said["least"] and re.search(said["marks"], text.rstrip("。.!?")):
        return True
    if re.search(said["words"], text) and han >= said["least"] - 4:
        return True
    return len(text.split()) >= said["least"]


@cache
def _name_patterns() -> tuple[re.Pattern[str], ...]:
    said = _WORDS["name"]
    single, double = f"[{said['surnames']}]", f"(?:{'|'.join(said['compound'])})"
    short, given = f"[{said['short_given']}]", f"[{said['given']}]"
    whole = f"(?:{single}(?:{given}{{2}}|{short}{{1,2}})|{double}[{_HAN}]{{1,2}})"
    return (
        re.compile(f"^{whole}$"),
        re.compile(f"^{whole}(?:{said['places']})$"),
        re.compile(f"{whole}[{said['between']}]{whole}"),
        re.compile(f"(?:{said['roles']})\\s*[{said['is']}]?\\s*{single}[{_HAN}]{{1,2}}(?:$|[^{_HAN}])"),
        re.compile(f"^(?:{single}|{double})(?:{said['titles']}|[xX*]{{1,2}})$"),
        re.compile(f"(?:^|[^{_HAN}]){whole}(?=[0-9(,;:/\\s]|$)"),
        re.compile(f"(?:{said['first']})\\s+(?:[A-Z]\\.?\\s+)?[A-Z][a-z'-]+$"),
        re.compile(f"^[A-Z][A-Za-z'-]+,\\s*(?:{said['first']})\\b"),
    )


def tells_name(text: str) -> bool:
    """Whether a text is, or names, a person: surname and given name, a role and who has it, a name with a title.

    Examples
    --------
    >>> [tells_name(t) for t in ("张伟", "张 伟", "欧阳静", "王先生", "高利贷", "邻里纠纷", "John Smith", "Noise Complaint")]
    [True, True, True, True, False, False, True, False]
    """
    text = simplified(text)
    closed = re.sub(rf"(?<=[{_HAN}])[\s·.]+(?=[{_HAN}])", "", text).strip()
    parts = re.split(r"[,，、;；/\s]+", text.strip())
    words = [word for word in dict.fromkeys([closed, *parts]) if word and word not in _WORDS["name"]["not_names"]]
    return any(pattern.search(word) for word in words for pattern in _name_patterns()) or any(
        pattern.search(text) for pattern in _name_patterns()[-2:]
    )


# -- check digits -----------------------------------------------------------------------------------------------------


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


def hong_kong_checks(number: str) -> bool:
    """Whether a Hong Kong identity card number has the right check digit: letters count from A = 10, a blank 36, weights 9 to 1.

    Examples
    --------
    >>> hong_kong_checks("A123456(3)"), hong_kong_checks("A123456(4)")
    (True, False)
    """
    plain = re.sub("[^0-9A-Z]", "", number.upper())
    values = [36] * (9 - len(plain)) + [int(c) if c.isdigit() else ord(c) - 55 for c in plain]
    return sum(weight * value for weight, value in zip(range(9, 0, -1), values, strict=True)) % 11 == 0


_CHECKS = {
    "": lambda _: True,
    "resident": lambda text: resident_checks(re.sub("[^0-9Xx]", "", text).upper()),
    "luhn": lambda text: luhn_checks(re.sub("[^0-9]", "", text)),
    "hong_kong": hong_kong_checks,
}


# -- columns ----------------------------------------------------------------------------------------------------------


def one_family(values: pd.Series) -> bool:
    """Whether values are codes of one system: as long as each other and alike in their first five characters, as telephones are not."""
    texts = values.dropna()
    return (
        len(texts) >= COLUMN_LEAST
        and texts.str.len().nunique() <= 2
        and texts.str[:5].value_counts(normalize=True).iloc[0] >= 0.8
    )


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
        like = _where(texts, f"^[{_WORDS['name']['surnames']}][\u4e00-\u9fff]{{1,2}}$")
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
