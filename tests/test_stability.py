"""What docs/stability.md promises stays: names, verbs, exit codes, routes and columns of tests/promised.toml.

``python tests/test_stability.py`` adds to the list what is new, with each version.
"""

import inspect
import tempfile
import tomllib
from pathlib import Path

import pytest

import riskwarn

PROMISED = tomllib.loads((Path(__file__).parent / "promised.toml").read_text("utf-8"))


def arguments():
    """Arguments of each of the twelve names that a user calls; features are their kinds, and models are trained or loaded."""
    public = {n: getattr(riskwarn, n) for n in riskwarn.__all__ if n not in {"__version__", "Feature", "RiskModel"}}
    return {name: list(inspect.signature(thing).parameters) for name, thing in public.items()}


def exit_codes():
    from riskwarn import errors

    return {n: e.exit_code for n, e in vars(errors).items() if inspect.isclass(e) and hasattr(e, "exit_code")}


def options():
    from riskwarn.cli import VERBS, command

    top = command()
    verbs = {verb: top.get_command(None, verb) for verb in VERBS}
    return {verb: sorted(o for p in held.params for o in p.opts) for verb, held in verbs.items()}


def routes():
    from riskwarn.web import create_app
    from riskwarn.web.described import described

    paths = described(create_app(tempfile.mkdtemp()))["paths"]
    return {path: sorted(methods) for path, methods in paths.items() if path.startswith("/api/v1/")}


def columns():
    from riskwarn.schema import TABLES

    return {name: [column.name for column in table.columns] for name, table in TABLES.items()}


HELD = {"arguments": arguments, "exit_codes": exit_codes, "options": options, "routes": routes, "columns": columns}


@pytest.mark.parametrize("what", HELD)
def test_what_was_promised_is_there(what):
    """No promised name, argument, verb, option, exit code, route or column is gone, and no exit code says something else."""
    held, promised = HELD[what](), PROMISED[what]

    gone = {
        name: parts if name not in held else sorted(set(parts) - set(held[name])) if isinstance(parts, list) else parts
        for name, parts in promised.items()
        if name not in held or (set(parts) - set(held[name]) if isinstance(parts, list) else parts != held[name])
    }

    assert gone == {}


def written():
    """What is there now, as TOML."""
    lines = []
    for what, held in HELD.items():
        lines += [f"[{what}]", *(f'"{name}" = {_toml(parts)}' for name, parts in held().items()), ""]
    return "\n".join(lines)


def _toml(parts):
    return "[" + ", ".join(f'"{p}"' for p in parts) + "]" if isinstance(parts, list) else str(parts)


if __name__ == "__main__":
    (Path(__file__).parent / "promised.toml").write_text(written(), "utf-8")
