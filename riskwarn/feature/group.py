"""Groups of features: files that declare them, plain values that carry them, and the catalogue that lists them."""

import dataclasses
import re
import traceback
import types
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DefinitionError, did_you_mean
from riskwarn.feature import around, calendar, cases, composed, counts, ladder, mix, normal, own, recent, rise, space
from riskwarn.feature.base import Feature
from riskwarn.history import TABLE_OF, History, Stream
from riskwarn.language import LANGUAGES, in_every_language, name_of
from riskwarn.taxonomy import CATEGORIES

_NO_NAME = re.compile(r"[^\w.\-]")
"""What lightgbm, CSV headers and the command line take for a mark of their own."""
_SHOWN = 12

KINDS: dict[str, type[Feature]] = {
    kind.__name__: kind
    for module in (counts, rise, recent, cases, mix, ladder, space, around, calendar, composed, normal, own)
    for kind in vars(module).values()
    if isinstance(kind, type)
    and issubclass(kind, Feature)
    and kind.__module__ == module.__name__
    and not kind.__name__.startswith("_")
}
"""Every kind of feature by name."""


@checked
def from_dict(values: Mapping[str, Any]) -> Feature:
    """The feature that :meth:`Feature.to_dict` described.

    Parameters
    ----------
    values
        Its kind and parameters, as plain values.

    Returns
    -------
    feature
        An equal one.

    Raises
    ------
    DefinitionError
        Unknown kind or parameter.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> feature = Count("dispute", days=28).nearby()
    >>> from_dict(feature.to_dict()) == feature
    True
    """
    kind = str(values.get("kind"))
    made = _kind(kind)
    known = {f.name for f in dataclasses.fields(made)}
    given = {k: v for k, v in values.items() if k != "kind"}
    unknown = sorted(set(given) - known)
    if unknown:
        raise DefinitionError(f"feature {kind}: unknown parameter {unknown[0]!r}{did_you_mean(unknown[0], known)}.")
    return made(**{k: _rich(v) for k, v in given.items()})


def _kind(name: str) -> type[Feature]:
    """The kind of a name: the package's, else the newest that was defined outside it."""
    kinds = {**{kind.__name__: kind for kind in _below(Feature) if not kind.__name__.startswith("_")}, **KINDS}
    if name not in kinds:
        raise DefinitionError(
            f"unknown kind of feature {name!r}{did_you_mean(name, kinds)}; known: {', '.join(kinds)}. "
            "A kind of your own has to be defined, or imported, before what is saved with it is read."
        )
    return kinds[name]


def _below(kind: type[Feature]) -> Iterator[type[Feature]]:
    """All kinds made from a kind, in the order in which they were defined."""
    for child in kind.__subclasses__():
        yield child
        yield from _below(child)


@checked
def load_group(folder: Path, group: str) -> tuple[Feature, ...]:
    """The `FEATURES` of the file ``folder/group.py``.

    Parameters
    ----------
    folder
        With one file a group.
    group
        Name of the file, without its ending.

    Returns
    -------
    features
        In the order of the file.

    Raises
    ------
    DefinitionError
        No such file, no `FEATURES` in it, or something in it that is not a feature; the message names the line.

    Examples
    --------
    >>> [feature.name for feature in load_group(Path("features"), "around")[:2]]
    ['police_call_p04_n_28d_nearby', 'police_call_p04_n_365d_nearby']
    """
    path = folder / f"{group}.py"
    if not path.exists():
        known = sorted(p.stem for p in folder.glob("*.py"))
        raise DefinitionError(
            f"{folder}: no feature group {group!r}{did_you_mean(group, known)}; known: {', '.join(known)}."
        )
    module = types.ModuleType(f"riskwarn_features.{group}")
    try:
        exec(compile(path.read_text("utf-8"), str(path), "exec"), module.__dict__)  # noqa: S102 - a declaration file of the user's own
    except (DefinitionError, TypeError, NameError, SyntaxError, ImportError, AttributeError) as error:
        raise DefinitionError(f"{path}{_line(path, error)}: {error}") from None
    features = getattr(module, "FEATURES", None)
    if not isinstance(features, Sequence) or not all(isinstance(f, Feature) for f in features):
        raise DefinitionError(f"{path}: wanted FEATURES, a list of features, found {type(features).__name__}.")
    return tuple(features)


@checked
def check_names(features: Sequence[Feature], *, audit: bool = False) -> None:
    """Refuse names that no table or model can hold, two features of one name, and, unless for `audit`, those a model may not read.

    Parameters
    ----------
    features
        As declared, in order.
    audit
        Whether features of what staff do may stand among them.

    Raises
    ------
    DefinitionError
        A name holds other marks than letters, digits, ``_``, ``-`` and ``.``; two features share a name; or one is for audit only.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> check_names([Count("dispute", days=7), Count("dispute", days=28)])
    """
    names = [f.name for f in features]
    odd = next(((n, mark) for n in names if (mark := _NO_NAME.search(n))), None)
    if odd:
        raise DefinitionError(
            f"feature name {odd[0]!r} holds {odd[1].group()!r}; a name is made of letters, digits, '_', '-' and '.'. "
            "Rename the category or the feature."
        )
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise DefinitionError(f"two features are called {twice[0]!r}; declare it once.")
    audited = [f.name for f in features if not f.for_model]
    if audited and not audit:
        raise DefinitionError(
            f"feature {audited[0]!r} is for audit only: what staff do never lowers or raises a grid's score. Leave its group out of the experiment."
        )


@checked
def check_streams(features: Iterable[Feature], history: History) -> None:
    """Refuse features whose feed, table or category the history does not hold, all at once.

    A canonical category (``D07``) of which nothing has happened yet is a true zero where the feed speaks in canonical categories; a
    code that no record of the feed carries is a misspelling, and would be zero for ever.

    Parameters
    ----------
    features
        Of any kind.
    history
        The city's.

    Raises
    ------
    DefinitionError
        Streams that are absent, each with who reads it and the nearest known name; an absent feed is not a feed of zeros.
    """
    readers: dict[tuple[str, str], list[str]] = {}
    for feature in features:
        for missing in dict.fromkeys(m for stream in feature.reads for m in _missing(stream, history)):
            readers.setdefault(missing, []).append(feature.name)
    if readers:
        faults = [_fault(*missing, names, history) for missing, names in sorted(readers.items())]
        raise DefinitionError(f"{'; '.join(faults)}. Leave the feature group out, or ingest the feed.")


def _missing(stream: Stream, history: History) -> list[tuple[str, str]]:
    """What a stream names and the history does not hold: its source, or its source and a category."""
    if stream.source in TABLE_OF:
        return []
    if stream.source not in history.sources:
        return [(stream.source, "")]
    return [(stream.source, code) for code in stream.categories if code not in _spoken(stream.source, history)]


def _spoken(source: str, history: History) -> frozenset[str]:
    """The categories a feed may speak of: those it does, and the canonical ones where it uses any of them."""
    held = history.categories(source)
    return held | CATEGORIES.keys() if held & CATEGORIES.keys() else held


def _fault(source: str, code: str, names: Sequence[str], history: History) -> str:
    read = f"which {', '.join(map(repr, names[:3]))}{' and others' if len(names) > 3 else ''} read"
    if not code:
        known = [*history.sources, *TABLE_OF]
        return f"the store holds no source {source!r}{did_you_mean(source, known)}, {read}; it has: {', '.join(history.sources) or 'none'}"
    held = sorted(history.categories(source))
    near = did_you_mean(code, sorted(_spoken(source, history)))
    others = " and others" if len(held) > _SHOWN else ""
    return f"source {source!r} has no category {code!r}{near}, {read}; it has: {', '.join(held[:_SHOWN])}{others}"


@checked
def catalogue(features: Iterable[Feature] | Path) -> pd.DataFrame:
    """One row a feature: what it is, in which unit, who answers for it, and whether a model may read it.

    Parameters
    ----------
    features
        Features, or a folder of feature groups.

    Returns
    -------
    catalogue
        Columns `group` (empty for loose features), `name`, `kind`, `unit`, what it is in each language (`zh`, `en`), `family`, `code`,
        who answers for it likewise (`owner_zh`, `owner_en`), `reads`, `for_model`.

    Raises
    ------
    DefinitionError
        The folder holds no feature group.

    Examples
    --------
    >>> from riskwarn.feature import Count
    >>> catalogue([Count("dispute", days=28)])[["name", "unit", "en"]].iloc[0].tolist()
    ['dispute_n_28d', 'count', 'disputes in the last 28 days']
    """
    if isinstance(features, Path):
        if not any(features.glob("*.py")):
            raise DefinitionError(
                f"{features} holds no feature group; name a folder of .py files that declare FEATURES."
            )
        declared = [(p.stem, f) for p in sorted(features.glob("*.py")) for f in load_group(features, p.stem)]
    else:
        declared = [("", f) for f in features]
    return pd.DataFrame([_entry(group, feature) for group, feature in declared])


@checked
def page(folder: Path) -> str:
    """The catalogue of a folder as a page of Markdown: a table a group.

    Parameters
    ----------
    folder
        Of feature groups.

    Returns
    -------
    page
        Markdown, as in ``docs/features.md``.
    """
    lines = ["# Features", "", _INTRODUCTION.strip(), ""]
    for path in sorted(folder.glob("*.py")):
        lines += [f"## {path.stem}", "", _about(path), "", *_head()]
        for row in catalogue(load_group(folder, path.stem)).itertuples():
            use = "model" if row.for_model else "audit only"
            lines.append(f"| `{row.name}` | {_cells(row)} | {row.unit} | {_cells(row, 'owner_')} | {use} |")
        lines.append("")
    return "\n".join(lines)


def _head() -> list[str]:
    titles = ["name", *(name_of(code) for code in _READ), "unit", *(f"owner, {name_of(code)}" for code in _READ), "use"]
    return [f"| {' | '.join(titles)} |", "| --- " * len(titles) + "|"]


def _cells(row: Any, prefix: str = "") -> str:
    return " | ".join(getattr(row, prefix + code) for code in _READ)


_READ = LANGUAGES[::-1]
"""Languages of the page, that of its prose first."""
_INTRODUCTION = """
Every feature of the starter, as declared in `features/*.py`. This page is generated: `python docs/features.py`.

A feature is a function from what was known at `as_of` to one number per grid; a window of `days` is `days` times 24 hours before it.
Counts of what residents ask for and of what staff find stand apart. Where a feed spoke for a part of a window, rates are per observed
day; where it was silent for all of it, the value is missing, never zero. Where a feed, or a county's part of it, tells no closings, what
is open or late is missing too, and not every case. Features of what staff do (visits, rosters) are for audit:
no experiment may feed them to a model.

A name is made of letters, digits, `_`, `-` and `.`. A feature on a feed, table or category that the store does not hold is refused; a
canonical category of which nothing has happened yet is a true zero. Working days and the Spring Festival (1950 to 2100) come from the
package `holidays`; of a year whose exchanged days are not announced yet the holidays fixed by law count.
"""


def _about(path: Path) -> str:
    tree = compile(path.read_text("utf-8"), str(path), "exec", flags=0x400)
    body = getattr(tree, "body", [])
    text = getattr(getattr(body[0], "value", None), "value", "") if body else ""
    return " ".join(str(text).split())


def _entry(group: str, feature: Feature) -> dict[str, object]:
    return {
        "group": group,
        "name": feature.name,
        "kind": type(feature).__name__,
        "unit": feature.unit,
        **in_every_language(feature.words),
        "family": feature.family,
        "code": feature.code,
        **{f"owner_{code}": text for code, text in in_every_language(feature.owner).items()},
        "reads": " ".join(dict.fromkeys(s.source for s in feature.reads)),
        "for_model": feature.for_model,
    }


def _line(path: Path, error: BaseException) -> str:
    if isinstance(error, SyntaxError):
        return f", line {error.lineno}"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    return f", line {lines[-1]}" if lines else ""


def _rich(value: object) -> object:
    if isinstance(value, list):
        return tuple(_rich(v) for v in value)
    if isinstance(value, Mapping):
        return from_dict(value) if "kind" in value else Stream.parse(value)
    return value
