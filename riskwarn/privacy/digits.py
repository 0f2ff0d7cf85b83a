"""Check digits: whether a number that looks like one of a person can be one."""

import re
from datetime import date

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK = "10X98765432"


def resident_checks(number: str) -> bool:
    """Whether an 18-character resident identity number has a real date and the right check digit (ISO 7064, MOD 11-2).

    Parameters
    ----------
    number
        Digits, the last one or an ``X``.

    Returns
    -------
    checks
        True where both hold.
    """
    if len(number) != 18 or not _is_date(number[6:14]):
        return False
    total = sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, number, strict=False))
    return number[17] == _CHECK[total % 11]


def _is_date(digits: str) -> bool:
    try:
        date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return False
    return True


def luhn_checks(number: str) -> bool:
    """Whether a card number has the right last digit (Luhn).

    Parameters
    ----------
    number
        Digits only.

    Returns
    -------
    checks
        True where it has.

    Examples
    --------
    >>> luhn_checks("4111111111111111"), luhn_checks("4111111111111112")
    (True, False)
    """
    digits = [int(digit) for digit in reversed(number)]
    doubled = [sum(divmod(2 * digit, 10)) for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(doubled)) % 10 == 0


def hong_kong_checks(number: str) -> bool:
    """Whether a Hong Kong identity card number has the right check digit: letters count from A = 10, a blank 36, weights 9 to 1.

    Parameters
    ----------
    number
        One or two letters and seven digits; other marks are left out.

    Returns
    -------
    checks
        True where it has.

    Examples
    --------
    >>> hong_kong_checks("A123456(3)"), hong_kong_checks("A123456(4)")
    (True, False)
    """
    plain = re.sub("[^0-9A-Z]", "", number.upper())
    values = [36] * (9 - len(plain)) + [int(c) if c.isdigit() else ord(c) - 55 for c in plain]
    return sum(weight * value for weight, value in zip(range(9, 0, -1), values, strict=True)) % 11 == 0


CHECKS = {
    "": lambda _: True,
    "resident": lambda text: resident_checks(re.sub("[^0-9Xx]", "", text).upper()),
    "luhn": lambda text: luhn_checks(re.sub("[^0-9]", "", text)),
    "hong_kong": hong_kong_checks,
}
"""By the name that ``privacy.toml`` calls it."""
