"""What may be declared, and how a wrong declaration is told: file, section, key, what was found and what was wanted.

A declaration is a frozen dataclass whose fields carry their range. :func:`declared` makes it one, in Python as in a file: a wrong
value in the constructor and a wrong value in TOML are the same :class:`riskwarn.errors.DefinitionError`, which names *all* faults.

::

    @declared
    class Folds:
        n_folds: AtLeastOne = 4

    Folds(n_folds=0)                                    Folds: n_folds: wanted a whole number of at least 1, got 0.
    read(Folds, {"n_fold": 3}, "weekly.toml", "folds")  weekly.toml: unknown key 'n_fold' in [folds] (did you mean 'n_folds'?).
"""

import dataclasses
import datetime as dt
import functools
import re
import tomllib
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import (
    Annotated,
    Any,
    Literal,
    TypeVar,
    Union,
    cast,
    dataclass_transform,
    get_args,
    get_origin,
    get_type_hints,
)

from pydantic import (
    AfterValidator,
    AllowInfNan,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    ValidationError,
    WrapValidator,
)
from pydantic.dataclasses import dataclass as validated
from pydantic_core import ErrorDetails, PydanticCustomError

from riskwarn.errors import DefinitionError, NotFoundError, did_you_mean

T = TypeVar("T")


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python; anything else as it is."""
    return value.item() if hasattr(value, "item") and getattr(value, "ndim", None) == 0 else value


def _unchanged(value: Any, handler: Callable[[Any], Any]) -> Any:
    """Checked, but not turned into a float: 28 days stay 28, so that what was declared is written again as it was."""
    handler(value)
    return value


Text = Annotated[str, Strict()]
"""Text; a number is none."""
Whole = Annotated[int, Strict(), BeforeValidator(_plain)]
"""A whole number; neither 3.0 nor true."""
Number = Annotated[float, Strict(), AllowInfNan(False), WrapValidator(_unchanged), BeforeValidator(_plain)]
"""A finite number; an integer stays one."""
Day = Annotated[dt.date, Strict()]
"""A calendar date; not a moment, not text."""
Flag = Annotated[bool, Strict()]
"""true or false."""
AtLeastOne = Annotated[Whole, Field(ge=1)]
AtLeastZero = Annotated[Whole, Field(ge=0)]
Positive = Annotated[Number, Field(gt=0)]
Cap = Annotated[float, Strict(), Field(gt=0), WrapValidator(_unchanged), BeforeValidator(_plain)]
"""A number above 0, or infinity for no cap."""
NotNegative = Annotated[Number, Field(ge=0)]
Share = Annotated[Number, Field(gt=0, lt=1)]
"""A share, strictly between 0 and 1."""
Quantile = Annotated[Number, Field(ge=0, le=1)]

Name = Annotated[Text, Field(pattern=r"^[\w.\-]+$")]
"""A name that tables, models and file names can hold: letters, digits, ``_``, ``-`` and ``.``."""
MAX_DAYS = 36_525
"""A hundred years: no window or horizon is longer."""
Days = Annotated[Number, Field(gt=0, le=MAX_DAYS)]

_CONFIG = ConfigDict(extra="forbid", arbitrary_types_allowed=True)
_LONGEST = 60
"""Letters of a value that a message repeats."""


@dataclass_transform(frozen_default=True, field_specifiers=(dataclasses.field, Field))
def declared(cls: type[T]) -> type[T]:
    """A frozen dataclass whose values are checked when it is made.

    Parameters
    ----------
    cls
        Class with annotated fields; rules across fields are methods under ``pydantic.model_validator(mode="after")`` that raise
        ValueError with the sentence to show.

    Returns
    -------
    cls
        The class as a frozen dataclass: ``dataclasses.replace``, ``fields`` and ``asdict`` work as usual, and a mapping stands for a
        nested declaration.

    Examples
    --------
    >>> @declared
    ... class Folds:
    ...     n_folds: AtLeastOne = 4
    >>> Folds(3)
    Folds(n_folds=3)
    >>> Folds(n_folds="3")
    Traceback (most recent call last):
    riskwarn.errors.DefinitionError: Folds: n_folds: wanted a whole number of at least 1, got '3'.
    """
    made = validated(frozen=True, config=_CONFIG)(cls)
    checked = made.__init__

    @functools.wraps(checked)
    def init(self: Any, *args: Any, **values: Any) -> None:
        names = _names(made)
        if len(args) > len(names) or values.keys() & set(names[: len(args)]):
            raise DefinitionError(
                f"{cls.__name__}: takes each of {', '.join(names)} once, got {len(args) + len(values)} values."
            )
        try:
            checked(self, **dict(zip(names, args, strict=False)), **values)
        except ValidationError as error:
            raise DefinitionError(f"{cls.__name__}: {'; '.join(faults(error, made))}.") from None

    made.__init__ = init  # type: ignore[method-assign]
    return cast("type[T]", made)


def check(declaration: Any) -> None:
    """Check the fields of a frozen dataclass by their annotations, and put in their places what they mean.

    For classes that others subclass as plain dataclasses, as features are: called in ``__post_init__``, it does for all of them what
    :func:`declared` does for one.

    Parameters
    ----------
    declaration
        Of a frozen dataclass.

    Raises
    ------
    DefinitionError
        A value has the wrong type or range; one message tells all of them.

    Examples
    --------
    >>> @dataclasses.dataclass(frozen=True)
    ... class Window:
    ...     days: Days
    ...     def __post_init__(self):
    ...         check(self)
    >>> Window(0)
    Traceback (most recent call last):
    riskwarn.errors.DefinitionError: Window: days: wanted a number above 0 and at most 36525, got 0.
    """
    cls: Any = type(declaration)
    values = {f.name: getattr(declaration, f.name) for f in dataclasses.fields(declaration)}
    try:
        meant = _fields_of(cls).__pydantic_validator__.validate_python(values)
    except ValidationError as error:
        raise DefinitionError(f"{cls.__name__}: {'; '.join(faults(error, cls))}.") from None
    for name in values:
        object.__setattr__(declaration, name, getattr(meant, name))


_STRICT: dict[Any, Any] = {str: Text, int: Whole, float: Number, bool: Flag}
"""What a plain annotation means in a declaration."""


@functools.cache
def _fields_of(cls: Any) -> Any:
    """The fields of a dataclass as a declaration of their own."""
    hints = get_type_hints(cls, include_extras=True)
    fields = [(f.name, _STRICT.get(hints[f.name], hints[f.name])) for f in dataclasses.fields(cls)]
    return validated(config=_CONFIG)(dataclasses.make_dataclass(cls.__name__, fields))


def one_of(known: Iterable[str], *, none: bool = False) -> AfterValidator:
    """The note of a text that must be one of some words, where they are known only when the program runs.

    Parameters
    ----------
    known
        The words.
    none
        Whether the empty text, no choice, will do.

    Returns
    -------
    note
        To stand in ``Annotated[Text, one_of(...)]``.

    Examples
    --------
    >>> @declared
    ... class Step:
    ...     wood: Annotated[Text, one_of(["oak", "ash"])]
    >>> Step("oka")
    Traceback (most recent call last):
    riskwarn.errors.DefinitionError: Step: wood: wanted one of oak, ash, got 'oka' (did you mean 'oak'?).
    """
    words = tuple(known)

    def check(value: str) -> str:
        if value in words or (none and not value):
            return value
        raise PydanticCustomError("one_of", "unknown word", {"choices": words})

    return AfterValidator(check)


def read(cls: type[T], values: Any, where: str, section: str = "") -> T:
    """A declaration from the plain values of a file.

    Parameters
    ----------
    cls
        Class made by :func:`declared`.
    values
        What the file holds: a table of plain values.
    where
        The file, as messages shall name it.
    section
        Section of the file in which the values stand; empty for the whole file.

    Returns
    -------
    declaration
        The value of `cls`.

    Raises
    ------
    DefinitionError
        A key is unknown or missing, or a value has the wrong type or range; one message tells all of them with their places.

    Examples
    --------
    >>> @declared
    ... class Folds:
    ...     n_folds: AtLeastOne = 4
    >>> read(Folds, {"n_fold": 3}, "weekly.toml", "folds")
    Traceback (most recent call last):
    riskwarn.errors.DefinitionError: weekly.toml: unknown key 'n_fold' in [folds] (did you mean 'n_folds'?).
    """
    if not isinstance(values, Mapping):
        raise DefinitionError(f"{where}: {_place((section,)) or 'it '}must be a table, got {_short(values)}.")
    try:
        return cast("T", cls.__pydantic_validator__.validate_python(dict(values)))  # type: ignore[attr-defined]
    except ValidationError as error:
        raise DefinitionError(f"{where}: {'; '.join(faults(error, cls, section))}.") from None


def read_toml(path: str | Path, what: str, *, remedy: str = "") -> tuple[dict[str, Any], str]:
    """The values and the text of a TOML file.

    Parameters
    ----------
    path
        The file, UTF-8, with or without a byte order mark.
    what
        What the file is, for messages: ``experiment``, ``mapping``.
    remedy
        What to do where there is no such file nor one of a like name, a clause.

    Returns
    -------
    values, text
        The table the file holds, and its text without the mark.

    Raises
    ------
    NotFoundError
        There is no such file, and the nearest one of the folder is named; or it cannot be opened, as a folder cannot.
    DefinitionError
        It is not UTF-8, or not TOML; the message has the line.

    Examples
    --------
    >>> read_toml("experiments/weekly.toml", "experiment")[0]["label"]["days"]
    28
    """
    path = Path(path)
    if path.is_dir():
        raise NotFoundError(f"no {what} {path}: it is a folder; name a file in it.")
    if not path.is_file():
        beside = [p.name for p in path.parent.glob("*.toml")] if path.parent.is_dir() else []
        said = " ".join(str(path).split())  # a name may hold a line feed; a message is one line
        near = did_you_mean(path.name, beside)
        raise NotFoundError(f"no {what} {said}{near}{f'; {remedy}' if remedy and not near else ''}.")
    try:
        text = path.read_text("utf-8-sig")
        return tomllib.loads(text), text
    except OSError as error:
        raise NotFoundError(f"{what} {path} cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError as error:
        raise DefinitionError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise DefinitionError(f"{path}: not TOML: {error}.") from None


def faults(error: ValidationError, cls: type, section: str = "") -> list[str]:
    """Each fault that pydantic found, as one clause with its place.

    Parameters
    ----------
    error
        What pydantic raised.
    cls
        The declaration that was checked.
    section
        Section in which its keys stand.

    Returns
    -------
    clauses
        One a fault, without full stop.
    """
    return [_clause(fault, cls, section) for fault in error.errors(include_url=False)]


def _clause(fault: ErrorDetails, cls: type, section: str) -> str:
    *parents, key = fault["loc"] or ("",)
    kind, keys = fault["type"], tuple(k for k in (section, *parents) if k != "")
    if kind in {"unexpected_keyword_argument", "extra_forbidden"}:
        known = _names(_annotation(cls, tuple(parents)))
        inside = f" in {_place(keys).strip()}" if keys else ""
        return f"unknown key {key!r}{inside}{_nearest(str(key), known)}"
    if kind in {"missing", "missing_argument"}:
        return f"{_place(keys)}{key!r} is missing"
    if kind == "value_error":  # a rule of ours: its sentence is ready
        return f"{_place((section, *fault['loc']))}{str(fault['ctx']['error']).removesuffix('.')}"
    annotation, value = _annotation(cls, fault["loc"]), fault["input"]
    near = did_you_mean(value, _words(fault, annotation)) if isinstance(value, str) else ""
    if isinstance(key, int):  # the place in a list is told after the key that holds the list
        keys, key = keys[:-1], f"{keys[-1]}, value {key + 1}"
    return f"{_place(keys)}{key}: wanted {_wanted(fault, annotation)}, got {_short(value)}{near}"


def _short(value: object) -> str:
    text = " ".join(repr(value).split())
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"


def _place(keys: Iterable[str | int]) -> str:
    """``[label.streams] `` of label, streams, 0: the section as a file writes it, with a space behind; empty for the head of the file."""
    named = [str(key) for key in keys if isinstance(key, str) and key]
    return f"[{'.'.join(named)}] " if named else ""


def _nearest(word: str, known: list[str]) -> str:
    return did_you_mean(word, known) or f" (known: {', '.join(known)})"


def _bare(annotation: Any) -> Any:
    """The type without its notes, and without the None of an optional value."""
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    if get_origin(annotation) in {Union, types.UnionType}:
        left = [a for a in get_args(annotation) if a is not type(None)]
        return _bare(left[0]) if len(left) == 1 else annotation
    return annotation


def _annotation(annotation: Any, keys: tuple[str | int, ...]) -> Any:
    """The type that is declared where `keys` lead; Any where they lead nowhere."""
    for key in keys:
        bare = _bare(annotation)
        inner = [a for a in get_args(bare) if a is not Ellipsis]
        if dataclasses.is_dataclass(bare):
            annotation = get_type_hints(bare, include_extras=True).get(str(key), Any)
        elif get_origin(bare) is tuple and inner:
            annotation = inner[min(int(key), len(inner) - 1)] if isinstance(key, int) else Any
        else:
            annotation = inner[-1] if inner else Any
    return annotation


def _names(annotation: Any) -> list[str]:
    bare = _bare(annotation)
    return [f.name for f in dataclasses.fields(bare) if f.init] if dataclasses.is_dataclass(bare) else []


def _words(fault: ErrorDetails, annotation: Any) -> list[str]:
    """The words among which one may choose, if the place is such a choice."""
    bare = _bare(annotation)
    choices = fault.get("ctx", {}).get("choices", ())
    return [str(choice) for choice in (get_args(bare) if get_origin(bare) is Literal else choices) if choice != ""]


_KINDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dt.date: "a date without quotes, such as 2025-03-31 (in Python datetime.date(2025, 3, 31))",
    tuple: "a list",
    list: "a list",
    dict: "a table",
    Mapping: "a table",
}
_BOUNDS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}


_SENTENCES = {
    "string_pattern_mismatch": "a name of letters, digits, '_', '-' and '.'",
    "string_too_short": "at least {min_length} letter",
    "too_short": "a list of at least {min_length}",
    "too_long": "a list of at most {max_length}",
    "is_instance_of": "a {class}",
}
"""What is wanted where the type alone does not tell it, by pydantic's name of the fault."""


def _wanted(fault: ErrorDetails, annotation: Any) -> str:
    """What the place takes, in words: its kind, and its range where there is one."""
    if words := _words(fault, annotation):
        return f"one of {', '.join(words)}"
    if fault["type"] in _SENTENCES:
        return _SENTENCES[fault["type"]].format(**fault["ctx"])
    bare = _bare(annotation)
    kind = _KINDS.get(get_origin(bare) or bare)
    if kind is None and dataclasses.is_dataclass(bare):
        kind = "a table"
    if kind is None:
        return re.sub(r"^(Input|Value) should be ", "", fault["msg"])
    bounds = [
        text.format(getattr(note, name))
        for note in _notes(annotation)
        for name, text in _BOUNDS.items()
        if hasattr(note, name)
    ]
    limits = " and ".join(bounds)
    return f"{kind} {'of ' if limits.startswith('at') else ''}{limits}".strip()


def _notes(annotation: Any) -> list[Any]:
    """The notes of an annotated type, those inside a pydantic field opened."""
    notes = list(get_args(annotation)[1:]) if get_origin(annotation) is Annotated else []
    return [inner for note in notes for inner in getattr(note, "metadata", None) or [note]]
