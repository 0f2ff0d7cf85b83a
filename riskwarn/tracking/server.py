"""Where MLflow is, and how it is reached: a file beside the store, or a tracker on the network that may not answer."""

import logging
import os
import socket
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote, urlsplit
from urllib.request import urlopen

from riskwarn.calling import checked
from riskwarn.errors import NotFoundError
from riskwarn.extras import need

_URI = "MLFLOW_TRACKING_URI"
_SQLITE = "sqlite:///"
_SECONDS = 2
"""How long a tracker may take to answer anything at all; a call then has as long again."""


@checked
def default_uri(folder: str | Path = ".") -> str:
    """``MLFLOW_TRACKING_URI``, or a SQLite file in `folder`, whatever characters its path has.

    Parameters
    ----------
    folder
        Where the SQLite file lies.

    Returns
    -------
    uri
        For MLflow.
    """
    return os.environ.get(_URI) or _SQLITE + _written(Path(folder).resolve() / "mlflow.db")


def _written(file: Path) -> str:
    """A path as it stands in an address, which SQLAlchemy decodes; only what it would take for something else is coded."""
    return "".join(quote(c) if c in "%?#" else c for c in str(file))


@checked
def sqlite_file(uri: str) -> Path | None:
    """The file of an SQLite address, none for any other tracker.

    Parameters
    ----------
    uri
        Of a tracker.

    Returns
    -------
    file
        Whether it exists or not.

    Examples
    --------
    >>> sqlite_file(default_uri("/data/50%?")).parent.name
    '50%?'
    """
    return Path(unquote(uri.removeprefix(_SQLITE))) if uri.startswith(_SQLITE) else None


def check_there(uri: str, target: str) -> None:
    """Asking an SQLite file that does not exist would make it, and take ten seconds to find nothing."""
    file = sqlite_file(uri)
    if file is not None and not file.exists():
        raise NotFoundError(f"no model {target!r}: {file} does not exist; train one with `riskwarn train`.")


@checked
def check_answers(uri: str) -> None:
    """Refuse a tracker on the network that nobody answers for, before MLflow waits for it, and any where MLflow is not installed.

    Parameters
    ----------
    uri
        Of MLflow; a file always answers.

    Raises
    ------
    NotFoundError
        It does not answer within two seconds.
    MissingExtraError
        MLflow is not installed.
    """
    need("mlflow")
    address = urlsplit(uri)
    if address.hostname is None:
        return
    port = address.port or {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306}.get(
        address.scheme.split("+")[0], 443
    )
    answers: list[bool] = []

    def ask() -> None:
        with suppress(OSError), socket.create_connection((address.hostname, port), timeout=_SECONDS) as line:
            if address.scheme in {"http", "https"}:
                line.close()
                with urlopen(f"{uri.rstrip('/')}/health", timeout=_SECONDS):  # noqa: S310 - the operator's own address
                    pass
            answers.append(True)

    # a name server or a server that sends a byte now and then cannot be timed out; a thread that is left behind can
    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_SECONDS)
    if not answers:
        raise NotFoundError(
            f"the tracker {_shown(uri)} does not answer within {_SECONDS} s; start it, or mend {_URI}. Kept models and nights need no tracker."
        )


def _shown(uri: str) -> str:
    """An address without the password in it."""
    address = urlsplit(uri)
    return uri if address.password is None else uri.replace(f":{address.password}@", ":…@")


def _strays(uri: str) -> list[Path]:
    """Folders that MLflow would make and leave empty, innermost first: of an SQLite address it makes the folder as it is written."""
    file = sqlite_file(uri)
    if file is None or file == Path(uri.removeprefix(_SQLITE)):
        return []
    return [folder for folder in Path(uri.removeprefix(_SQLITE)).parents if not folder.exists()]


@contextmanager
def connected(uri: str) -> Iterator[Any]:
    """MLflow set to `uri`, quiet, and left as it was found: it keeps the URI in the environment too.

    Raises
    ------
    NotFoundError
        The tracker does not answer, or not in time.
    """
    check_answers(uri)
    # MLflow tries for minutes of its own accord
    os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"], os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = str(_SECONDS), "0"
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    before = os.environ.get(_URI)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow  # noqa: PLC0415
        from google.protobuf.json_format import ParseError  # noqa: PLC0415

        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.ERROR)
        mlflow.set_tracking_uri(uri)
        strays = _strays(uri)
        try:
            yield mlflow
        except (mlflow.exceptions.MlflowException, ParseError) as error:
            raise NotFoundError(f"the tracker {_shown(uri)} refused: {str(error).splitlines()[0][:200]}") from None
        finally:
            for stray in strays:
                with suppress(OSError):
                    stray.rmdir()
            mlflow.set_tracking_uri(before)
            os.environ.pop(_URI, None)
            if before is not None:
                os.environ[_URI] = before
