"""Points in the coordinates a file uses, as WGS 84.

Maps for the public in China carry GCJ-02 or BD-09, shifted by 300 to 700 m; mixed with GPS points they put events into the wrong grid in
silence. So a mapping must say which it has, and shifted points are set back (to about a metre inside China).
"""

import re
import tomllib
from pathlib import Path

import numpy as np
import pandas as pd

from riskwarn.errors import DefinitionError
from riskwarn.grid import WGS84

SHIFTED = ("GCJ-02", "BD-09")
_AXIS_M, _ECCENTRICITY = 6_378_245.0, 0.006_693_421_622_965_943
_BD = np.pi * 3000 / 180

_WORDS: dict[str, str] = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
_NUMBER = r"([-+]?\d+(?:\.\d*)?(?:[eE][-+]?\d+)?)"
_WKT_POINT = rf"(?i)^(?:SRID=\d+;)?\s*POINT\s*(?:Z|M|ZM)?\s*\(\s*{_NUMBER}\s+{_NUMBER}[^)]*\)$"
_JSON_POINT = rf'"coordinates"\s*:\s*\[\s*{_NUMBER}\s*,\s*{_NUMBER}'
_JSON_LONGITUDE = rf'(?i)"(?:longitude|lng|lon)"\s*:\s*"?{_NUMBER}'
_JSON_LATITUDE = rf'(?i)"(?:latitude|lat)"\s*:\s*"?{_NUMBER}'
_COMMA = r"([-+]?\d{1,3},\d+)"
_COMMA_PAIR = rf"^[(\[]?\s*{_COMMA}\s*[;\s]\s*{_COMMA}\s*[)\]]?$"
_COMMA_ALONE = r"^[-+]?\d{1,3},(?:\d{1,2}|\d{4,})$"
"""A decimal comma; three digits behind it could be thousands."""
_PART = r"\d{1,3}(?:[.,]\d+)?"
_SECONDS = rf"(?:(?P<s>{_PART})\s*(?:[\"\u2033\u201d{_WORDS['second']}]|''|\u2032\u2032))?"
_MINUTES = rf"(?:(?P<m>{_PART})\s*['\u2032\u2019{_WORDS['minute']}]\s*{_SECONDS})?"
_SOUTH_WEST = f"SW{_WORDS['south']}{_WORDS['west']}"
_NORTH_SOUTH, _EAST_WEST = f"NS{_WORDS['north']}{_WORDS['south']}", f"EW{_WORDS['east']}{_WORDS['west']}"
_DEGREES = re.compile(
    rf"(?P<before>[{_NORTH_SOUTH}{_EAST_WEST}])?[{_WORDS['axes']}]?[\s:]*(?P<d>{_PART})\s*"
    rf"(?P<mark>[\u00b0{_WORDS['degree']}]\s*{_MINUTES})?\s*(?(before)|(?P<after>[NSEW](?!\d))?)"
)
_PAIR = rf"(?:^|[(\[])\s*{_NUMBER}\s*[,;、\s]\s*{_NUMBER}\s*[)\]]?$"


def points_of(texts: pd.Series, *, latitude_first: bool = False) -> tuple[pd.Series, pd.Series]:
    """Points that stand in one cell: a pair of numbers, ``POINT (lon lat)``, a GeoJSON point, an object with latitude and longitude.

    Parameters
    ----------
    texts
        (n,) One point each; text before a pair in brackets, such as an address, does not count.
    latitude_first
        Pairs have the latitude first; the other forms say themselves which is which.

    Returns
    -------
    x, y
        (n,) Longitude and latitude (or easting and northing); missing where there is no point.

    Examples
    --------
    >>> cells = pd.Series(["POINT (118.78 32.04)", "(32.04, 118.78)", '{"type": "Point", "coordinates": [118.78, 32.04]}', "POINT EMPTY"])
    >>> x, y = points_of(cells, latitude_first=True)
    >>> x.tolist(), y.tolist()
    ([118.78, 118.78, 118.78, nan], [32.04, 32.04, 32.04, nan])
    """
    texts = texts.str.replace(_COMMA_PAIR, lambda pair: f"{pair[1]} {pair[2]}".replace(",", "."), regex=True)
    pair, well_known, json = (texts.str.extract(pattern) for pattern in (_PAIR, _WKT_POINT, _JSON_POINT))
    first, second = (pair[1], pair[0]) if latitude_first else (pair[0], pair[1])
    named = [texts.str.extract(pattern)[0] for pattern in (_JSON_LONGITUDE, _JSON_LATITUDE)]
    x = well_known[0].fillna(json[0]).fillna(named[0]).fillna(first)
    y = well_known[1].fillna(json[1]).fillna(named[1]).fillna(second)
    x, y = pd.to_numeric(x).astype("float64"), pd.to_numeric(y).astype("float64")
    left = np.flatnonzero((x.isna() & texts.str.contains(r"\d").fillna(value=False)).to_numpy(dtype=bool))
    for place in left.tolist():
        x.iloc[place], y.iloc[place] = _in_degrees(str(texts.iloc[place]), latitude_first=latitude_first)
    return x, y


def coordinate_of(values: pd.Series, axis: str) -> pd.Series:
    r"""Longitudes or latitudes that stand in a column of their own: numbers, or degrees with minutes, letters or a decimal comma.

    Parameters
    ----------
    values
        (n,) Numbers or text.
    axis
        ``x`` or ``y``; a letter of the other one makes a value missing.

    Examples
    --------
    >>> coordinate_of(pd.Series(["118.78", "118,78", "E118.78", "118\xb030'", "32.04N"]), "x").tolist()
    [118.78, 118.78, 118.78, 118.5, nan]
    """
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.astype("float64")
    texts = values.str.replace(_COMMA_ALONE, lambda number: number[0].replace(",", "."), regex=True)
    numbers = pd.to_numeric(texts, errors="coerce").astype("float64")
    left = np.flatnonzero((numbers.isna() & texts.str.contains(r"\d").fillna(value=False)).to_numpy(dtype=bool))
    for place in left.tolist():
        part = _DEGREES.fullmatch(str(texts.iloc[place]).upper().strip())
        if part and (_axis(part) == axis or (not _axis(part) and part["mark"])):
            numbers.iloc[place] = _degrees(part)
    return numbers


def _in_degrees(text: str, *, latitude_first: bool) -> tuple[float, float]:
    """A point whose degrees have marks or letters; missing where it is none, or where its two numbers are of one axis."""
    first = _DEGREES.match(text := text.upper().strip(" ()[]"))
    second = _DEGREES.fullmatch(text[first.end() :].lstrip(" ,;")) if first else None
    if first is None or second is None:
        return np.nan, np.nan
    axes = _axis(first), _axis(second)
    if axes == ("", "") and first["mark"] and second["mark"]:
        axes = ("y", "x") if latitude_first else ("x", "y")
    if sorted(axes) != ["x", "y"]:
        return np.nan, np.nan
    return (_degrees(first), _degrees(second)) if axes[0] == "x" else (_degrees(second), _degrees(first))


def _axis(part: re.Match[str]) -> str:
    """The axis its letter names; none where there is no letter."""
    letter = part["before"] or part["after"]
    return "" if not letter else "y" if letter in _NORTH_SOUTH else "x"


def _degrees(part: re.Match[str]) -> float:
    degrees, minutes, seconds = (float((part[name] or "0").replace(",", ".")) for name in "dms")
    if minutes >= 60 or seconds >= 60:
        return np.nan
    size = degrees + minutes / 60 + seconds / 3600
    return -size if (part["before"] or part["after"] or "N") in _SOUTH_WEST else size


def to_wgs84(x: np.ndarray, y: np.ndarray, crs: str) -> tuple[np.ndarray, np.ndarray]:
    """Longitude and latitude of points given in `crs`.

    Parameters
    ----------
    x, y
        (n,) Longitude and latitude, or easting and northing of a flat projection.
    crs
        ``EPSG:4326``, ``EPSG:4490``, any other CRS that pyproj knows, ``GCJ-02`` or ``BD-09``.

    Returns
    -------
    lon, lat
        (n,) Degrees, WGS 84; missing where the point is missing or impossible.

    Raises
    ------
    DefinitionError
        The CRS is not known.

    Examples
    --------
    >>> lon, lat = to_wgs84(np.array([116.404]), np.array([39.915]), "GCJ-02")
    >>> round(float(lon[0]), 5), round(float(lat[0]), 5)
    (116.39776, 39.9136)
    """
    if crs.upper() == "BD-09":
        x, y = _from_bd09(x, y)
    if crs.upper() in SHIFTED:
        lon, lat = _from_gcj02(x, y)
    else:
        lon, lat = _projected(x, y, crs)
    possible = (np.abs(lon) <= 180) & (np.abs(lat) <= 90)
    return np.where(possible, lon, np.nan), np.where(possible, lat, np.nan)


def _projected(x: np.ndarray, y: np.ndarray, crs: str) -> tuple[np.ndarray, np.ndarray]:
    import pyproj  # noqa: PLC0415

    try:
        known = pyproj.CRS(crs)
    except pyproj.exceptions.CRSError:
        raise DefinitionError(
            f"crs under [place] or [area]: unknown CRS {crs!r}; use 'EPSG:4326', 'EPSG:4490', 'GCJ-02' or 'BD-09'."
        ) from None
    if known.to_epsg() in {WGS84, 4490}:
        return x, y
    lon, lat = pyproj.Transformer.from_crs(known, WGS84, always_xy=True).transform(x, y)
    return np.asarray(lon), np.asarray(lat)


def _from_bd09(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    x, y = lon - 0.0065, lat - 0.006
    radius = np.hypot(x, y) - 0.00002 * np.sin(y * _BD)
    angle = np.arctan2(y, x) - 0.000003 * np.cos(x * _BD)
    return radius * np.cos(angle), radius * np.sin(angle)


def _from_gcj02(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Undo the shift by two rounds of subtracting the shift of the estimate."""
    true_lon, true_lat = lon, lat
    for _ in range(2):
        d_lon, d_lat = gcj02_shift(true_lon, true_lat)
        true_lon, true_lat = lon - d_lon, lat - d_lat
    return true_lon, true_lat


def gcj02_shift(lon: np.ndarray, lat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By how many degrees GCJ-02 lies off WGS 84 at a point in WGS 84."""
    x, y = lon - 105.0, lat - 35.0
    root = np.sqrt(np.abs(x))
    waves = (20 * np.sin(6 * x * np.pi) + 20 * np.sin(2 * x * np.pi)) * 2 / 3
    d_lat = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + waves
    d_lat += (20 * np.sin(y * np.pi) + 40 * np.sin(y / 3 * np.pi)) * 2 / 3
    d_lat += (160 * np.sin(y / 12 * np.pi) + 320 * np.sin(y * np.pi / 30)) * 2 / 3
    d_lon = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + waves
    d_lon += (20 * np.sin(x * np.pi) + 40 * np.sin(x / 3 * np.pi)) * 2 / 3
    d_lon += (150 * np.sin(x / 12 * np.pi) + 300 * np.sin(x / 30 * np.pi)) * 2 / 3
    radians = np.deg2rad(lat)
    magic = 1 - _ECCENTRICITY * np.sin(radians) ** 2
    meridian = _AXIS_M * (1 - _ECCENTRICITY) / (magic * np.sqrt(magic)) * np.pi / 180
    return d_lon / (_AXIS_M / np.sqrt(magic) * np.cos(radians) * np.pi / 180), d_lat / (meridian)
