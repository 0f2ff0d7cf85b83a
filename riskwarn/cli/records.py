"""The verbs of records: what comes in, what the feeds are like, what is counted."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

import typer

from riskwarn.cli.logbook import teller
from riskwarn.cli.options import Address, EngineName, Jobs, Json, Language, Out, Quiet, StoreFolder, example, verbs
from riskwarn.cli.shared import check_out, engine_of, open_store, say, show, store_path
from riskwarn.errors import DataError

Source = Literal["dispute", "petition", "police_call", "hotline", "grid_report"]
app = verbs()


@app.command(
    epilog=example(
        "riskwarn init my-city --source petition --timezone Europe/Berlin --records export.csv --grids districts.geojson"
    )
)
def init(
    *,
    folder: Annotated[Path, typer.Argument(help="Folder to write; made where it is missing.")],
    source: Annotated[Source | None, typer.Option(help="The feed that is brought in first and asked about.")] = None,
    timezone: Annotated[str, typer.Option(help="Clock of the records, as Asia/Shanghai.")] = "",
    category: Annotated[list[str] | None, typer.Option(help="Count only this category; may be repeated.")] = None,
    records: Annotated[
        str, typer.Option(metavar="FILE", help="An export: its columns are mapped and its days read.")
    ] = "",
    crs: Annotated[str, typer.Option(help="Of its points, as EPSG:4326.")] = "",
    grids: Annotated[
        str, typer.Option(metavar="FILE", help="Polygons of the grids, or the outline with --cell-m.")
    ] = "",
    cell_m: Annotated[float, typer.Option(help="Cut the outline into square cells of so many metres.")] = 0.0,
    capacity: Annotated[int, typer.Option(help="How many places can be attended to in a night.")] = 40,
    ask: Annotated[bool, typer.Option("--ask", help="Ask for each of these.")] = False,
    example_city: Annotated[
        Literal["boston", "town"] | None,
        typer.Option("--example", help="Bring an example city along, as the store `city`."),
    ] = None,
    json: Json = False,
) -> None:
    """Write a starter into a folder: for a city of one's own where a feed is named, else the starter as it is shipped."""
    from riskwarn import scaffold

    if folder.is_file():
        raise DataError(f"cannot write into {folder}: it is a file, not a folder.")
    if ask or source or timezone or records or grids or category:
        if not ask and not (source and timezone):
            raise DataError("a city of one's own wants --source and --timezone; --ask asks for all.")
        given: dict[str, Any] = {"categories": tuple(category or ()), "records": records, "crs": crs, "grids": grids}
        given |= {"source": source or "dispute", "timezone": timezone, "cell_m": cell_m, "capacity": capacity}
        _found(folder, _asked(given) if ask else given, as_json=json)
        return
    made = scaffold.init(folder)
    text = f"features/ and experiments/ are in {made}; edit experiments/weekly.toml for your city."
    if example_city:
        text += f"\n{_example(example_city, made / 'city')}"
    say({"folder": str(made)}, text, as_json=json)


def _found(folder: Path, given: dict[str, Any], *, as_json: bool) -> None:
    from riskwarn.founding import City, found

    steps = found(folder, City(**given))
    text = f"the starter of a city is in {folder}: read mappings/ and the question, then\n\n" + "\n".join(
        f"  {s}" for s in steps
    )
    say({"folder": str(folder), "steps": steps}, text, as_json=as_json)


def _asked(given: dict[str, Any]) -> dict[str, Any]:
    """Each of the flags, asked for, with what was given as what Enter says."""
    questions = {
        "source": f"the feed ({', '.join(get_args(Source))})",
        "timezone": "clock of its records, as Asia/Shanghai",
        "records": "an export of it, a file; none with Enter",
        "crs": "system of its points, as EPSG:4326; none with Enter",
        "grids": "polygons of the grids or the outline of the city, a file; none with Enter",
        "cell_m": "edge of the cells that the outline is cut into, in metres; 0 where the polygons are the grids",
        "capacity": "places that can be attended to in a night",
    }
    told = {
        name: typer.prompt(question, default=given[name], type=type(given[name]))
        for name, question in questions.items()
    }
    return {**given, **told}


def _example(name: str, store: Path) -> str:
    """Make an example city; what the store holds, in a line."""
    if name == "boston":
        from riskwarn.example import boston

        return repr(boston(store))
    from riskwarn.simulation import city

    return repr(city("tiny", seed=7).write(store, truth=False))


@app.command(epilog=example("riskwarn ingest calls.csv --mapping calls.toml --store city"))
def ingest(
    *,
    files: Annotated[
        list[str] | None,
        typer.Argument(
            help="CSV, XLS, XLSX, Parquet or JSON lines, folders of them, or a database as postgresql+psycopg://…"
        ),
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="How the columns of the files become those of a table (TOML).")
    ] = None,
    guess: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Propose a mapping for a file instead, and write it to --out for review."),
    ] = None,
    timezone: Annotated[str | None, typer.Option(help="Zone of a store that is made anew, as Asia/Shanghai.")] = None,
    arrived_at: Annotated[
        str | None, typer.Option(metavar="TIME", help="When the files arrived; now by default.")
    ] = None,
    words: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Words of the city's own codes: a CSV with code, en and more languages."),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Read a known file once more, through a mended mapping or with new grids.")
    ] = False,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="With --guess: the mapping to write.")] = None,
    engine: EngineName = "local",
    address: Address = "",
    jobs: Jobs = 1,
    store: StoreFolder = None,
    quiet: Quiet = False,
    json: Json = False,
) -> None:
    """Bring files into a store through a mapping."""
    from riskwarn import ingest as bringing
    from riskwarn.store import Store

    if guess:
        _guess(guess, timezone or "", out, as_json=json)
        return
    if words and not files:
        n_words = Store(store_path(store), timezone=timezone).add_words(words)
        say({"words": n_words}, f"{n_words} codes of the city have words.", as_json=json)
        return
    if mapping is None or not files:
        raise DataError("name at least one file and a --mapping; --guess FILE proposes one.")
    declared = bringing.load_mapping(mapping)
    opened = Store(store_path(store), timezone=timezone)
    with opened.lock():
        bar = False if quiet else None
        if asked_engine := engine_of(engine, address, jobs, None):
            from riskwarn.distributed import ingest_files

            report = ingest_files(
                opened, files, declared, engine=asked_engine, arrived_at=arrived_at, again=again, progress=bar
            )
        else:
            report = bringing.ingest(opened, files, declared, arrived_at=arrived_at, again=again, progress=bar)
        if words:
            opened.add_words(words)
    teller(silent=True)(repr(report).partition("\n")[0])
    say(report.to_dict(), repr(report), as_json=json, quiet=quiet)
    if fault := report.fault():
        raise DataError(fault)


def _guess(file: Path, timezone: str, out: Path | None, *, as_json: bool) -> None:
    from riskwarn.ingest import guess

    check_out(out, (".toml",))
    proposal = guess(file, timezone=timezone)
    text = repr(proposal)
    if out:
        text += f"\n\nwritten to {proposal.write(out)}; read it before you use it."
    columns = proposal.columns.to_dict("records")
    body = {"preset": proposal.preset, "confidence": proposal.confidence, "columns": columns, "toml": proposal.toml}
    say(body, text, as_json=as_json)


@app.command(epilog=example("riskwarn check --store city --language en"))
def check(
    *,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the report as a page.")] = None,
    language: Language = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Say what the feeds of a store are like."""
    from riskwarn import ingest as bringing

    check_out(html, (".html",))
    report = bringing.check(open_store(store))
    spoken = str(language)
    if html:
        html.write_text(report.to_html(spoken), encoding="utf-8")
    lines = [f"- {line}" for line in report.words(spoken)]
    table = report.table(spoken).to_string(na_rep="–")
    say(report.to_dict(), "\n".join([*lines, "", table, *([f"\nthe page is {html}"] if html else [])]), as_json=json)


@app.command(epilog=example("riskwarn features --folder features"))
def features(
    *,
    folder: Annotated[Path | None, typer.Option(help="Folder of feature groups; the starter's by default.")] = None,
    language: Language = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Print the catalogue of features."""
    from riskwarn.feature import catalogue
    from riskwarn.scaffold import starter

    check_out(out)
    table = catalogue(folder or starter("features"))
    show(
        table,
        out=out,
        as_json=json,
        shown=table[["group", "name", "unit", str(language), "for_model"]],
        limit=len(table),
    )


@app.command(epilog=example("riskwarn simulate --preset tiny --seed 7 --out town"))
def simulate(
    *,
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder to write.")],
    preset: Annotated[
        Literal["tiny", "small", "city"] | None,
        typer.Option(help="How large the city is: tiny, or with --grids city.", show_default=False),
    ] = None,
    grids: Annotated[
        int | None, typer.Option(metavar="N", help="Make a country of so many grids, of cities side by side.")
    ] = None,
    seed: Annotated[int, typer.Option(help="The same number makes the same city.")] = 7,
    reports_per_year: Annotated[float, typer.Option(help="All-type reports of a grid worker a year.")] = 60.0,
    dirty: Annotated[
        bool,
        typer.Option("--dirty", help="Write files as departments export them, faults included, instead of a store."),
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="With --grids, processes that make cities side by side.")] = 1,
    json: Json = False,
) -> None:
    """Make a synthetic city with known truth, or a country of cities."""
    from riskwarn.simulation import city, dirty_export

    if grids is not None:
        _country(out, grids, preset or "city", seed, reports_per_year, jobs, dirty=dirty, as_json=json)
        return
    made = city(preset or "tiny", seed=seed, reports_per_year=reports_per_year)
    if dirty:
        rows = dirty_export(made, out)
        text = f"{len(rows):,} rows as departments export them, in {out}"
        say({"folder": str(out), "rows": len(rows)}, text, as_json=json)
        return
    store = made.write(out)
    say({"store": str(store.path), "tables": store.tables()}, f"{store}\nthe truth lies apart, beside it", as_json=json)


def _country(
    out: Path, n_grids: int, preset: str, seed: int, reports_per_year: float, jobs: int, *, dirty: bool, as_json: bool
) -> None:
    """Make a country."""
    from riskwarn.simulation import country, dirty_country

    if dirty:
        rows = dirty_country(out, n_grids, preset=preset, seed=seed, reports_per_year=reports_per_year, jobs=jobs)
        text = f"{sum(rows):,} rows as the departments of {len(rows)} cities export them, in {out}"
        say({"folder": str(out), "cities": len(rows), "rows": sum(rows)}, text, as_json=as_json)
        return
    store = country(out, n_grids, preset=preset, seed=seed, reports_per_year=reports_per_year, jobs=jobs)
    text = f"{store}\nthe truth of each city lies apart, beside it"
    say({"store": str(store.path), "tables": store.tables()}, text, as_json=as_json)
