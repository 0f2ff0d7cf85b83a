"""The verbs around it: the page, the demonstration, and what is installed."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from riskwarn.cli.options import Json, Language, Quiet, StoreFolder, example, verbs
from riskwarn.cli.shared import enter_nights, open_store, say, store_path
from riskwarn.errors import AddressError

if TYPE_CHECKING:
    from riskwarn.store import Store

app = verbs()
_DEMO = Path("demo/boston")
Port = Annotated[int, typer.Option(min=0, max=65_535)]


@app.command(epilog=example("riskwarn serve --store city --port 8000"))
def serve(
    *,
    host: Annotated[str, typer.Option(help="Address to listen at; this machine alone by default.")] = "127.0.0.1",
    port: Port = 8000,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name it may be asked for by, such as risk.example; may be repeated."),
    ] = None,
    root_path: Annotated[
        str, typer.Option(metavar="PATH", help="Path under which a proxy offers it, such as /risk.")
    ] = "",
    trusted_proxy: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="A proxy whose X-Forwarded headers are believed; may be repeated."),
    ] = None,
    user_header: Annotated[
        str, typer.Option(metavar="HEADER", help="Header in which such a proxy names the account it has signed in.")
    ] = "",
    request_log: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A JSON line a request, appended; - is standard error.")
    ] = None,
    language: Language = None,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Show the published nights on a page, and answer programs."""
    folder = store_path(store)
    options = {"proxies": tuple(trusted_proxy or ()), "user_header": user_header, "root_path": root_path}
    if request_log is not None:
        from riskwarn.web.recorder import log_requests

        log_requests(request_log)
    _serve(folder, host, port, str(language), names=allowed_host or (), options=options, as_json=json)


def _serve(
    folder: Path,
    host: str,
    port: int,
    language: str,
    *,
    names: Sequence[str] = (),
    options: dict[str, Any] | None = None,
    as_json: bool = False,
) -> None:
    import pyarrow as pa

    from riskwarn.store import Store
    from riskwarn.web import create_app, server
    from riskwarn.web.serving import LOOPBACK_NAMES, Serving
    from riskwarn.webhooks import Sender, load_webhooks

    options = options or {}
    load_webhooks(folder)  # a wrong file is said before anybody is served
    every = host in {"0.0.0.0", "::"}  # noqa: S104 - it is asked about, not listened at
    if every and not names:
        raise AddressError(
            f"{host} listens at every address: say by which name it is asked for, with --allowed-host NAME."
        )
    hosts = (*LOOPBACK_NAMES, *names, *(() if every else (host,)))
    pa.set_memory_pool(pa.system_memory_pool())  # gives back what reading a night took for a while
    app = create_app(folder, language=language, serving=Serving(hosts=hosts, **options), background=True)
    server.check_open(app, host)
    with server.listen(host, port) as opened, Sender(Store(folder)):
        url = f"http://{f'[{host}]' if ':' in host else host}:{opened.getsockname()[1]}{options.get('root_path', '')}/"
        say({"store": str(folder), "url": url}, f"serving {folder} at {url}  (Ctrl-C ends)", as_json=as_json)
        sys.stdout.flush()
        server.serve(app, opened)


@app.command(epilog=example("riskwarn demo --store demo/boston"))
def demo(
    *,
    page: Annotated[bool, typer.Option("--serve", help="Serve the page at the end.")] = False,
    port: Port = 8000,
    language: Language = None,
    store: StoreFolder = None,
) -> None:
    """Run the main job on Boston 2015."""
    from riskwarn.demo import doors, run

    folder = store or _DEMO
    run(folder)
    opened = open_store(folder)
    print(f"\n{enter_nights(opened)}\n\n{doors(opened, port=port)}")
    if page:
        _serve(folder, "127.0.0.1", port, str(language))


@app.command(epilog=example("riskwarn doctor --store city"))
def doctor(*, store: StoreFolder = None, json: Json = False) -> None:
    """Look at what is installed and what the store holds, each with its remedy; ends with 4 for a warning, 5 for a failure."""
    from riskwarn.doctor import EXIT_CODES, examine, gravest

    opened = open_store(store) if store else None
    if opened is not None:
        _ = opened.timezone  # there is a store
    findings = examine(opened)
    state = gravest(findings)
    body = {"state": state, "findings": [vars(finding) for finding in findings]} | (_held(opened) if opened else {})
    lines = [f"{f.state:<5}{f.name:<24}{f.said}" + (f"\n{'':<29}→ {f.remedy}" if f.remedy else "") for f in findings]
    say(body, "\n".join([*lines, *(f"     {line}" for line in body.get("loud", []))]), as_json=json)
    if EXIT_CODES[state]:
        raise typer.Exit(EXIT_CODES[state])


def _held(store: "Store") -> dict[str, Any]:
    """What a store holds."""
    nights = [str(night.date()) for night in store.nights()]
    held = {"store": str(store.path), "timezone": store.timezone, "tables": store.tables(), "nights": nights}
    held |= {"faults": store.faults()}
    return held | _monitors(store)


def _monitors(store: "Store") -> dict[str, Any]:
    """What the monitors of the last night said, where there is one."""
    from riskwarn import monitoring

    if not store.nights():
        return {}
    night = store.newest_night()
    if not night.facts.get("monitors"):
        return {}
    marks = night.table("marks")
    loud = marks[marks["state"].isin(["warn", "alarm"])]
    texts = monitoring.in_words(loud)
    lines = [f"{state} {text}" for state, text in zip(loud["state"], texts, strict=True)]
    return {"monitors": monitoring.summary(marks), "loud": lines}


@app.command(epilog=example("riskwarn metrics --out /var/lib/node_exporter/textfile/riskwarn.prom --store city"))
def metrics(
    *,
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="A .prom file in the folder of node_exporter's textfile collector.")
    ],
    quiet: Quiet = False,
    store: StoreFolder = None,
    json: Json = False,
) -> None:
    """Leave the gauges of the newest night for Prometheus."""
    from riskwarn.gauges import write_gauges

    write_gauges(open_store(store), out)
    say({"out": str(out)}, f"the gauges are in {out}", as_json=json, quiet=quiet)
