"""Packages that not everybody needs: the extra each comes with, and the sentence that names it where it is missing."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from types import MappingProxyType

from riskwarn.errors import MissingExtraError

EXTRA_OF = MappingProxyType(
    {
        "alembic": "ledger",
        "anyio": "web",
        "argon2": "web",
        "dask": "dask",
        "distributed": "dask",
        "docx": "documents",
        "fastapi": "web",
        "fsspec": "dask",
        "geopandas": "spatial",
        "h11": "web",
        "h3": "hexagons",
        "holidays": "calendars",
        "httpx": "client",
        "jinja2": "documents",
        "joserfc": "oidc",
        "matplotlib": "plots",
        "mlflow": "tracking",
        "openpyxl": "excel",
        "optuna": "tuning",
        "prometheus_client": "metrics",
        "psycopg": "postgres",
        "pyogrio": "spatial",
        "pyproj": "spatial",
        "pyspark": "spark",
        "shap": "explain",
        "shapely": "spatial",
        "sqlalchemy": "ledger",
        "starlette": "web",
        "tqdm": "progress",
        "uvicorn": "web",
        "xlrd": "excel",
        "xlsxwriter": "excel",
    }
)
"""The extra by the name a package is imported by; of several extras that bring it, the least."""


def missing_extra(error: ModuleNotFoundError) -> MissingExtraError | None:
    """The error of ours for a package that is not installed.

    Parameters
    ----------
    error
        Of the import.

    Returns
    -------
    error
        It names the package and the extra; None where the package comes with no extra, so the installation is broken.

    Examples
    --------
    >>> print(missing_extra(ModuleNotFoundError(name="mlflow.models")))
    mlflow is not installed; it comes with pip install 'riskwarn[tracking]'.
    """
    package = (error.name or "").split(".")[0]
    if package not in EXTRA_OF:
        return None
    return MissingExtraError(
        f"{package} is not installed; it comes with pip install 'riskwarn[{EXTRA_OF[package]}]'.", package=package
    )


def need(package: str) -> None:
    """Refuse what needs a package that is not installed, before anything is begun.

    Parameters
    ----------
    package
        The name it is imported by; it is looked for, not loaded.

    Raises
    ------
    MissingExtraError
        It is not there; the message names the extra.

    Examples
    --------
    >>> need("numpy")
    """
    with guests():
        if find_spec(package) is None:
            raise ModuleNotFoundError(name=package)


@contextmanager
def guests() -> Iterator[None]:
    """Within it an import of a package that comes with an extra is told in a sentence.

    Raises
    ------
    MissingExtraError
        The package is not installed.

    Examples
    --------
    >>> with guests():
    ...     raise ModuleNotFoundError(name="shap")
    Traceback (most recent call last):
    riskwarn.errors.MissingExtraError: shap is not installed; it comes with pip install 'riskwarn[explain]'.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        if isinstance(error, MissingExtraError) or (missing := missing_extra(error)) is None:
            raise
        raise missing from None
