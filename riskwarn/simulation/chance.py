"""Chance that is addressed, not consumed: a draw depends on its seed, its name and its keys, and on nothing else.

A generator that is read in turn shifts every later draw when one effect is switched off. Here the draw for dispute 17
on day 40 in the channel "call" is a hash of just these, so two worlds that differ in one effect share all other
chance, event by event (common random numbers).
"""

import zlib

import numpy as np

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_MOST = 64
"""Largest count `poisson` returns."""


def stream(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for the component `name`.

    Examples
    --------
    >>> bool(stream(7, "a").random() == stream(7, "a").random())
    True
    >>> bool(stream(7, "a").random() == stream(7, "b").random())
    False
    """
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def _mix(x: np.ndarray) -> np.ndarray:
    """Finaliser of splitmix64 (Steele, Lea & Flood 2014): every input bit reaches every output bit."""
    x = (x ^ (x >> np.uint64(30))) * _FIRST
    x = (x ^ (x >> np.uint64(27))) * _SECOND
    return x ^ (x >> np.uint64(31))


def digest(seed: int, name: str, *keys: np.ndarray | int) -> np.ndarray:
    """64-bit hash of seed, name and integer keys (broadcast against each other)."""
    start = np.array([seed * 0x1000003 + zlib.crc32(name.encode())], dtype=np.uint64)
    x = _mix(start * _GOLDEN)
    for key in keys:
        x = _mix((x ^ np.asarray(key).astype(np.int64).astype(np.uint64)) * _GOLDEN + _SECOND)
    return x


def uniform(seed: int, name: str, *keys: np.ndarray | int) -> np.ndarray:
    """Uniform draws in (0, 1), one for each combination of keys.

    Examples
    --------
    >>> u = uniform(7, "call", np.arange(3), 40)
    >>> bool((u == uniform(7, "call", np.arange(3), 40)).all()), u.shape
    (True, (3,))
    """
    return unit(digest(seed, name, *keys))


def unit(hashed: np.ndarray) -> np.ndarray:
    """Hashes as uniform draws in (0, 1)."""
    return ((hashed >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def channel(hashed: np.ndarray, name: str) -> np.ndarray:
    """A further independent uniform draw for each hash, by name."""
    return unit(_mix((hashed ^ np.uint64(zlib.crc32(name.encode()))) * _GOLDEN))


def exponential(u: np.ndarray, mean: float | np.ndarray) -> np.ndarray:
    """Exponential draws with `mean` from uniform ones."""
    return -np.log1p(-u) * mean


def normal(u: np.ndarray) -> np.ndarray:
    """Standard normal draws from uniform ones."""
    from scipy.special import ndtri  # noqa: PLC0415

    return np.asarray(ndtri(u))


def poisson(u: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Poisson counts from uniform draws by inversion, so a higher mean never lowers a count.

    Parameters
    ----------
    u
        Uniform in [0, 1).
    mean
        Not negative, the shape of `u`; meant for small means (counts end at 64).

    Returns
    -------
    n
        uint8, the shape of `u`.

    Examples
    --------
    >>> poisson(np.array([0.1, 0.9, 0.99]), np.array([1.0, 1.0, 1.0])).tolist()
    [0, 2, 4]
    """
    n = np.zeros(u.shape, np.uint8)
    term = np.exp(-mean)
    below = term.copy()
    for j in range(1, _MOST + 1):
        more = u >= below
        if not more.any():
            break
        n += more
        term = term * mean / j
        below += term
    return n
