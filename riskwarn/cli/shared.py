"""What the verbs share: the store, the model and the night they speak of, and how an answer is shown."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from riskwarn.errors import DataError, MissingExtraError, NotFoundError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from riskwarn.distributed import Engine
    from riskwarn.experiment import Experiment
    from riskwarn.model import RiskModel
    from riskwarn.plan import Plan
    from riskwarn.store import Store


def store_path(folder: Path | None) -> Path:
    """The folder named by --store or RISKWARN_STORE."""
    if not folder:
        raise DataError("no store named: give --store DIR or set RISKWARN_STORE.")
    if folder.is_file():
        raise NotFoundError(f"there is no store in {folder}: it is a file, not a folder.")
    return folder


def open_store(folder: Path | None) -> "Store":
    """The store named."""
    from riskwarn.store import Store

    return Store(store_path(folder))


def experiment_of(path: Path, horizon: float | None = None) -> "Experiment":
    """The experiment named, over the horizon asked for."""
    from riskwarn.experiment import Experiment

    asked = Experiment.load(path)
    return asked if horizon is None else asked.over(horizon)


def only_target(folder: Path | None) -> str:
    """The name of the one kept model."""
    from riskwarn import tracking

    path = store_path(folder)
    names = tracking.kept_targets(path)
    if not names:
        raise NotFoundError(f"{path}: no model is kept; train one with `riskwarn train`.")
    if len(names) > 1:
        raise NotFoundError(f"{path}: several models are kept, name one with --target: {', '.join(names)}.")
    return names[0]


def plan_of(path: Path | None, folder: Path | None) -> "Plan | None":
    """The plan named, else that of the store's folder, else none."""
    from riskwarn.plan import Plan
    from riskwarn.working import kept_plan

    return Plan.load(path) if path else kept_plan(store_path(folder))


def engine_of(
    name: 'Literal["local", "dask", "spark"]', address: str, jobs: int, blocks: int | None, work: Path | None = None
) -> "Engine | None":
    """The engine asked for; none where nothing was said of one, and all is computed at once."""
    if name == "local" and not address and jobs == 1 and blocks is None and work is None:
        return None
    from riskwarn.distributed import Engine

    return Engine(name, address, jobs)


def scored(
    folder: Path | None, as_of: str, target: str, alias: str, capacity: int
) -> "tuple[RiskModel, pd.DataFrame, pd.DataFrame]":
    """The model asked for, the night's panel, and its scores."""
    from riskwarn.pipeline import model_of, night_panel
    from riskwarn.scoring import score

    store = open_store(folder)
    at = store.instant(as_of)
    model = model_of(store, target or only_target(folder), alias=alias)
    panel = night_panel(store, model, at)
    return model, panel, score(model, panel, capacity=capacity)


def show(
    table: "pd.DataFrame",
    *,
    out: Path | None,
    as_json: bool,
    shown: "pd.DataFrame | None" = None,
    said: str = "",
    limit: int = 100,
) -> None:
    """A table to the screen, to a file, or as JSON; `shown` are the rows and columns for people, `said` a line about them."""
    from riskwarn.exporting import plain_times, write_table

    if out:
        write_table(table, out)
    if as_json:
        print(plain_times(table).to_json(orient="records", double_precision=15, force_ascii=False))
        return
    rows = table if shown is None else shown
    if not out and len(rows):
        print(rows.head(limit).to_string(index=False))
        if len(rows) > limit:
            print(f"… {len(rows) - limit:,} more rows; write them all with --out FILE")
    lines = [said, f"{len(table):,} rows in {out}" if out else "", "" if said or out or len(rows) else "no rows."]
    print(*filter(None, lines), sep="\n", end="\n" if any(lines) else "")


def check_out(out: Path | None, endings: Sequence[str] = ()) -> None:
    """Refuse a file name of no known format, or in a place that is no folder of this machine, before anything is computed."""
    from riskwarn.exporting import ENDINGS
    from riskwarn.store.remote import is_address, unsigned

    if out is None:
        return
    if is_address(out):
        raise DataError(
            f"cannot write {unsigned(out)}: a table goes into a file of this machine, told by its path; into an object store goes the panel of "
            "an experiment, as a folder without an ending."
        )
    known = endings or ENDINGS
    if out.suffix not in known:
        raise DataError(f"cannot write {out}: wanted an ending of {', '.join(known)}, got {out.suffix!r}.")
    if out.is_dir():
        raise DataError(f"cannot write {out}: it is a folder.")
    if (over := next((p for p in out.parents if p.exists()), None)) and not over.is_dir():
        raise DataError(f"cannot write {out}: {over} is a file, not a folder.")


def check_capacity(capacity: int) -> None:
    """Refuse a list of no grid before anything is computed."""
    if capacity < 1:
        raise DataError(f"capacity must be at least 1, got {capacity}.")


def check_grids(grids: Sequence[str], panel: "pd.DataFrame") -> None:
    """Refuse grids the night does not hold."""
    known = set(panel["grid_id"].astype("str"))
    unknown = sorted(set(grids) - known)
    if unknown:
        raise NotFoundError(
            f"no grid {unknown[0]!r} that night{did_you_mean(unknown[0], known)}; {len(known):,} grids are known."
        )


def listed(text: str | None) -> list[str] | None:
    """The words of a list written with commas; None where nothing was written.

    Examples
    --------
    >>> listed("G01, G08")
    ['G01', 'G08']
    """
    return None if text is None else [word.strip() for word in text.split(",") if word.strip()]


def say(body: Any, text: str, *, as_json: bool, quiet: bool = False) -> None:
    """One answer, as JSON or as text; nothing where that was asked for."""
    if not quiet:
        print(json.dumps(body, ensure_ascii=False, default=str) if as_json else text)


def enter_nights(store: "Store") -> str:
    """Bring what was published and not entered into the ledger; what that did, in a line."""
    try:
        from riskwarn.ledger import Ledger, enter, watch
    except MissingExtraError as error:
        return f"ledger: not kept on this machine: {error}"
    if store.is_new:
        return "ledger: nothing to enter"
    with Ledger(store) as ledger:
        done = enter(ledger)
        watch(ledger)
    said = [f"{n} {action.replace('_', ' ')}" for night in done for action, n in sorted(night.counts.items())]
    return f"ledger: {', '.join(said) or 'nothing to enter'}"
