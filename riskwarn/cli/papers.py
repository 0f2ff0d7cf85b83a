"""The verb of the bulletin: a night on paper."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from riskwarn.cli.options import Json, Language, StoreFolder, example, verbs
from riskwarn.cli.shared import check_out, open_store, say
from riskwarn.errors import DataError

app = verbs()
_UNSAFE = re.compile(r"[^\w.-]")


@app.command(epilog=example("riskwarn bulletin 2025-03-03 --out bulletin.docx --language zh --store city"))
def bulletin(
    as_of: Annotated[str | None, typer.Argument(metavar="[DATE]", help="The night; the newest by default.")] = None,
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A .docx, .xlsx, .html or .json file.")],
    county: Annotated[str, typer.Option(metavar="ID", help="Only what lies in this county.")] = "",
    township: Annotated[str, typer.Option(metavar="ID", help="Only what lies in this township.")] = "",
    each: Annotated[
        Literal["county", "township"] | None,
        typer.Option(help="One file for each county or township, its code at the end of the name."),
    ] = None,
    language: Language = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Write a night as the centre reads it: the city's, or that of a county or township."""
    from riskwarn.bulletin import ENDINGS, check_bulletin_file, make_bulletin, make_bulletins, write_bulletin

    check_out(out, ENDINGS)
    check_bulletin_file(out)
    if each and (county or township):
        raise DataError(f"give --each {each}, or name one area, not both.")
    opened, files = open_store(store), list[Path]()
    spoken = str(language)
    if each:
        for area, one in make_bulletins(opened, as_of, each=each, language=spoken):
            files.append(_file_of(out, area, files))
            write_bulletin(one, files[-1])
    else:
        write_bulletin(make_bulletin(opened, as_of, language=spoken, county=county, township=township), out)
        files.append(out)
    names = [str(file) for file in files]
    say({"files": names}, "\n".join(names), as_json=json)


def _file_of(out: Path, area: str, files: list[Path]) -> Path:
    """The file of an area; of two codes that would have one name the second bears a number."""
    name = _UNSAFE.sub("_", area)
    target = out.with_name(f"{out.stem}-{name}{out.suffix}")
    return out.with_name(f"{out.stem}-{name}-{len(files)}{out.suffix}") if target in files else target
