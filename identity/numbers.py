"""Account numbers: nine digits that can be read out, the last of which catches a slip.

The check digit is Damm's: it catches every single wrong digit and every swap of two neighbours,
and needs no letter. The other eight digits are random, so that a number tells nothing.

Source: H. M. Damm, Total anti-symmetrische Quasigruppen, Marburg 2004, table of order 10.
"""

import secrets

_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)


def new_account_number() -> str:
    """A random account number of nine digits that does not begin with 0."""
    digits = str(10_000_000 + secrets.randbelow(90_000_000))
    return f"{digits}{_check(digits)}"


def is_account_number(text: str) -> bool:
    """Whether the text is nine digits with the right check digit."""
    return len(text) == 9 and text.isascii() and text.isdigit() and _check(text) == 0  # noqa: PLR2004  (said in the docstring)


def spoken(number: str) -> str:
    """The number in three groups, as it is printed and read out: `123 456 789`."""
    return f"{number[:3]} {number[3:6]} {number[6:]}"


def _check(digits: str) -> int:
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim
