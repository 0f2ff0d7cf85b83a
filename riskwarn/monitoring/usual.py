"""What was usual in the training time of a model, and its file beside the bundle of the model, so that each night need not work it out.

The file names what it was made from: the code, the model, its dates and grids, which outcomes had settled, and a digest of all that can
have been known by the end of that time. Where any of it differs, or the file is damaged, what was usual is worked out again.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import pandas as pd

import riskwarn
from riskwarn.history import History
from riskwarn.model import RiskModel
from riskwarn.monitoring.drift import Days, dates_apart
from riskwarn.store import Store
from riskwarn.store.parquet import write_bytes

_SAID = ("score", "expected", "probability")
_KEPT = 2
"""Files kept of a target: of the champion, and of a model that runs beside it."""
_DAY = pd.Timedelta(days=1)


@dataclass(frozen=True, eq=False)
class Usual:
    """The training time of a model.

    Parameters
    ----------
    days
        By date of the training time its features that are looked at, `y`, `score`, `expected` and `probability`.
    next_days
        By date the `score` a day later.
    apart
        By feature, and `score`, how far one date lies from the others.
    """

    days: Days
    next_days: Days
    apart: dict[str, float]

    @classmethod
    def of(cls, names: Sequence[str], dates: Sequence[pd.Timestamp], days: Days) -> "Usual":
        """What panels say of it.

        Parameters
        ----------
        names
            Features that are looked at.
        dates
            Of the training time.
        days
            Panels of these dates, and of the day after each.

        Returns
        -------
        usual
            Of these features.
        """
        usual = {d: days[d][[*names, "y", *_SAID]] for d in dates}
        apart = {name: dates_apart([*usual.values()], name) for name in (*names, "score")}
        return cls(usual, {d: days[d + _DAY][["score"]] for d in dates}, apart)

    def to_bytes(self, names: Sequence[str]) -> bytes:
        """Its numbers, in the order of dates and `names`."""
        days, sink = [*self.days.values()], io.BytesIO()
        np.savez(
            sink,
            features=np.stack([day[[*names]].to_numpy(np.float32).T for day in days]),
            y=np.stack([day["y"].to_numpy() for day in days]),
            said=np.stack([day[[*_SAID]].to_numpy(np.float64).T for day in days]),
            next_score=np.stack([day["score"].to_numpy() for day in self.next_days.values()]),
            apart=np.array([self.apart[name] for name in (*names, "score")]),
        )
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, body: bytes, names: Sequence[str], dates: Sequence[pd.Timestamp]) -> "Usual":
        """What :meth:`to_bytes` wrote."""
        with np.load(io.BytesIO(body), allow_pickle=False) as kept:
            features, y, said = kept["features"], kept["y"], kept["said"]
            after, apart = kept["next_score"], kept["apart"]
        days = {
            d: pd.DataFrame(features[t].T, columns=[*names]).assign(y=y[t], **dict(zip(_SAID, said[t], strict=True)))
            for t, d in enumerate(dates)
        }
        next_days = {d: pd.DataFrame({"score": after[t]}) for t, d in enumerate(dates)}
        return cls(days, next_days, dict(zip((*names, "score"), apart.tolist(), strict=True)))


class Memory:
    """The files in which a store keeps what was usual; without a store nothing is kept.

    Parameters
    ----------
    store
        The city; who writes holds its lock.
    history
        What was known of it.
    """

    def __init__(self, store: Store | None, history: History) -> None:
        self.store = store
        self.history = history
        self._known: dict[pd.Timestamp, str] = {}

    def recall(self, model: RiskModel, names: Sequence[str], dates: pd.DatetimeIndex) -> Usual | None:
        """What was kept of a model, none where there is nothing or it was made from something else.

        Parameters
        ----------
        model, names, dates
            The model, its features that are looked at, and the dates of its training time.

        Returns
        -------
        usual
            As it was worked out.
        """
        if self.store is None or not len(dates):
            return None
        try:
            head, digest, body = self._file(model).read_bytes().split(b"\n", 2)
        except (OSError, ValueError):
            return None
        if head.decode() != self._key(model, names, dates) or digest.decode() != hashlib.sha256(body).hexdigest():
            return None
        return Usual.from_bytes(body, names, [*dates])

    def keep(self, model: RiskModel, names: Sequence[str], dates: pd.DatetimeIndex, usual: Usual) -> None:
        """Keep what was worked out, in one step, and drop what older models left.

        Parameters
        ----------
        model, names, dates
            As for :meth:`recall`.
        usual
            What was usual.
        """
        if self.store is None or not len(dates):
            return
        file, body = self._file(model), usual.to_bytes(names)
        if not file.parent.is_dir():
            return
        lines = (self._key(model, names, dates), hashlib.sha256(body).hexdigest())
        write_bytes(file, "\n".join(lines).encode() + b"\n" + body)
        others = sorted(file.parent.glob(".usual-*"), key=lambda other: other.stat().st_mtime, reverse=True)
        for old in others[_KEPT:]:
            old.unlink(missing_ok=True)

    def _file(self, model: RiskModel) -> Path:
        assert self.store is not None
        return self.store.path / "models" / model.label.name / f".usual-{model.version}"

    def _key(self, model: RiskModel, names: Sequence[str], dates: pd.DatetimeIndex) -> str:
        """Digest of all that what was usual is made from."""
        settled = self.history.at([*dates]).each(model.label.settled)
        parts = [_code(), model.version, [*names], [d.isoformat() for d in dates], self._known_by(model, dates[-1])]
        digest = hashlib.sha256(json.dumps(parts).encode())
        digest.update(np.packbits(settled).tobytes() + self._grids)
        return digest.hexdigest()

    @cached_property
    def _grids(self) -> bytes:
        """Digests of the rows of the grids, which every model shares."""
        rows = pd.util.hash_pandas_object(self.history.grids.astype(str), index=False)
        return rows.to_numpy().tobytes()

    def _known_by(self, model: RiskModel, last: pd.Timestamp) -> str:
        """Digest of what can have been known by the time the last outcome settled, and a day after the last date."""
        assert self.store is not None
        until = last + max(_DAY, pd.Timedelta(days=model.label.wait_days))
        if until not in self._known:
            self._known[until] = self.store.digest_before(until)
        return self._known[until]


@cache
def _code() -> str:
    """Digest of the code: another version may count otherwise."""
    digest = hashlib.sha256(riskwarn.__version__.encode())
    for file in sorted(Path(riskwarn.__file__).parent.rglob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()
