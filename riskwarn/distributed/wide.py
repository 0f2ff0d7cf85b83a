"""Features that look further than to the neighbours: what of them can be computed a block at a time, and in which order."""

from collections.abc import Iterable, Iterator, Sequence

from riskwarn.calling import checked
from riskwarn.errors import DefinitionError
from riskwarn.feature import Feature
from riskwarn.feature.base import furthest
from riskwarn.feature.reach import REACHES


@checked
def check_blocks(features: Iterable[Feature]) -> None:
    """Refuse features that cannot be computed a block of grids at a time, all at once.

    Parameters
    ----------
    features
        What is to be computed.

    Raises
    ------
    DefinitionError
        One looks further than to the neighbours and does not say what is to be added up there (:attr:`riskwarn.feature.Feature.areas`),
        or at the neighbours of neighbours.

    Examples
    --------
    >>> from riskwarn.feature import Count, OfCity, Spread
    >>> check_blocks([OfCity(Count("dispute", days=7)), Spread(Count("dispute", days=7))])
    >>> check_blocks([Spread(Count("dispute", days=7)).nearby()])
    Traceback (most recent call last):
    riskwarn.errors.DefinitionError: these features cannot be computed in blocks of grids: dispute_n_7d_gauss_1_nearby. ...
    """
    names = [feature.name for feature in features if not _in_blocks(feature)]
    if names:
        raise DefinitionError(
            f"these features cannot be computed in blocks of grids: {', '.join(names)}. They look at grids beyond the neighbours, and "
            "not by totals of an area; leave them out, or compute the panel on one machine without blocks."
        )


@checked
def wide(features: Iterable[Feature]) -> list[Feature]:
    """The features that need totals of an area, among some and what they are made of, each once.

    Parameters
    ----------
    features
        Any.

    Returns
    -------
    features
        Those that are a part of another come before it.

    Examples
    --------
    >>> from riskwarn.feature import Count, Ratio
    >>> [f.name for f in wide([Ratio(Count("dispute", days=7).of_parent(), Count("dispute", days=7))])]
    ['dispute_n_7d_township']
    """
    return list(dict.fromkeys(f for feature in features for f in _within(feature) if f.areas))


@checked
def rounds(features: Iterable[Feature]) -> list[list[Feature]]:
    """The features that need totals, in the rounds in which these can be added up: those of a round need none but of rounds before.

    Parameters
    ----------
    features
        Any.

    Returns
    -------
    rounds
        None where no feature needs a total.

    Examples
    --------
    >>> from riskwarn.feature import Count, Share
    >>> share = Share("dispute", "police_call", days=28)
    >>> [[f.name for f in some] for some in rounds([share.of_parent(), Count("dispute", days=7).of_parent()])]
    [['dispute_share_of_police_call_28d', 'dispute_n_7d_township'], ['dispute_share_of_police_call_28d_township']]
    """
    needing = wide(features)
    depths = [_depth(feature) for feature in needing]
    return [[f for f, d in zip(needing, depths, strict=True) if d == depth] for depth in sorted(set(depths))]


def _within(feature: Feature) -> Iterator[Feature]:
    for part in feature.parts:
        yield from _within(part)
    yield feature


def _depth(feature: Feature) -> int:
    return bool(feature.areas) + max((_depth(part) for part in feature.parts), default=0)


def _in_blocks(feature: Feature) -> bool:
    inner = _furthest(feature.parts)
    own = feature.looks in {"own", "near"} or bool(feature.areas)
    composed = REACHES.index(feature.looks) <= inner
    return (own or composed) and _rings(feature) <= 1 and all(map(_in_blocks, feature.parts))


def _furthest(features: Sequence[Feature]) -> int:
    return max((REACHES.index(furthest(feature)) for feature in features), default=0)


def _rings(feature: Feature) -> int:
    """How many rings around a grid it looks at, of neighbours or of grids within reach."""
    return (feature.around in {"nearby", "about"}) + max((_rings(part) for part in feature.parts), default=0)
