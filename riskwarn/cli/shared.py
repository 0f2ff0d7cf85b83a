"""What the verbs share: the store, the model and the night they speak of, and how an answer is shown."""

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from riskwarn.errors import DataError, NotFoundError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

    from riskwarn.experiment import Experiment
    from riskwarn.model import RiskModel
    from riskwarn.store import Store


def store_path(parsed: argparse.Namespace) -> Path:
    """The folder named by --store or RISKWARN_STORE."""
    if not parsed.store:
        raise DataError("no store named: give --store DIR or set RISKWARN_STORE.")
    return Path(parsed.store)


def open_store(parsed: argparse.Namespace) -> "Store":
    """The store named."""
    from riskwarn.store import Store

    return Store(store_path(parsed))


def experiment_of(parsed: argparse.Namespace) -> "Experiment":
    """The experiment named, over the horizon asked for."""
    from riskwarn.experiment import Experiment

    found = Experiment.load(parsed.experiment)
    return found if getattr(parsed, "horizon", None) is None else found.over(parsed.horizon)


def only_target(parsed: argparse.Namespace) -> str:
    """The name of the one kept model."""
    from riskwarn import tracking

    names = tracking.kept_targets(store_path(parsed))
    if len(names) != 1:
        found = (
            f"several models are kept, name one with --target: {', '.join(names)}"
            if names
            else "no model is kept; train one with `riskwarn train`"
        )
        raise NotFoundError(f"{store_path(parsed)}: {found}.")
    return names[0]


def scored(parsed: argparse.Namespace) -> "tuple[RiskModel, pd.DataFrame, pd.DataFrame]":
    """The model asked for, the night's panel, and its scores."""
    from riskwarn.pipeline import model_of, night_panel
    from riskwarn.scoring import score

    check_out(parsed)
    store = open_store(parsed)
    model = model_of(store, parsed.target or only_target(parsed), alias=parsed.alias)
    panel = night_panel(store, model, store.instant(parsed.as_of))
    return model, panel, score(model, panel, capacity=getattr(parsed, "capacity", None) or 50)


def show(parsed: argparse.Namespace, table: "pd.DataFrame", *, shown: "pd.DataFrame | None" = None) -> None:
    """A table to the screen, to --out, or as JSON."""
    from riskwarn.exporting import plain_times

    if parsed.out:
        write(table, parsed.out)
    if parsed.json:
        print(plain_times(table).to_json(orient="records", double_precision=15, force_ascii=False))
    elif not parsed.out:
        print((table if shown is None else shown).head(100).to_string(index=False))
        if len(table) > 100:
            print(f"… {len(table) - 100:,} more rows; write them all with --out FILE")


def check_out(parsed: argparse.Namespace) -> None:
    """Refuse a file name of no known format before anything is computed."""
    from riskwarn.exporting import check_ending

    if parsed.out:
        check_ending(parsed.out)


def check_grids(parsed: argparse.Namespace, panel: "pd.DataFrame") -> None:
    """Refuse grids the night does not hold."""
    known = set(panel["grid_id"].astype("str"))
    unknown = sorted(set(parsed.grids) - known)
    if unknown:
        raise NotFoundError(
            f"no grid {unknown[0]!r} that night{did_you_mean(unknown[0], known)}; {len(known):,} grids are known."
        )


def write(table: "pd.DataFrame", target: Path) -> None:
    """A table to a file, by ending."""
    from riskwarn.exporting import write_table

    write_table(table, target)


def say(parsed: argparse.Namespace, body: Any, text: str) -> None:
    """One answer, as JSON or as text."""
    print(json.dumps(body, ensure_ascii=False, default=str) if parsed.json else text)
