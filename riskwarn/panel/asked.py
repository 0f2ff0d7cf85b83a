"""What a panel on disk was made for: its outcome and its features, so that the numbers of one question never pass for those of another."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from riskwarn.errors import DataError
from riskwarn.feature import Feature
from riskwarn.label import Label


@dataclass(frozen=True)
class Asked:
    """What a file of a panel was made for.

    Parameters
    ----------
    label
        The label as plain values.
    features
        Of each column a digest of what it is.
    """

    label: Mapping[str, Any]
    features: Mapping[str, str]

    @classmethod
    def of(cls, features: Iterable[Feature], label: Label | None) -> "Asked":
        """What some features and a label are, as a file keeps it."""
        values = {} if label is None else json.loads(json.dumps(label.to_dict()))
        return cls(values, {feature.name: _digest(feature) for feature in features})

    @classmethod
    def read(cls, text: bytes) -> "Asked | None":
        """What a file says; none where it says nothing that can be read."""
        try:
            return cls(**json.loads(text))
        except (ValueError, TypeError):
            return None

    def text(self) -> bytes:
        """What a file is to say."""
        return json.dumps({"label": self.label, "features": self.features}, sort_keys=True).encode()


def check_asked(held: Mapping[str, Asked | None], features: Sequence[Feature], label: Label) -> None:
    """Refuse a panel that was made for another outcome, or for other features of the same names.

    Parameters
    ----------
    held
        Of each file, by name, what it was made for.
    features, label
        What is asked now; the panel may hold more features.

    Raises
    ------
    DataError
        Of which file, what it holds, and what was asked.
    """
    wanted = Asked.of(features, label)
    for file, made in held.items():
        if made is None:
            raise DataError(f"{file} of the panel does not say for which label it was made; write the panel again.")
        if made.label != wanted.label:
            raise DataError(
                f"{file} of the panel holds the outcome of {_told(made.label, wanted.label)}, and the experiment asks for "
                f"{_told(wanted.label, made.label)}; write a panel for this experiment, in a folder of its own."
            )
        other = [name for name, digest in wanted.features.items() if made.features.get(name, digest) != digest]
        if other:
            raise DataError(
                f"{file} of the panel holds {len(other)} features that were defined otherwise, first: {other[0]}; write the panel again for "
                "this experiment."
            )


def _digest(feature: Feature) -> str:
    return hashlib.sha256(json.dumps(feature.to_dict(), sort_keys=True).encode()).hexdigest()[:16]


def _told(label: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """A label by its name, and, where another has the same name, by what differs."""
    if label.get("name") != other.get("name"):
        return f"label {label.get('name')!r}"
    odd = [f"{name} {value}" for name, value in label.items() if value != other.get(name)]
    return f"label {label.get('name')!r} with {', '.join(odd)}"
