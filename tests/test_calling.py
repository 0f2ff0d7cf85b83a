"""The law of a call: wrong arguments are told in one sentence, right ones pass, whatever their library calls them."""

import collections.abc
import contextlib
import importlib
import inspect
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import riskwarn
from riskwarn.calling import checked
from riskwarn.errors import ArgumentError, DataError, NotFoundError, RiskwarnError


@checked
def plan(
    frame: pd.DataFrame,
    path: Path | str,
    *,
    n: int = 3,
    mode: Literal["slow", "fast"] = "slow",
    names: collections.abc.Sequence[str] | None = None,
    numbers: npt.ArrayLike | None = (),
    raises: Exception | None = None,
) -> str:
    if raises:
        raise raises
    return f"{len(frame)} {path} {n} {mode} {names} {np.size(numbers)}"


FRAME = pd.DataFrame({"a": [1]})


@pytest.mark.parametrize(
    "right",
    [
        {"n": np.int64(4)},
        {"n": 4.0},
        {"mode": "fast"},
        {"names": ["a"]},
        {"names": ("a", "b")},
        {"names": None},
        {"numbers": [1, 2]},
        {"numbers": 0.5},
        {"numbers": None},
        {"numbers": pd.Series([1])},
        {"numbers": np.zeros((2, 2))},
    ],
    ids=str,
)
def test_what_fits_passes(right):
    """Numbers of numpy are numbers, a tuple is a sequence, a Series an array."""
    assert plan(FRAME, "x", **right).startswith("1 x")


@pytest.mark.parametrize(
    ("args", "values", "said"),
    [
        ((), {}, "missing a required argument: 'frame'"),
        ((FRAME, "x", 3), {}, "too many positional arguments"),
        ((FRAME, "x"), {"m": 3}, "got an unexpected keyword argument 'm'"),
        (
            ("x", FRAME),
            {},
            "frame must be a DataFrame, got 'x'; path must be a Path or text, got a DataFrame; they stand in the wrong order",
        ),
        ((FRAME, 3), {}, "path must be a Path or text, got 3"),
        ((FRAME, "x"), {"n": "3"}, "n must be a whole number, got '3'"),
        ((FRAME, "x"), {"n": True}, "n must be a whole number, got True"),
        ((FRAME, "x"), {"mode": "fats"}, "mode must be one of slow, fast, got 'fats' (did you mean 'fast'?)"),
        ((FRAME, "x"), {"names": "abc"}, "names must be several, each text, got 'abc'"),
        ((FRAME, "x"), {"names": [1]}, "names must be several, each text, got a list"),
        ((FRAME, "x"), {"names": FRAME}, "names must be several, each text, got a DataFrame"),
        ((FRAME, "x"), {"numbers": "abc"}, "numbers must be numbers, got 'abc'"),
        ((FRAME, "x" * 99), {"n": None}, "n must be a whole number, got None"),
    ],
    ids=str,
)
def test_what_does_not_fit_is_told(args, values, said):
    """Each wrong argument by name, what was wanted, what was given, and how the function is called."""
    with pytest.raises(ArgumentError) as error:
        plan(*args, **values)

    assert str(error.value) == (
        f"plan: {said}. It is called as plan(frame, path, *, n=…, mode=…, names=…, numbers=…, raises=…)."
    )


@pytest.mark.parametrize(
    ("raised", "said"),
    [
        (ValueError("cannot\nreshape."), "plan: cannot reshape."),
        (KeyError("BATTERY"), "plan: there is no 'BATTERY' in what was given."),
        (IndexError(), "plan: IndexError."),
    ],
    ids=str,
)
def test_what_a_library_refuses_is_an_error_of_ours(raised, said):
    """Its sentence in one line, and the library's error behind it for who looks."""
    with pytest.raises(ArgumentError) as error:
        plan(FRAME, "x", raises=raised)

    assert str(error.value) == said
    assert error.value.__cause__ is raised


@pytest.mark.parametrize("raised", [NotFoundError("no"), OSError("disk"), MemoryError()], ids=repr)
def test_errors_of_ours_and_of_the_system_pass(raised):
    """Nothing is put over an error that says what it is."""
    with pytest.raises(type(raised)) as error:
        plan(FRAME, "x", raises=raised)

    assert error.value is raised


def test_it_is_a_value_error_and_a_type_error_too():
    """Who catches Python's own kinds still does."""
    assert {DataError, ValueError, TypeError} <= set(ArgumentError.__mro__)


def public():
    """Every public function of the modules that riskwarn names, with its full name."""
    for name in riskwarn._MODULES:
        module = importlib.import_module(f"riskwarn.{name}")
        for word in getattr(module, "__all__", None) or vars(module):
            function = getattr(module, word)
            if inspect.isfunction(function) and function.__module__.startswith(module.__name__) and word[0] != "_":
                yield f"{name}.{word}", function


PUBLIC = dict(public())
APART = {"testing", "errors", "example"}
"""Assertions for tests, the errors themselves, and a town that takes a while to read."""
ANY = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.text(max_size=3)
    | st.dates()
    | st.lists(st.integers(), max_size=2)
    | st.sampled_from([pd.DataFrame(), pd.DataFrame({"grid_id": ["a"]}), np.zeros(2), object(), {}, pd.NaT])
)


@pytest.mark.parametrize("name", [n for n in PUBLIC if n.split(".")[0] not in APART])
@given(data=st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
def test_no_library_error_reaches_a_user(name, data, tmp_path_factory):
    """Whatever a public function is given, in whatever order, it answers or raises an error of ours, in one line."""
    function: Any = PUBLIC[name]
    parameters = inspect.signature(function).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind in {p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY}]
    values = {p.name: data.draw(ANY) for p in needed}
    said = ""
    try:
        with contextlib.chdir(tmp_path_factory.getbasetemp()):
            function(**values)
    except RiskwarnError as error:
        said = str(error)
    except OSError:
        pass

    assert "\n" not in said
