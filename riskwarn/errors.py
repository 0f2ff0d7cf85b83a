"""What can go wrong, one class a kind, each with the exit code the command line ends with.

::

    RiskwarnError            1
     ├─ DefinitionError     10   a feature, label, experiment or mapping is declared wrongly
     ├─ DataError           11   a table breaks its contract
     │   ├─ PrivacyError    14   a column or value that may identify a person
     │   ├─ LabelError      15   outcomes cannot train a model: one class, or none settled
     │   └─ ArgumentError   18   a function was given what it does not take
     ├─ StaleDataError      12   a source, a score or a model is too old, or there is nothing for the date
     ├─ NotFoundError       13   no such grid, table, model or store
     │   └─ MissingExtraError  33   a package is not installed that comes with an extra
     ├─ GateError           16   a model has not earned promotion
     ├─ BusyError           17   another job holds the store
     ├─ ConflictError       19   someone else has acted on the item meanwhile
     ├─ ForbiddenError      20   the role or area may not do this
     ├─ StepError           21   the item cannot take this step, or what the step wants is missing
     ├─ TamperedError       22   the ledger is not as it was written
     ├─ SignInError         23   name, password, session or token is not valid
     │   └─ LockedError     24   too many tries
     ├─ AddressError        25   the address cannot be listened at, or would be open to anyone
     ├─ SignatureError      26   a message was not signed by who holds the secret, or is old
     ├─ DeliveryError       27   a receiver does not take a message, or may not be spoken to
     ├─ UnreachableError    28   a service that is leaned on does not answer
     ├─ HeldError           30   a rollback holds the night
     ├─ UnsoundError        31   a night cannot be right and is set aside
     ├─ StoppedError        32   somebody has stopped publishing and showing scores
     └─ EngineError         34   a cluster cannot do the work
"""

import difflib
from collections.abc import Iterable

_LINE_ENDS = str.maketrans({end: repr(end)[1:-1] for end in "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"})


class RiskwarnError(Exception):
    """Base of all errors shown to the user without a traceback.

    A message is one line: a line end in a name is written out.
    """

    exit_code = 1

    def __init__(self, *args: object) -> None:
        super().__init__(*(arg.translate(_LINE_ENDS) if isinstance(arg, str) else arg for arg in args))


class DefinitionError(RiskwarnError):
    """A feature, label, experiment or mapping is declared wrongly."""

    exit_code = 10


class DataError(RiskwarnError):
    """A table breaks its contract."""

    exit_code = 11


class StaleDataError(RiskwarnError):
    """A source, a score or a model is too old, or there is nothing for the date."""

    exit_code = 12


class NotFoundError(RiskwarnError):
    """No such grid, table, model or store."""

    exit_code = 13


class MissingExtraError(NotFoundError, ModuleNotFoundError):
    """A package is not installed that comes with an extra of riskwarn; the message says which."""

    exit_code = 33

    def __init__(self, message: str, *, package: str = "") -> None:
        super().__init__(message)
        self.name = package


class PrivacyError(DataError):
    """A column or value that may identify a person. The value itself is never repeated."""

    exit_code = 14


class LabelError(DataError):
    """Outcomes cannot train a model: only one class, or none settled yet."""

    exit_code = 15


class ArgumentError(DataError, ValueError, TypeError):
    """A function was given what it does not take, or called in the wrong order."""

    exit_code = 18


class GateError(RiskwarnError):
    """A model has not earned promotion."""

    exit_code = 16


class BusyError(RiskwarnError):
    """Another job holds the store."""

    exit_code = 17


class ConflictError(RiskwarnError):
    """Someone else has acted on the item meanwhile; read it again."""

    exit_code = 19


class ForbiddenError(RiskwarnError):
    """The role or area may not do this."""

    exit_code = 20

    def __init__(self, *args: object, kind: str = "") -> None:
        super().__init__(*args)
        self.kind = kind


class StepError(RiskwarnError):
    """The item cannot take this step, or what the step wants is missing."""

    exit_code = 21


class TamperedError(RiskwarnError):
    """The ledger is not as it was written."""

    exit_code = 22


class SignInError(RiskwarnError):
    """Name, password, session or token is not valid. Which of them, and whether there is such an account, is not said."""

    exit_code = 23


class LockedError(SignInError):
    """Too many tries: no password is looked at for a while."""

    exit_code = 24

    def __init__(self, message: str, seconds: int = 60) -> None:
        super().__init__(message)
        self.seconds = seconds


class AddressError(RiskwarnError):
    """The address cannot be listened at, or would be open to whoever comes."""

    exit_code = 25


class SignatureError(RiskwarnError):
    """A message was not signed by who holds the secret, or is old."""

    exit_code = 26


class DeliveryError(RiskwarnError):
    """A receiver does not take a message, or may not be spoken to."""

    exit_code = 27


class UnreachableError(RiskwarnError):
    """A service that is leaned on does not answer, or not as it should."""

    exit_code = 28


class HeldError(RiskwarnError):
    """A rollback holds the night; nothing is published for it before it is released."""

    exit_code = 30


class UnsoundError(RiskwarnError):
    """A night cannot be right: nothing of it is published, and it is set aside with the reasons."""

    exit_code = 31


class StoppedError(RiskwarnError):
    """Somebody has stopped publishing and showing scores; it goes on when it is released."""

    exit_code = 32


class EngineError(RiskwarnError):
    """A cluster cannot do the work: it does not answer, its workers have another riskwarn, or a block has outgrown them."""

    exit_code = 34


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Suggestion to append to a message about an unknown word; empty when nothing is near.

    Parameters
    ----------
    word
        What was written.
    known
        What could have been meant; case is passed over.

    Returns
    -------
    suggestion
        Begins with a space.

    Examples
    --------
    >>> did_you_mean("setle_days", ["days", "settle_days"])
    " (did you mean 'settle_days'?)"
    >>> did_you_mean("BATTERY", ["battery", "theft"])
    " (did you mean 'battery'?)"
    >>> did_you_mean("xyz", ["days"])
    ''
    """
    folded = {name.casefold(): name for name in sorted(known, reverse=True)}
    near = difflib.get_close_matches(word, sorted(known), n=1) or difflib.get_close_matches(
        word.casefold(), folded, n=1
    )
    return f" (did you mean {folded.get(near[0], near[0])!r}?)" if near else ""
