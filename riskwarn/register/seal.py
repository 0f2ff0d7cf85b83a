"""Seals: the line of each night, and what was sealed with it."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from riskwarn.calling import checked
from riskwarn.errors import DataError, NotFoundError, RiskwarnError
from riskwarn.store import PublishedNight, Store, signature
from riskwarn.store.parquet import plain_arrow, write_bytes, write_table
from riskwarn.store.parts import load

FOLDER, LOG = "register", "register.jsonl"
FIRST = "0" * 64
"""What stands for the line before the first."""
WITHIN_HOURS = 24.0
"""A seal later than this after its night is not prospective."""
_TEXTS = ("lane", "target", "grid_id", "level", "state", "model_version")
_NUMBERS = ("expected", "probability", "rank")


@dataclass(frozen=True)
class Seal:
    """One line of the register.

    Parameters
    ----------
    n
        Number of the line, from 1.
    sealed_at, as_of
        When it was sealed, and the night, as ISO 8601 in the city's zone.
    run
        The run that published it.
    digest
        SHA-256 of what was sealed (:func:`digest_of`).
    n_listed, n_forecasts
        Places on the list, each once a lane, and forecasts.
    plan
        Digest of the plan.
    models
        By target `version`, `trained_until` and `days`, the horizon.
    before, hash
        Hash of the line before, and of this one.
    signed
        HMAC of the hash under the store's key.
    """

    n: int
    sealed_at: str
    as_of: str
    run: str
    digest: str
    n_listed: int
    n_forecasts: int
    plan: str
    models: dict[str, dict[str, Any]] = field(hash=False)
    before: str
    hash: str = ""
    signed: str = ""

    @property
    def hours_late(self) -> float:
        """Hours from the night to the seal; below 0 where it was sealed before its window opened."""
        return float((pd.Timestamp(self.sealed_at) - pd.Timestamp(self.as_of)) / pd.Timedelta(hours=1))

    @property
    def name(self) -> str:
        """Of the file of what was sealed, without its ending."""
        return f"{pd.Timestamp(self.as_of):%Y-%m-%dT%H%M}-{self.run}"


# -- sealing ----------------------------------------------------------------------------------------------------------------


@checked
def seal_missing(store: Store) -> list[Seal]:
    """Seal every published night that is not in the register yet, the oldest first; the caller holds the lock or takes it.

    Parameters
    ----------
    store
        The city.

    Returns
    -------
    seals
        The new lines. A night that is damaged, or that only showed the scores of another, has nothing to seal.

    Raises
    ------
    BusyError
        Another job holds the store.
    DataError
        The register cannot be read.
    """
    with store.lock():
        known = {(seal.as_of, seal.run) for seal in seals(store)}
        made = []
        for at in store.nights():
            if (at.isoformat(), store.run_of(at)) in known:
                continue
            content = content_or_none(store.night(at))
            if content is not None:
                made.append(_append(store, store.night(at), content))
        return made


@checked
def content_of(night: PublishedNight) -> pd.DataFrame:
    """What of a night is sealed: its list and its forecasts, in one order whatever the order they were published in.

    Parameters
    ----------
    night
        A published night.

    Returns
    -------
    content
        One row a lane and grid listed, and one a target and grid forecast, whose `lane` is empty: `lane`, `target`, `grid_id`, `level`, `state`,
        `model_version`, `expected`, `probability`, `rank`.

    Raises
    ------
    NotFoundError
        The night has no scores.
    DataError
        A file of it is damaged.
    """
    scores = night.table(
        "scores", columns=["target", "grid_id", "state", "model_version", "expected", "probability", "rank"]
    )
    parts = [scores.assign(lane="", level="")]
    if "alerts" in night.tables:
        alerts = night.table("alerts", columns=["lane", "target", "grid_ids", "level", "model_version"])
        listed = alerts.assign(grid_id=alerts["grid_ids"].astype("str").str.split()).explode("grid_id")
        listed = listed.assign(lane=listed["lane"].fillna("").replace("", "standing"), state="listed")
        parts.append(listed.assign(expected=np.nan, probability=np.nan, rank=np.nan))
    rows = pd.concat([part[[*_TEXTS, *_NUMBERS]].astype(_KINDS) for part in parts if len(part)], ignore_index=True)
    return rows.fillna(dict.fromkeys(_TEXTS, "")).sort_values(
        ["lane", "target", "grid_id"], kind="stable", ignore_index=True
    )


_KINDS = dict.fromkeys(_TEXTS, "str") | dict.fromkeys(_NUMBERS, "float64")


@checked
def digest_of(content: pd.DataFrame) -> str:
    """SHA-256 of what is sealed: column by column, words by line, numbers as the eight bytes they are.

    Parameters
    ----------
    content
        As :func:`content_of` gives it.

    Returns
    -------
    digest
        64 hexadecimal digits.
    """
    hashed = hashlib.sha256()
    for column in _TEXTS:
        hashed.update(f"{column}\n".encode() + "\n".join(content[column].astype("str")).encode() + b"\0")
    for column in _NUMBERS:
        values = content[column].to_numpy(dtype="<f8")
        hashed.update(
            f"{column}\n".encode() + np.where(np.isnan(values), np.nan, values).astype("<f8").tobytes() + b"\0"
        )
    return hashed.hexdigest()


def content_or_none(night: PublishedNight) -> pd.DataFrame | None:
    """What of a night there is to seal; none where it is damaged, or says what another night said."""
    try:
        night.check()
        content = content_of(night)
    except RiskwarnError:
        return None
    return None if (content["state"] == "stale").any() else content


def _append(store: Store, night: PublishedNight, content: pd.DataFrame) -> Seal:
    """Write what is sealed, then its line: a line never speaks of a file that is not there."""
    before = seals(store)
    listed = content[content["lane"] != ""]
    bare = Seal(
        n=len(before) + 1,
        sealed_at=pd.Timestamp.now(tz=store.timezone).isoformat(timespec="seconds"),
        as_of=night.as_of.isoformat(),
        run=night.run,
        digest=digest_of(content),
        n_listed=len(listed),
        n_forecasts=len(content) - len(listed),
        plan=_plan_digest(night.facts),
        models=_models(night.facts, content),
        before=before[-1].hash if before else FIRST,
    )
    hashed = hash_of(bare)
    line = Seal(**{**asdict(bare), "hash": hashed, "signed": signature(store.path, hashed.encode())})
    write_table(store.path / FOLDER / f"{line.name}.parquet", plain_arrow(content))
    write_bytes(store.path / FOLDER / LOG, b"".join(line_of(seal) for seal in [*before, line]))
    return line


def _plan_digest(facts: Mapping[str, Any]) -> str:
    """Digest of the plan of a night (:attr:`riskwarn.plan.Plan.digest`)."""
    return hashlib.sha256(json.dumps(facts.get("plan") or {}, sort_keys=True).encode()).hexdigest()


def _models(facts: Mapping[str, Any], content: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """By target the version that forecast, until when it was trained, and how far it looks."""
    asked = facts.get("questions") or {str(facts.get("target")): facts}
    versions = content[content["lane"] == ""].drop_duplicates("target").set_index("target")["model_version"]
    return {
        str(target): {
            "version": str(version),
            "trained_until": ((asked.get(target) or {}).get("trained") or {}).get("last"),
            "days": (asked.get(target) or {}).get("horizon_days"),
        }
        for target, version in versions.items()
    }


def line_of(seal: Seal) -> bytes:
    """A line as the file has it."""
    return json.dumps(asdict(seal), sort_keys=True, default=str).encode() + b"\n"


def hash_of(seal: Seal) -> str:
    """Of all that a line says but the hash and its signature."""
    body = {name: value for name, value in asdict(seal).items() if name not in {"hash", "signed"}}
    return hashlib.sha256(json.dumps(body, sort_keys=True, default=str).encode()).hexdigest()


# -- reading ----------------------------------------------------------------------------------------------------------------


@checked
def seals(store: Store) -> list[Seal]:
    """The lines of the register, oldest first.

    Parameters
    ----------
    store
        The city.

    Returns
    -------
    seals
        None where nothing was sealed yet.

    Raises
    ------
    DataError
        The register cannot be read.
    """
    lines = lines_of(store)
    for line in lines:
        if not _has_instants(line):
            raise DataError(f"line {line.n} of {store.path / FOLDER / LOG} has no night or time; {_REMEDY}")
    return lines


def lines_of(store: Store) -> list[Seal]:
    """The lines as they stand, whatever they say."""
    place = store.path / FOLDER / LOG
    try:
        text = place.read_text("utf-8")
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise DataError(f"{place} cannot be read ({type(error).__name__}); {_REMEDY}") from None
    try:
        return [Seal(**json.loads(line)) for line in text.splitlines()]
    except (ValueError, TypeError) as error:
        raise DataError(f"{place} is damaged ({type(error).__name__}); {_REMEDY}") from None


def _has_instants(line: Seal) -> bool:
    """Whether night and time of a line are instants with a zone."""
    try:
        return all(pd.Timestamp(at).tzinfo is not None for at in (line.as_of, line.sealed_at))
    except (ValueError, TypeError):
        return False


_REMEDY = "put it back from a backup: a register that is begun anew proves nothing of what it held before."


@checked
def is_prospective(seal: Seal, among: list[Seal]) -> bool:
    """Whether a seal speaks for a forecast of what was to come: the first of its night, and within a day of it.

    Parameters
    ----------
    seal
        A line.
    among
        All lines.

    Returns
    -------
    prospective
        False for a night made again, and for one made afterwards.
    """
    first = next((other.n for other in among if other.as_of == seal.as_of), seal.n)
    return seal.n == first and seal.hours_late <= WITHIN_HOURS


@checked
def sealed_content(store: Store, seal: Seal) -> pd.DataFrame:
    """What was sealed.

    Parameters
    ----------
    store
        The city.
    seal
        A line.

    Returns
    -------
    content
        As :func:`content_of` gave it then.

    Raises
    ------
    NotFoundError
        The file is not there any more.
    DataError
        The file does not give the digest that was sealed.
    """
    place = store.path / FOLDER / f"{seal.name}.parquet"
    try:
        rows = load(place).to_pandas().astype(_KINDS)
        same = digest_of(rows.fillna(dict.fromkeys(_TEXTS, ""))) == seal.digest
    except FileNotFoundError:
        raise NotFoundError(f"what was sealed for {seal.as_of[:10]}, run {seal.run}, is not kept any more.") from None
    except (KeyError, ValueError):
        same = False
    if not same:
        raise DataError(f"{place} is not what was sealed for {seal.as_of[:10]}, run {seal.run}: its digest is another.")
    return rows.fillna(dict.fromkeys(_TEXTS, ""))


@checked
def forget(store: Store, gone: Iterable[Seal]) -> int:
    """Take away what was sealed; the lines stay for ever.

    Parameters
    ----------
    store
        The city, whose lock is held.
    gone
        Lines of which the content is no longer needed.

    Returns
    -------
    n
        Files taken away.
    """
    there = [place for line in gone if (place := store.path / FOLDER / f"{line.name}.parquet").is_file()]
    for place in there:
        Path(place).unlink()
    return len(there)


@checked
def table_of_seals(store: Store) -> pd.DataFrame:
    """The register as a table, the newest first.

    Parameters
    ----------
    store
        The city.

    Returns
    -------
    table
        `n`, `as_of`, `run`, `sealed_at`, `hours_late`, `prospective`, `n_listed`, `n_forecasts`, `digest`.
    """
    lines = seals(store)
    rows = [
        {
            "n": line.n,
            "as_of": line.as_of[:16],
            "run": line.run,
            "sealed_at": line.sealed_at[:19],
            "hours_late": round(line.hours_late, 1),
            "prospective": is_prospective(line, lines),
            "n_listed": line.n_listed,
            "n_forecasts": line.n_forecasts,
            "digest": line.digest,
        }
        for line in reversed(lines)
    ]
    columns = ["n", "as_of", "run", "sealed_at", "hours_late", "prospective", "n_listed", "n_forecasts", "digest"]
    return pd.DataFrame(rows, columns=columns)
