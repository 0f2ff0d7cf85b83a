"""The source's categories become canonical ones, and tell which feed a row belongs to."""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from riskwarn.ingest.folding import FILE_WORDS, folded, slug
from riskwarn.ingest.mapping import CategoryRule, Mapping

NO_FEED = "none"
"""Feed of rows that a crosswalk gives to no feed."""
UNKNOWN_CATEGORY = "category: not in the crosswalk"
_NUMBER = re.compile(r"^\d{1,4}[-_.、:\s]*")
_ENDING = re.compile(f"(?:{'|'.join(FILE_WORDS['endings'])})+$")
_BRACKETS = re.compile(r"\s*[(\[【〔].*[)\]】〕]$")
_OTHER = {"police_call": "P99"}


@dataclass(frozen=True)
class Categories:
    """What the categories of some rows say: canonical code, the raw name where it has none, feed, and why a row is left out."""

    code: pd.Series
    raw: pd.Series
    source: pd.Series
    left_out: np.ndarray
    unknown: np.ndarray


def categorise(keys: pd.DataFrame, mapping: Mapping, crosswalk: pd.DataFrame) -> Categories:
    """Look the categories up in the crosswalk, once for each distinct one.

    Parameters
    ----------
    keys
        The columns that together name a category, as text.
    mapping
        Says what becomes of a category that the crosswalk does not have.
    crosswalk
        From :meth:`Mapping.crosswalk`.
    """
    codes, distinct = _factorize(keys)
    distinct = pd.DataFrame({name: folded(distinct[name]).fillna("") for name in distinct})
    matches = _lookup(distinct, mapping, crosswalk)
    return Categories(
        code=_spread(matches["code"], codes, keys.index),
        raw=_spread(matches["raw"], codes, keys.index),
        source=_spread(matches["source"], codes, keys.index),
        left_out=matches["leave_out"].to_numpy(dtype=object)[codes],
        unknown=matches["unknown"].to_numpy()[codes],
    )


def _factorize(keys: pd.DataFrame) -> tuple[np.ndarray, pd.DataFrame]:
    """The distinct combinations of some columns, each once, and which of them each row is: folding is for few, not for all."""
    pairs = pd.DataFrame({name: pd.factorize(keys[name], use_na_sentinel=False)[0] for name in keys})
    codes, _ = pd.factorize(pd.MultiIndex.from_frame(pairs)) if pairs.shape[1] > 1 else pd.factorize(pairs.iloc[:, 0])
    first_rows = np.unique(codes, return_index=True)[1]
    return codes, keys.iloc[first_rows].reset_index(drop=True)


def _spread(values: pd.Series, codes: np.ndarray, index: pd.Index) -> pd.Series:
    return pd.Series(values.to_numpy(dtype=object)[codes], index=index, dtype="str")


def _lookup(distinct: pd.DataFrame, mapping: Mapping, crosswalk: pd.DataFrame) -> pd.DataFrame:
    rule, names = mapping.category, list(distinct)
    table = crosswalk.rename(columns=dict(zip(crosswalk.columns[: len(names)], names, strict=True)))
    sought = distinct
    if rule.vocabulary:
        sought = distinct.assign(**{names[0]: _known_part(distinct[names[0]], set(table[names[0]]), rule.separator)})
    matches = sought.merge(table, on=names, how="left", indicator="there")
    missing = (matches.pop("there") == "left_only").to_numpy()
    for column in ("code", "source", "leave_out"):
        matches[column] = (matches[column] if column in matches else pd.Series("", index=matches.index)).fillna("")
    label = (
        distinct.agg(lambda row: " / ".join(word for word in row if word), axis=1)
        if len(distinct)
        else pd.Series(dtype="str")
    )
    uncoded = missing | (matches["code"] == "").to_numpy()
    matches["source"] = matches["source"].where(matches["source"] != "", "" if mapping.source == "" else mapping.source)
    matches.loc[missing & (matches["source"] == ""), "source"] = NO_FEED
    no_feed = ~missing & (matches["source"] == NO_FEED).to_numpy() & (matches["leave_out"] == "").to_numpy()
    matches.loc[no_feed, "leave_out"] = "the crosswalk gives it to no feed"
    matches["code"] = matches["code"].where(~uncoded, _fallback(rule, label, matches["source"]))
    matches["unknown"] = missing & (rule.unknown != "slug")
    matches["raw"] = label.where(pd.Series(matches["unknown"], index=label.index) & (rule.unknown == "other"), None)
    return matches


def _known_part(labels: pd.Series, known: set[str], separator: str) -> pd.Series:
    return labels.map(lambda label: next((c for c in candidates(label, separator) if c in known), label))


def candidates(label: str, separator: str = "") -> list[str]:
    """Spellings under which a category may be known: whole, without number and ending, then its deepest part, then each shorter path.

    Examples
    --------
    >>> candidates("02-邻里纠纷")
    ['02-邻里纠纷', '邻里纠纷', '邻里', '02-邻里', '02']
    >>> candidates("城乡建设_拆迁", "_")[-1]
    '城乡建设'
    """
    parts = label.split(separator) if separator else [label]
    paths = [path for n in range(len(parts), 0, -1) for path in (separator.join(parts[:n]), parts[n - 1])]
    spellings: list[str] = []
    for path in paths:
        for said in dict.fromkeys((path, _BRACKETS.sub("", path))):
            bare = _NUMBER.sub("", said)
            spellings += [said, bare, _ENDING.sub("", bare), _ENDING.sub("", said)]
        spellings += [number[0] for number in [_NUMBER.match(path)] if number]
    return list(dict.fromkeys(spelling.strip(" -_.、:") for spelling in spellings if spelling.strip(" -_.、:")))


def _fallback(rule: CategoryRule, label: pd.Series, source: pd.Series) -> pd.Series:
    other = other_category(source)
    return label.map(slug).where(label != "", other) if rule.unknown != "other" else other


def other_category(source: pd.Series) -> pd.Series:
    """The category of which nothing is known, by feed.

    Examples
    --------
    >>> other_category(pd.Series(["police_call", "dispute"])).tolist()
    ['P99', 'D99']
    """
    return source.map(_OTHER).fillna("D99")
