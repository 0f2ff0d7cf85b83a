"""One column of a file becomes one column of the table: times, numbers, flags, ids and words."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from riskwarn.errors import DataError
from riskwarn.ingest.clock import read_times
from riskwarn.ingest.days import ENDS, HAPPENED, at_zero, written_end
from riskwarn.ingest.folding import FILE_WORDS, clean, cleaned, fold, folded
from riskwarn.ingest.identity import DAMAGED, is_identifier, read_ids
from riskwarn.ingest.intake import Intake, Reasons, kind_of
from riskwarn.ingest.ordering import meant
from riskwarn.schema import Column
from riskwarn.taxonomy import OUTCOMES, STATUSES, TAGS

_CLOSED = {"status": frozenset(STATUSES), "outcome": frozenset(OUTCOMES), "tags": frozenset(TAGS)}
"""Columns of words that have a list: another word is left out, and counted."""


def constant_of(name: str, value: object, intake: Intake) -> pd.Series:
    """The one value that the mapping gives to a column of every row.

    Raises
    ------
    DataError
        It is no time, where a time is wanted.
    """
    column = kind_of(name, intake.mapping.table)
    series = pd.Series([value])
    if column.kind != "time":
        return series
    at, bad = read_times(series.astype("str"), intake.mapping.timezone)
    if bad.any():
        raise DataError(f"mapping {intake.mapping.name!r}: constants.{name} is not a time: {value!r}.")
    return at


def column_of(name: str, values: pd.Series, intake: Intake, reasons: Reasons) -> pd.Series:
    """A column of the table from one of the file; values that cannot be read are empty, and their rows have a reason."""
    column, mapping = kind_of(name, intake.mapping.table), intake.mapping
    if name in mapping.words:
        values = _translated(name, values, intake)
    if column.kind == "time":
        at, bad = read_times(
            values, mapping.timezone, order=mapping.dates, date1904=intake.date1904, short_years=mapping.short_years
        )
        why, asked = f"{name}: not a time", bad.any() or mapping.short_years
        if asked and (written := meant(values, mapping.dates, short_years=mapping.short_years)):
            why = f"{name}: dates are written {written!r}, the mapping says {mapping.dates!r}"
            at, bad = at.mask(at.notna()), cleaned(values).notna().to_numpy()
        reasons.add(bad, why)
        intake.see(why, values, bad)
        if name in (*HAPPENED, *ENDS):
            zero = at_zero(at, mapping.timezone)
            intake.notes[f"{name}: 1970-01-01 00:00, the zero of a clock, taken as empty"] += int(zero.sum())
            at = at.mask(zero)
        return written_end(values, at, mapping.timezone) if name in ENDS else at
    if column.kind in {"integer", "number"}:
        return _numbers(column, values, reasons)
    if column.kind == "flag":
        return _flags(name, values, reasons, blank=column.blank)
    if is_identifier(name) and name not in mapping.words:
        texts, damaged = read_ids(values)
        reasons.add(damaged, f"{name}: {DAMAGED}")
        return texts
    texts = cleaned(values)
    if name in _CLOSED:
        other = np.array([isinstance(t, str) and not set(t.split()) <= _CLOSED[name] for t in texts], dtype=bool)
        intake.notes[f"{name}: no canonical word, left empty; map it through `words`"] += int(other.sum())
        return texts.mask(other)
    allowed = list(column.values)
    if allowed:
        odd = texts.notna() & ~texts.isin(allowed)
        reasons.add(odd.to_numpy(), f"{name}: not one of {', '.join(allowed)}")
    return texts


def _translated(name: str, values: pd.Series, intake: Intake) -> pd.Series:
    mapped = {fold(k): str(v) for k, v in intake.mapping.words[name].items()}
    words = {fold(v): v for v in mapped.values() if v} | mapped
    said = folded(values)
    known = said.map(words).astype("str")
    unknown = said.notna() & known.isna()
    fallback = words.get("*")
    intake.notes[f"{name}: {fallback or 'left empty'} for words the mapping does not know"] += int(unknown.sum())
    known = known.where(~unknown, fallback) if fallback else known
    return known.where(known != "", None)


def _numbers(column: Column, values: pd.Series, reasons: Reasons) -> pd.Series:
    if pd.api.types.is_numeric_dtype(values.dtype):
        numbers = values.astype("float64")
    else:
        texts = _plain_digits(clean(values))
        numbers = pd.Series(pd.to_numeric(texts.to_pandas(), errors="coerce").to_numpy(dtype=float), index=values.index)
        reasons.add(
            numbers.isna().to_numpy() & pc.is_valid(texts).to_numpy(zero_copy_only=False),
            f"{column.name}: not a number",
        )
    if column.name == "count":
        reasons.add(numbers.isna().to_numpy() & (reasons.texts == ""), "count is empty: how many is not known")
    odd = np.zeros(len(numbers), dtype=bool)
    if column.kind == "integer":
        odd |= (numbers % 1 != 0).to_numpy() & numbers.notna().to_numpy()
    odd |= (numbers < (-np.inf if column.least is None else column.least)).to_numpy()
    odd |= (numbers > (np.inf if column.most is None else column.most)).to_numpy()
    reasons.add(odd, f"{column.name}: wanted {column.kind} {column.rule()}".rstrip())
    numbers = numbers.mask(odd)
    return numbers.astype("Int64") if column.kind == "integer" else numbers


def _plain_digits(texts: pa.Array) -> pa.Array:
    """Numbers without their unit and the marks between thousands; ``1,5`` stays as it is, since it may be 1.5."""
    alone = pc.replace_substring_regex(texts, r"\s*[人户件次起]+\s*$", "")
    grouped = pc.match_substring_regex(alone, r"^[+-]?\d{1,3}(?:[,，\s]\d{3})+(?:\.\d+)?$")
    return pc.if_else(pc.fill_null(grouped, fill_value=False), pc.replace_substring_regex(alone, r"[,，\s]", ""), alone)


def _flags(name: str, values: pd.Series, reasons: Reasons, *, blank: bool) -> pd.Series:
    said = folded(values).str.lower()
    yes, no = said.isin(FILE_WORDS["yes"]), said.isin(FILE_WORDS["no"]) | said.isna()
    reasons.add((~yes & ~no).to_numpy(), f"{name}: neither yes nor no")
    return yes | said.isna() if blank else yes
