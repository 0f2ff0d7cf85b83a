"""The models of a night that may be used: each scores its golden rows as when it was trained, or the model before it stands in.

A library that was updated, a processor that rounds otherwise, a bundle that is damaged: the model then says something else than what the
gate judged. Its golden rows show it, in a process of its own, once for each version of the model on each set of libraries.
"""

import hashlib
import json
import platform
import subprocess
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

from riskwarn import tracking
from riskwarn.answer import model_of
from riskwarn.calling import checked
from riskwarn.errors import DataError, RiskwarnError
from riskwarn.model import RiskModel, check_golden
from riskwarn.plan import Plan, Question
from riskwarn.store import Store
from riskwarn.store.parquet import write_bytes

_SOUND = ".golden"
"""File beside the bundles of a target: what has scored its golden rows rightly."""
_LIBRARIES = ("riskwarn", "lightgbm", "numpy", "pandas", "scipy", "scikit-learn")
_KEPT = 20


@dataclass(frozen=True, eq=False)
class Sound:
    """The models of a night by target; `failed`, why a question has none; `fallen`, why one is answered by the model before its own."""

    models: dict[str, RiskModel] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    fallen: dict[str, str] = field(default_factory=dict)


@checked
def sound_models(store: Store, plan: Plan, *, tracking_folder: str | Path | None = None) -> Sound:
    """The models of a plan that may be used tonight.

    Parameters
    ----------
    store
        The city, whose lock is held.
    plan
        Its questions.
    tracking_folder
        Where MLflow's file lies; the store's folder by default.

    Returns
    -------
    sound
        In the order of the plan.

    Raises
    ------
    NotFoundError, DataError
        None of the questions has a sound model: what the first one lacks.
    """
    folder = Path(tracking_folder or store.path)
    read: dict[str, RiskModel | RiskwarnError] = {}
    for question in plan.questions:
        try:
            read[question.target] = model_of(store, question.target, alias=question.alias, tracking_folder=folder)
        except RiskwarnError as error:
            read[question.target] = error
    faults = _faults(folder, {target: model for target, model in read.items() if isinstance(model, RiskModel)})
    sound, errors = Sound(), []
    for question in plan.questions:
        found = read[question.target]
        fault = found if isinstance(found, RiskwarnError) else faults.get(question.target)
        if fault is None and isinstance(found, RiskModel):
            sound.models[question.target] = found
        elif fault is not None and (before := _before(folder, question)) is not None:
            sound.models[question.target] = before
            sound.fallen[question.target] = str(fault)
        elif fault is not None:
            sound.failed[question.target] = str(fault)
            errors.append(fault)
    if not sound.models:
        raise errors[0]
    return sound


def _before(folder: Path, question: Question) -> RiskModel | None:
    """The model that answered before, where that is sound."""
    model = tracking.kept_before(folder, question.target, alias=question.alias)
    return None if model is None or _faults(folder, {question.target: model}) else model


def _faults(folder: Path, models: Mapping[str, RiskModel]) -> dict[str, RiskwarnError]:
    """By target what is wrong with a model's golden rows; those that were right once are not asked again."""
    untried = {target: model for target, model in models.items() if _key(model) not in _sound_before(folder, target)}
    if not untried:
        return {}
    with tempfile.TemporaryDirectory() as place:
        tried = _tried({target: model.save(Path(place) / target) for target, model in untried.items()})
    for target in [target for target in untried if tried[target] is None]:
        _note(folder, target, _key(untried[target]))
    return {target: fault for target, fault in tried.items() if fault is not None and not _is_slow(fault)}


def _tried(bundles: Mapping[str, Path]) -> dict[str, RiskwarnError | None]:
    """By target the fault, none where there is none: all together in one process; where that shows a fault, one by one."""
    together = _fault(*bundles.values())
    if together is None or _is_slow(together) or len(bundles) == 1:
        return dict.fromkeys(bundles, together)
    return {target: _fault(bundle) for target, bundle in bundles.items()}


def _fault(*bundles: Path) -> RiskwarnError | None:
    try:
        check_golden(*bundles)
    except DataError as error:
        return error
    return None


def _is_slow(fault: RiskwarnError) -> bool:
    """Whether the process only took too long: a busy machine is no fault of the model, and the next night asks again."""
    return isinstance(fault.__cause__, subprocess.TimeoutExpired)


def _key(model: RiskModel) -> str:
    """What golden rows depend on: the model, the libraries, the machine."""
    parts = [
        model.version,
        json.dumps(model.facts.get("golden"), sort_keys=True),
        platform.machine(),
        platform.python_version(),
    ]
    return hashlib.sha256("\n".join([*parts, *map(version, _LIBRARIES)]).encode()).hexdigest()


def _sound_before(folder: Path, target: str) -> list[str]:
    with suppress(OSError, ValueError):
        keys = json.loads((folder / "models" / target / _SOUND).read_text("utf-8"))
        return [str(key) for key in keys] if isinstance(keys, list) else []
    return []


def _note(folder: Path, target: str, key: str) -> None:
    """Remember that a model is sound here; where it cannot be written, the next night asks again."""
    known: Iterable[str] = [*_sound_before(folder, target), key][-_KEPT:]
    with suppress(OSError):
        if (folder / "models" / target).is_dir():
            write_bytes(folder / "models" / target / _SOUND, json.dumps(list(known)).encode())
