"""Write docs/reference from the code, for the site: names, settings, gaps, exit codes, verbs, routes: ``python docs/make_reference.py``."""

import dataclasses
import enum
import importlib
import inspect
import re
import tempfile
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import riskwarn
from riskwarn import errors, experiment, gaps, label, plan
from riskwarn.cli import VERBS, command
from riskwarn.web import create_app
from riskwarn.web.described import described

FOLDER = Path(__file__).parent / "reference"
SECTIONS = {
    "An experiment": (
        experiment.Experiment,
        label.Label,
        experiment.Dates,
        experiment.Folds,
        experiment.ModelSettings,
        experiment.Baselines,
        experiment.Judge,
        experiment.Gate,
    ),
    "The plan of a night": (
        plan.Plan,
        plan.Question,
        plan.Capacity,
        plan.Lanes,
        plan.Stay,
        plan.Triggers,
        plan.Clock,
        plan.Calendar,
        plan.Mode,
        plan.Holds,
    ),
}
"""What files may declare, by the file."""


def write(folder: Path = FOLDER) -> None:
    """Write every page; one that has not changed is left alone, so that the site reads it no second time."""
    (folder / "python").mkdir(parents=True, exist_ok=True)
    pages = {
        "names": names(),
        "labels": labels(),
        "settings": settings(),
        "gap-kinds": gap_kinds(),
        "exit-codes": exit_codes(),
        "command-line": command_line(),
        "routes": routes(),
        **{f"python/{name}": module(name) for name in public_modules()},
    }
    for name, text in pages.items():
        page = folder / f"{name}.md"
        if not page.exists() or page.read_text("utf-8") != text:
            page.write_text(text, "utf-8")


def public_modules() -> list[str]:
    """Names of the public modules, in order."""
    return sorted({*riskwarn._MODULES, *riskwarn._HOME.values()})  # noqa: SLF001 - of the same house


def names() -> str:
    """The twelve names, each with the first line of its docstring, and the modules behind them."""
    public = [name for name in riskwarn.__all__ if not name.startswith("_")]
    rows = [[f"{{py:obj}}`rw.{n} <{_home(n)}>`", _first(getattr(riskwarn, n))] for n in public]
    modules = [[f"[`rw.{n}`](python/{n}.md)", _first(_held(n))] for n in public_modules()]
    return _page(
        "Names in Python",
        "`import riskwarn as rw` brings the names of the first table; everything else is one dot deeper.",
        *_table(["name", "what it is"], rows),
        "",
        "## Modules",
        "",
        *_table(["module", "what it holds"], modules),
    )


def module(name: str) -> str:
    """One public module: its docstring and those of its public names."""
    held = _held(name)
    public = getattr(held, "__all__", None) or [n for n, x in vars(held).items() if _own(n, x, held)]
    rest = [f".. automodule:: riskwarn.{name}", f"   :members: {', '.join(public)}", "   :imported-members:"]
    return "---\norphan: true\n---\n\n" + _page(
        f"riskwarn.{name}", "```{eval-rst}", *(rest if public else rest[:1]), "```"
    )


def labels() -> str:
    """What can be predicted."""
    told = re.findall(r"^- ``(\w+)``: (.*)$", inspect.getdoc(label.Label) or "", re.MULTILINE)
    kinds = [["`count`", "", "the number of events"]]
    kinds += [[f"`{kind}`", f"{label.PAST_DAYS[kind]} days", _roles(words.rstrip(";."))] for kind, words in told]
    return _page(
        "Labels",
        "What a label can ask; {py:obj}`riskwarn.label.Label` says the rest, [experiments](../experiments.md) how it is written.",
        *_table(["kind", "looks back", "y"], kinds),
    )


def settings() -> str:
    """Every key that an experiment or a plan may hold, with its kind and default."""
    lines = ["Each key is told with its meaning in [experiments](../experiments.md) and [the plan](../plan.md).", ""]
    for title, kinds in SECTIONS.items():
        lines += [f"## {title}", ""]
        for kind in kinds:
            lines += [
                f"### {kind.__name__}",
                "",
                _first(kind),
                "",
                *_table(["key", "kind", "default"], _fields(kind)),
                "",
            ]
    return _page("Settings", *lines)


def gap_kinds() -> str:
    """The kinds of gap."""
    rows = [
        [
            f"`{k.code}`",
            k.words["en"],
            k.words["zh"],
            k.meaning["en"],
            ", ".join(f"`{t}`" for t in k.tables + k.columns),
        ]
        for k in gaps.KINDS.values()
    ]
    return _page(
        "Kinds of gap",
        "How each is found, and how well, says [gaps](../gaps.md). A kind whose tables or columns are not there is not run.",
        *_table(["code", "name", "中文", "meaning", "needs"], rows),
    )


def exit_codes() -> str:
    """The exit code of each error."""
    kinds = sorted(_kinds(errors.RiskwarnError), key=lambda k: (k.exit_code, k.__name__))
    rows = [[str(k.exit_code), f"{{py:obj}}`{k.__name__} <riskwarn.errors.{k.__name__}>`", _first(k)] for k in kinds]
    return _page(
        "Exit codes",
        "What a verb ends with when it raises an error. The codes that are no errors, 0 to 5, 2 and 130, stand in",
        "[operations](../operations.md#exit-codes) with what to do about each.",
        "",
        *_table(["code", "error", "what happened"], rows),
    )


def command_line() -> str:
    """Every verb with its arguments and options, as the parser holds them."""
    top = command()
    lines: list[str] = ["Each verb also has `--help`.", ""]
    for name in VERBS:
        lines += _verb(f"riskwarn {name}", top.get_command(None, name), "##")
    return _page("Command line", *lines)


def routes() -> str:
    """Every route of the API, as its OpenAPI document tells it."""
    document = described(create_app(tempfile.mkdtemp()))
    lines = [
        "Made from `GET /openapi.json`, which tells every answer field by field. How to use them says [HTTP](../api.md).",
        "",
    ]
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            lines += _route(f"{method.upper()} {path}", operation)
    return _page("Routes", *lines)


def _page(title: str, *lines: str) -> str:
    return (
        "\n".join([f"# {title}", "", "<!-- Made by docs/make_reference.py; change it in the code. -->", "", *lines])
        + "\n"
    )


def _table(head: list[str], rows: Iterable[list[str]]) -> list[str]:
    cells = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in cells]


def _cell(text: str) -> str:
    return " ".join(str(text).replace("|", "\\|").split())


def _first(thing: Any) -> str:
    """The first paragraph of a docstring, in Markdown."""
    return _roles((inspect.getdoc(thing) or "").split("\n\n")[0])


def _roles(text: str) -> str:
    """Roles and literals of reStructuredText as Markdown."""
    text = re.sub(r":(\w+):`~?([^`]+)`", r"`\2`", text)
    return re.sub(r"``([^`]+)``", r"`\1`", re.sub(r" \[\d+\]_", "", text))


def _home(name: str) -> str:
    return f"riskwarn.{riskwarn._HOME[name]}.{name}"  # noqa: SLF001 - of the same house


def _held(name: str) -> Any:
    return importlib.import_module(f"riskwarn.{name}")


def _own(name: str, thing: Any, held: Any) -> bool:
    return name[0] != "_" and getattr(thing, "__module__", "") == held.__name__ and bool(inspect.getdoc(thing))


def _kinds(kind: type) -> Iterator[Any]:
    yield kind
    for below in kind.__subclasses__():
        if below.__module__ == kind.__module__:
            yield from _kinds(below)


def _fields(kind: Any) -> list[list[str]]:
    hints = typing.get_type_hints(kind)
    return [[f"`{f.name}`", f"`{_shown(hints[f.name])}`", _default(f)] for f in dataclasses.fields(kind)]


def _shown(hint: Any) -> str:
    """A kind in few letters: no modules."""
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(\w+)", r"\1", hint.__name__ if isinstance(hint, type) else str(hint))


def _default(field: Any) -> str:
    if field.default is not dataclasses.MISSING:
        return f"`{field.default!r}`"
    return "" if field.default_factory is dataclasses.MISSING else "its own"


def _verb(name: str, verb: Any, level: str) -> list[str]:
    lines = [f"{level} {name}", "", verb.help or "", ""]
    rows = [
        [f"`{', '.join(p.opts)}`", p.help or "", "required" if p.required else _value(p.default), _variable(p)]
        for p in verb.params
        if "--help" not in p.opts
    ]
    lines += [*_table(["argument or option", "meaning", "default", "variable"], rows), ""] if rows else []
    if verb.epilog:
        lines += ["```text", verb.epilog, "```", ""]
    for below, part in getattr(verb, "commands", {}).items():
        lines += _verb(f"{name} {below}", part, level + "#")
    return lines


def _value(default: Any) -> str:
    if default is None or default == "" or callable(default):
        return ""
    return f"`{default.value if isinstance(default, enum.Enum) else default}`"


def _variable(option: Any) -> str:
    return f"`{option.envvar}`" if option.envvar else ""


def _route(name: str, operation: dict[str, Any]) -> list[str]:
    rows = [
        [f"`{p['name']}`", p["in"], "required" if p.get("required") else "", p.get("description", "")]
        for p in operation.get("parameters", [])
    ]
    told = ", ".join(sorted(operation["responses"]))
    lines = [f"## {name}", "", operation.get("description", operation.get("summary", "")), ""]
    lines += [*_table(["parameter", "in", "", "meaning"], rows), ""] if rows else []
    return [*lines, f"Statuses: {told}.", ""]


if __name__ == "__main__":
    write()
