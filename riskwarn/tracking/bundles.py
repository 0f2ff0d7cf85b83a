"""The bundles kept beside a store, signed, each under the alias that a night asks for."""

import hashlib
import hmac
import os
import shutil
from contextlib import suppress
from pathlib import Path

from riskwarn.calling import checked
from riskwarn.errors import DataError, RiskwarnError
from riskwarn.model import FILES, SUMS, RiskModel
from riskwarn.store import signature
from riskwarn.store.pointer import point, pointed

CHAMPION = "champion"
CANDIDATE = "candidate"
CHALLENGER = "challenger"
"""Scored every night beside the champion, and shown nowhere as the list."""
_SIGNATURE = "SIGNATURE"


@checked
def keep(model: RiskModel, folder: str | Path, *, alias: str) -> Path:
    """Keep the bundle of a model under ``folder/models`` and let the alias point to it.

    The alias is a file that names the bundle and is replaced in one step: a night finds the model that held it or the one that holds
    it, never none. The bundle it named before stays until another one comes; the same model kept again is no other. A bundle is signed with the
    folder's key.

    Parameters
    ----------
    model
        Fitted.
    folder
        Of the store.
    alias
        ``champion``, ``candidate`` or ``challenger``.

    Returns
    -------
    bundle
        Its folder.
    """
    place = Path(folder) / "models" / model.label.name
    partial = place / f".{alias}.{os.getpid()}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    model.facts["alias"] = alias
    model.save(partial)
    sums = (partial / SUMS).read_bytes()
    signed = signature(Path(folder), sums)
    (partial / _SIGNATURE).write_text(signed, "utf-8")
    bundle = place / f".{alias}-{hashlib.sha256(sums + signed.encode()).hexdigest()[:16]}"
    if _is_same(bundle, partial):
        shutil.rmtree(partial)
    else:
        shutil.rmtree(bundle, ignore_errors=True)
        partial.rename(bundle)
    before = _bundle(place, alias)
    point(place / alias, bundle.name)
    others = {*place.glob(f".{alias}-*")} - {bundle, before}
    for old in others if bundle != before else ():
        shutil.rmtree(old, ignore_errors=True)
    return bundle


def _is_same(bundle: Path, new: Path) -> bool:
    """Whether a bundle is there already, whole and as the new one."""
    names = (SUMS, _SIGNATURE, *FILES)
    return all((bundle / n).is_file() and (bundle / n).read_bytes() == (new / n).read_bytes() for n in names)


def _bundle(place: Path, alias: str) -> Path | None:
    """The bundle an alias names, none where it names none."""
    if not os.path.lexists(place / alias):
        return None
    name = pointed(place / alias)
    if name is None:
        raise DataError(f"{place / alias} is damaged: it names no bundle beside it; promote or train the model again.")
    return place / name


@checked
def kept(folder: str | Path, target: str, *, alias: str) -> RiskModel | None:
    """The bundle kept for an alias, none where there is none.

    Parameters
    ----------
    folder
        Of the store.
    target
        Name of the label.
    alias
        ``champion``, ``candidate`` or ``challenger``.

    Returns
    -------
    model
        None, or one whose digests and signature have been checked.

    Raises
    ------
    DataError
        The bundle is damaged, or is not signed with the folder's key.
    """
    bundle = _bundle(Path(folder) / "models" / target, alias)
    return None if bundle is None else _read(Path(folder), bundle)


def _read(folder: Path, bundle: Path) -> RiskModel:
    """A bundle whose digests and signature are right."""
    missing = next((name for name in (SUMS, _SIGNATURE) if not (bundle / name).is_file()), None)
    if missing is not None:
        raise DataError(
            f"the model in {bundle} is damaged or was swapped: {missing} is missing. Promote or train it again."
        )
    signed = signature(folder, (bundle / SUMS).read_bytes())
    if not hmac.compare_digest(signed.encode(), (bundle / _SIGNATURE).read_bytes()):
        raise DataError(
            f"the model in {bundle} is damaged or was swapped: it is not signed with the key of {folder}. Promote or train it again."
        )
    return RiskModel.load(bundle, trusted=True)


@checked
def kept_before(folder: str | Path, target: str, *, alias: str) -> RiskModel | None:
    """The bundle that an alias named before the one it names now, none where there is none or it cannot be read either.

    Parameters
    ----------
    folder
        Of the store.
    target
        Name of the label.
    alias
        ``champion``, ``candidate`` or ``challenger``.

    Returns
    -------
    model
        None, or one whose digests and signature have been checked.
    """
    place = Path(folder) / "models" / target
    with suppress(RiskwarnError):
        now = _bundle(place, alias)
        for bundle in sorted(place.glob(f".{alias}-*")):
            if now is not None and bundle != now:
                return _read(Path(folder), bundle)
    return None


@checked
def kept_targets(folder: str | Path) -> list[str]:
    """Names of the labels with a kept model.

    Parameters
    ----------
    folder
        Of the store.

    Returns
    -------
    targets
        In order.
    """
    place = Path(folder) / "models"
    return sorted(p.name for p in place.iterdir()) if place.exists() else []
