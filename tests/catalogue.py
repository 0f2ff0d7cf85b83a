"""What the code says, beside what the catalogues translate.

``python tests/catalogue.py`` adds to each what it lacks,
``python tests/catalogue.py fr FOLDER`` starts or completes one of a further language.

A phrase is a call of ``phrase`` or ``measure_word`` with its text written out, so that the tree can be read without running it.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po

from riskwarn import language

PACKAGE = Path(language.__file__).parent
OWN = PACKAGE / "language.py"


def said(path: Path) -> Iterator[tuple[str, str, str]]:
    """Context, text and plural of each phrase of a module."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in {"phrase", "measure_word"}
        ):
            options = {k.arg: k.value for k in node.keywords}
            context = language._MEASURE if node.func.id == "measure_word" else _literal(path, options.get("context"))
            yield context, _literal(path, node.args[0]), _literal(path, options.get("plural"))


def _literal(path: Path, node: ast.expr | None) -> str:
    if node is None:
        return ""
    if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
        raise TypeError(f"{path}:{node.lineno}: text of a phrase must be written out, got {ast.unparse(node)}")
    return node.value


def phrases() -> dict[tuple[str, str], str]:
    """Every phrase of the package by context and text, with its plural."""
    joints = dict.fromkeys(language._JOINTS.values(), "")
    modules = [path for path in sorted(PACKAGE.rglob("*.py")) if path != OWN]
    return joints | {(context, text): plural for path in modules for context, text, plural in said(path)}


def catalogues() -> list[Path]:
    """The files of the languages."""
    return sorted(language.CATALOGUES.glob("*.po"))


def read(path: Path) -> Catalog:
    """A catalogue as Babel reads it."""
    with path.open("rb") as file:
        return read_po(file, locale=path.stem)


def write(path: Path, entries: Catalog) -> None:
    """A catalogue in the order of its texts, so that two people's additions seldom meet; its folder is made where it lacks."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        write_po(file, entries, width=120, sort_output=True, no_location=True)


def complete(path: Path) -> list[str]:
    """Add what a catalogue lacks, drop what nothing says any more; the texts still to be translated."""
    entries = read(path)
    known = {(m.context or "", _singular(m.id)): m for m in entries if m.id}
    wanted = phrases()
    fresh = Catalog(locale=path.stem, project="riskwarn", header_comment=entries.header_comment, fuzzy=False)
    for (context, text), plural in wanted.items():
        fresh.add(
            (text, plural) if plural else text, _kept(known.get((context, text)), plural), context=context or None
        )
    write(path, fresh)
    return [text for key in wanted if not (key in known and any(known[key].string)) for text in (key[1],)]


def _kept(old: Message | None, plural: str) -> str | tuple[str, ...]:
    """The translation there was; one of a text that had no plural is the first form of one that has."""
    if old is None:
        return ("",) if plural else ""
    strings = (old.string,) if isinstance(old.string, str) else old.string
    return strings if plural else strings[0]


def _singular(identity: object) -> str:
    return identity if isinstance(identity, str) else identity[0]


def start(path: Path) -> None:
    """An empty catalogue of a language."""
    write(path, Catalog(locale=path.stem, fuzzy=False))


if __name__ == "__main__":
    chosen = [Path(sys.argv[2], f"{sys.argv[1]}.po")] if len(sys.argv) == 3 else catalogues()
    for catalogue in chosen:
        if not catalogue.exists():
            start(catalogue)
        lacking = complete(catalogue)
        sys.stdout.write(f"{catalogue.name}: {len(lacking)} to translate\n" + "".join(f"  {t!r}\n" for t in lacking))
