"""The command line: argument parsing only; each verb calls one function. Heavy imports wait until a verb needs them."""

import sys
from collections.abc import Sequence

from riskwarn.cli.parsing import parser
from riskwarn.errors import RiskwarnError

__all__ = ["main", "parser"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a verb; an error of ours ends with its exit code and one line, never a traceback."""
    parsed = parser().parse_args(arguments)
    try:
        parsed.run(parsed)
    except RiskwarnError as error:
        print(f"riskwarn: {type(error).__name__}: {error}", file=sys.stderr)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
    except OSError as error:
        print(f"riskwarn: {error.strerror or error}: {error.filename or 'the system refused'}", file=sys.stderr)
        return RiskwarnError.exit_code
    return 0
