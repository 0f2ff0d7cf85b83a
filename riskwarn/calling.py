"""The law of a call: what a public function does not take is told in one sentence, never by an error of some library.

:func:`checked` reads the kinds of the arguments from the annotations that stand there anyway. So a function says nothing twice, and
``backtest(panel, experiment)`` is told as arguments in the wrong order, not as a missing attribute.
"""

import functools
import inspect
import numbers
import types
from collections import abc
from collections.abc import Callable
from pathlib import PurePath
from typing import Annotated, Any, Literal, ParamSpec, TypeVar, Union, get_args, get_origin, get_type_hints

from riskwarn.errors import ArgumentError, RiskwarnError, did_you_mean
from riskwarn.extras import guests

P = ParamSpec("P")
R = TypeVar("R")
_LONGEST = 60
_SEVERAL: tuple[Any, ...] = (
    list,
    tuple,
    set,
    frozenset,
    abc.Sequence,
    abc.Iterable,
    abc.Collection,
    abc.Iterator,
    abc.Set,
)
_FROM_PATH = {
    "Store": "open it: rw.Store({})",
    "Experiment": "load it: rw.Experiment.load({})",
    "RiskModel": "load it: rw.RiskModel.load({})",
}
HEARD: dict[str, Callable[[dict[str, Any], Any], None]] = {}
"""Who hears of a call that went well, by the module and name of what was called: what it was given and what it gave. Empty unless somebody asks."""
_ARRAYS = {"ndarray", "Series", "Index", "DatetimeIndex", "MultiIndex"}
"""Of numpy and pandas: anything that holds several values stands for one of them."""


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """A public function whose wrong arguments are told by an error of ours.

    Parameters
    ----------
    function
        Annotated; what its annotations name is what it takes.

    Returns
    -------
    function
        The same, which raises :class:`riskwarn.errors.ArgumentError` where an argument is missing, unknown or of another kind, and
        where a library refuses what it holds. Errors of ours, and of the system, pass through.

    Examples
    --------
    >>> @checked
    ... def share(part: float, *, of: float) -> float:
    ...     return part / of
    >>> share(1, of=4)
    0.25
    >>> share("1", of=4)
    Traceback (most recent call last):
    riskwarn.errors.ArgumentError: share: part must be a number, got '1'. It is called as share(part, *, of).
    >>> share(1, of=4, by=2)
    Traceback (most recent call last):
    riskwarn.errors.ArgumentError: share: got an unexpected keyword argument 'by'. It is called as share(part, *, of).
    """
    signature = inspect.signature(function)
    named = function.__qualname__.split("<locals>.")[-1].removesuffix(".__init__")
    place = f"{function.__module__}.{function.__qualname__}"

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            given = signature.bind(*args, **kwargs).arguments
        except TypeError as error:
            raise ArgumentError(_sentence(named, signature, [str(error)])) from None
        if faults := _faults(given, signature, _hints(function)):
            raise ArgumentError(_sentence(named, signature, faults))
        try:
            with guests():
                found = function(*args, **kwargs)
        except RiskwarnError:
            raise
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise ArgumentError(f"{named}: {_refusal(error)}") from error
        if place in HEARD:
            HEARD[place](given, found)
        return found

    return call


class CheckedClass(type):
    """A class that is made by its users, whose missing or unknown values are told by an error of ours.

    Examples
    --------
    >>> class Step(metaclass=CheckedClass):
    ...     def __init__(self, wood: str) -> None:
    ...         self.wood = wood
    >>> Step()
    Traceback (most recent call last):
    riskwarn.errors.ArgumentError: Step: missing a required argument: 'wood'. It is called as Step(wood).
    """

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """A new value of the class."""
        try:
            return super().__call__(*args, **kwargs)
        except TypeError as error:
            if isinstance(error, RiskwarnError):
                raise
            signature = inspect.signature(cls.__init__)  # type: ignore[misc]
            try:
                signature.bind(None, *args, **kwargs)
            except TypeError as unbound:
                raise ArgumentError(_sentence(cls.__name__, signature, [str(unbound)])) from None
            raise ArgumentError(f"{cls.__name__}: {_refusal(error)}") from error


@functools.cache
def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The kinds of the arguments, but those of a library that is imported for the type checker alone."""
    arguments = {name: hint for name, hint in function.__annotations__.items() if name != "return"}
    try:
        return get_type_hints(
            types.SimpleNamespace(__annotations__=arguments), function.__globals__, include_extras=True
        )
    except NameError:
        return {name: hint for name, hint in arguments.items() if not isinstance(hint, str)}


def _faults(given: dict[str, Any], signature: inspect.Signature, hints: dict[str, Any]) -> list[str]:
    """What is of another kind than its annotation names, one clause each."""
    plain = {inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY}
    wrong = {
        name: value
        for name, value in given.items()
        if signature.parameters[name].kind in plain and not _fits(value, hints.get(name, Any))
    }
    clauses = [_clause(name, value, hints[name]) for name, value in wrong.items()]
    if len(wrong) > 1 and all(any(_fits(value, hints[other]) for other in wrong) for value in wrong.values()):
        clauses.append("they stand in the wrong order")
    return clauses


def _fits(value: object, hint: Any) -> bool:
    """Whether a value is of the kind an annotation names; what cannot be told is taken."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _fits(value, inner[0])
    if _array_like(inner):
        return _holds_several(value) or isinstance(value, numbers.Number) or (value is None and type(None) in inner)
    if origin in {Union, types.UnionType}:
        return any(_fits(value, one) for one in inner)
    if origin is Literal:
        return any(value is one or (isinstance(value, str) and value == one) for one in inner)
    kind = type(None) if hint is None else origin or hint
    return not isinstance(kind, type) or kind is object or _is_a(value, kind, inner)


def _array_like(kinds: tuple[Any, ...]) -> bool:
    """Whether these are the kinds of numpy's ``ArrayLike``: protocols with names of its own."""
    return any(getattr(get_origin(kind) or kind, "__name__", "").startswith("_Supports") for kind in kinds)


def _is_a(value: object, kind: type, inner: tuple[Any, ...]) -> bool:
    if kind.__name__ in _ARRAYS:
        return _holds_several(value)
    if kind in _SEVERAL:
        return _holds_several(value) and not _is_table(value) and _elements_fit(value, inner)
    if kind in {int, float}:
        return isinstance(value, numbers.Real) and not isinstance(value, bool)
    try:
        return isinstance(value, kind)
    except TypeError:  # a protocol that is no check at run time
        return True


def _holds_several(value: object) -> bool:
    several = isinstance(value, abc.Iterable) or hasattr(value, "__array__")
    return several and not isinstance(value, str | bytes | abc.Mapping)


def _is_table(value: object) -> bool:
    """A table gives the names of its columns when gone through: it is no list of what stands in it."""
    return hasattr(value, "columns") and hasattr(value, "__array__")


def _elements_fit(value: Any, inner: tuple[Any, ...]) -> bool:
    """Whether all elements of a list or tuple fit; an iterator is not used up to see."""
    if not inner or not isinstance(value, list | tuple) or (len(inner) > 1 and inner[-1] is not Ellipsis):
        return True
    return set(map(type, value)) <= {inner[0]} or all(_fits(element, inner[0]) for element in value)


def _clause(name: str, value: object, hint: Any) -> str:
    choices = [str(choice) for choice in get_args(hint)] if get_origin(hint) is Literal else []
    near = did_you_mean(value, choices) if choices and isinstance(value, str) else ""
    return f"{name} must be {_wanted(hint)}, got {_told(value)}{near or _opened(value, hint)}"


def _opened(value: object, hint: Any) -> str:
    """How the thing is had whose path was given in its place."""
    kinds = {getattr(kind, "__name__", "") for kind in (hint, *get_args(hint))}
    how = next((text for kind, text in _FROM_PATH.items() if kind in kinds), "")
    return f" ({how.format(repr(value))})" if how and isinstance(value, str | PurePath) else ""


def _wanted(hint: Any) -> str:
    """An annotation in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return f"one of {', '.join(map(str, inner))}"
    if _array_like(inner):
        return "numbers"
    if origin in {Union, types.UnionType}:
        return " or ".join(dict.fromkeys(_wanted(one) for one in inner if one is not type(None)))
    kind = origin or hint
    if kind in _SEVERAL:
        return f"several, each {_wanted(inner[0])}" if inner and inner[0] is not Any else "several values"
    words = {
        str: "text",
        int: "a whole number",
        float: "a number",
        bool: "True or False",
        dict: "a dictionary",
        abc.Mapping: "a dictionary",
    }
    if kind in words:
        return words[kind]
    name = getattr(kind, "__name__", str(kind))
    return "an array" if name == "ndarray" else f"{'an' if name[0] in 'AEIOU' else 'a'} {name}"


def _told(value: object) -> str:
    """A value in few letters: a plain one as it is, anything else by its kind, so that no record is repeated."""
    if value is None or isinstance(value, str | numbers.Number):
        text = repr(value)
        return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _sentence(named: str, signature: inspect.Signature, faults: list[str]) -> str:
    names: list[str] = []
    star = False
    for parameter in signature.parameters.values():
        if parameter.name in {"self", "cls"}:
            continue
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and not star:
            names, star = [*names, "*"], True
        names.append(parameter.name if parameter.default is inspect.Parameter.empty else f"{parameter.name}=…")
    return f"{named}: {'; '.join(faults)}. It is called as {named}({', '.join(names)})."


def _refusal(error: Exception) -> str:
    """What a library said, in one line; a key that is not there is called so."""
    if isinstance(error, KeyError) and error.args:
        return f"there is no {_told(error.args[0])} in what was given."
    said = " ".join(str(error).split())
    return f"{said.removesuffix('.') or type(error).__name__}."
