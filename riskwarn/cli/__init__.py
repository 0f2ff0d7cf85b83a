"""The command line: a verb reads its arguments, calls one function and prints. Heavy imports wait until a verb needs them.

::

    records   init ingest check features simulate
    models    panel backtest tune train retrain promote
    nights    score find-gaps monitor raise-alerts nightly mode
    papers    bulletin summary
    alerts    alerts ledger
    proofs    register holds selfcheck
    reasons   explain changes what-if review
    upkeep    rollback stop approve prune backup restore migrate
    accounts  user token audit-log
    webhooks  webhooks
    service   serve demo doctor
"""

import importlib
import json
import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from riskwarn import __version__
from riskwarn.cli.logbook import open_logbook
from riskwarn.errors import RiskwarnError, did_you_mean
from riskwarn.extras import missing_extra

__all__ = ["VERBS", "command", "main"]

VERBS = {
    "init": "records",
    "ingest": "records",
    "check": "records",
    "features": "records",
    "panel": "models",
    "backtest": "models",
    "tune": "models",
    "train": "models",
    "retrain": "models",
    "promote": "models",
    "card": "models",
    "score": "nights",
    "explain": "reasons",
    "find-gaps": "nights",
    "monitor": "nights",
    "raise-alerts": "nights",
    "nightly": "nights",
    "mode": "nights",
    "bulletin": "papers",
    "summary": "papers",
    "alerts": "alerts",
    "ledger": "alerts",
    "register": "proofs",
    "holds": "proofs",
    "selfcheck": "proofs",
    "changes": "reasons",
    "what-if": "reasons",
    "review": "reasons",
    "user": "accounts",
    "token": "accounts",
    "audit-log": "accounts",
    "webhooks": "webhooks",
    "serve": "service",
    "simulate": "records",
    "demo": "service",
    "rollback": "upkeep",
    "stop": "upkeep",
    "approve": "upkeep",
    "prune": "upkeep",
    "backup": "upkeep",
    "restore": "upkeep",
    "migrate": "upkeep",
    "doctor": "service",
    "metrics": "service",
}
"""The module of each verb, in the order of the help."""
_USAGE_CODE = 2
_STOPPED_CODE = 130


class _UnknownVerbError(typer.TyperException):
    """A verb that is none."""

    def __init__(self, said: str, ctx: Any) -> None:
        super().__init__(said)
        self.ctx = ctx


class _Verbs(TyperGroup):
    """The verbs, each read from its module when it is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the base's
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in VERBS:
            raise _UnknownVerbError(f"no verb {cmd_name!r}{did_you_mean(cmd_name, VERBS)}.", ctx)
        module = importlib.import_module(f"riskwarn.cli.{VERBS[cmd_name]}")
        return typer.main.get_group(module.app).get_command(ctx, cmd_name)


def command() -> Any:
    """The whole command line as one command, to be asked for its verbs and help.

    Examples
    --------
    >>> command().list_commands(None)[:3]
    ['init', 'ingest', 'check']
    """
    app = typer.Typer(cls=_Verbs, add_completion=True, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(
        help="Risk early warning for places: where trouble is likely next, why, and where the centre is blind."
    )(_top)
    return typer.main.get_command(app)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb.

    Parameters
    ----------
    arguments
        Words of the line after the program's name; those of this process by default.

    Returns
    -------
    code
        0 if all went well; else the exit code of the error, which was told on standard error in one line, or as JSON with ``--json``.

    Examples
    --------
    >>> main(["--version"])
    riskwarn 0.1.0
    0
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    logbook = open_logbook(next((word for word in words if word in VERBS), ""))
    try:
        code, said = int(command().main(words or ["--help"], prog_name="riskwarn", standalone_mode=False) or 0), ""
        code = code if words else _USAGE_CODE
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except typer.TyperException as error:
        code, said = _told(words, *_misread(words, error))
    except Exception as error:  # noqa: BLE001 - a fault of ours is told in one line all the same
        code, said = _told(words, *_failed(error))
    logbook.end(code, said)
    return code


def _failed(error: Exception) -> tuple[str, str, int]:
    """Kind, message and exit code of what a verb could not do."""
    if isinstance(error, ModuleNotFoundError):
        error = missing_extra(error) or error
    if isinstance(error, RiskwarnError):
        return type(error).__name__, str(error), error.exit_code
    if isinstance(error, typer.Abort):
        return "Stopped", "stopped by the user.", _STOPPED_CODE
    if isinstance(error, OSError):
        said = f"{error.strerror or error}: {error.filename or 'the system refused'}"
        return "OSError", said, RiskwarnError.exit_code
    if os.environ.get("RISKWARN_TRACEBACK") == "1":
        traceback.print_exception(error)
    said = f"a fault of riskwarn, not yours: {type(error).__name__}: {error}. Report it with RISKWARN_TRACEBACK=1."
    return "InternalError", said, RiskwarnError.exit_code


def _version(asked: bool) -> None:  # noqa: FBT001 - typer hands it so
    if asked:
        print(f"riskwarn {__version__}")
        raise typer.Exit


def _top(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options before the verb."""


def _misread(words: Sequence[str], error: typer.TyperException) -> tuple[str, str, int]:
    """Kind, message and exit code of a line that could not be read; how the verb is used is printed."""
    said = " ".join(getattr(error, "format_message", error.__str__)().split())
    context = getattr(error, "ctx", None)
    verb = next((f"riskwarn {word}" for word in words if word in VERBS), "riskwarn")
    if "--json" not in words:
        print(f"Usage: {verb} [OPTIONS] …" if context is None else context.get_usage(), file=sys.stderr)
    return "UsageError", f"{said or 'name a verb.'} See `{verb} --help`.", _USAGE_CODE


def _told(words: Sequence[str], kind: str, said: str, code: int) -> tuple[int, str]:
    """The exit code of what went wrong, and its line, which is printed."""
    line = " ".join(said.split())
    if "--json" in words:
        body = {"error": kind, "message": line, "exit_code": code}
        print(json.dumps(body, ensure_ascii=False), file=sys.stderr)
    else:
        print(f"riskwarn: {kind}: {line}", file=sys.stderr)
    return code, f"{kind}: {line}"
