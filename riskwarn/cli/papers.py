"""The verbs of paper: a night as a bulletin, a month, quarter or year as a summary."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from riskwarn.cli.options import Json, Language, StoreFolder, example, verbs
from riskwarn.cli.shared import check_out, open_store, say
from riskwarn.errors import DataError, StaleDataError

if TYPE_CHECKING:
    from riskwarn.ledger import Ledger, Period

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


@app.command(epilog=example("riskwarn summary 2025-03 --out march.docx --language zh --store city"))
def summary(
    period: Annotated[str, typer.Argument(metavar="PERIOD", help="2025-03 a month, 2025-Q1 a quarter, 2025 a year.")],
    *,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="A .docx, .xlsx, .html or .json file.")],
    area: Annotated[str, typer.Option(metavar="CODE", help="Only what lies within this area.")] = "*",
    with_effect: Annotated[
        bool, typer.Option("--effect", help="Work out what handling did, and keep it for the page.")
    ] = False,
    source: Annotated[str, typer.Option(metavar="FEED", help="Events that --effect counts.")] = "police_call",
    days: Annotated[int, typer.Option(help="Days before and after, for --effect.")] = 28,
    language: Language = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Summarise how organisations responded to the alerts of a period, what was found and how often the list was right."""
    import pandas as pd

    from riskwarn.ledger import Ledger, period_of
    from riskwarn.ledger.effect import kept_effect
    from riskwarn.paper import ENDINGS, check_bulletin_file, write_bulletin
    from riskwarn.web.nights import Nights
    from riskwarn.web.summary import summary_paper

    check_out(out, ENDINGS)
    check_bulletin_file(out)
    opened = open_store(store)
    asked = period_of(period, opened.timezone)
    with Ledger(opened) as ledger:
        if with_effect:
            _work_out(ledger, asked, source, days)
        now = pd.Timestamp.now(tz=opened.timezone)
        found = kept_effect(opened, asked) if area == "*" else None
        night = Nights(opened).newest()
        paper = summary_paper(ledger, asked, night, str(language), at=now, area=area, effect=found)
    write_bulletin(paper, out)
    say({"files": [str(out)]}, str(out), as_json=json)


def _work_out(ledger: "Ledger", period: "Period", source: str, days: int) -> None:
    """Keep what handling did in a period; that it cannot be told is kept too."""
    from riskwarn.history import History, Stream
    from riskwarn.label import Label
    from riskwarn.ledger import effect
    from riskwarn.ledger.effect import keep_effect

    label = Label(f"{source}_{days}d", (Stream(source),), days=days)
    try:
        found = effect(ledger, History.load(ledger.store), label, period=period)
    except (DataError, StaleDataError):
        found = None
    keep_effect(ledger.store, period, label, found)


def _file_of(out: Path, area: str, files: list[Path]) -> Path:
    """The file of an area; of two codes that would have one name the second bears a number."""
    name = _UNSAFE.sub("_", area)
    target = out.with_name(f"{out.stem}-{name}{out.suffix}")
    return out.with_name(f"{out.stem}-{name}-{len(files)}{out.suffix}") if target in files else target
