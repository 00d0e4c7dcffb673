"""What a terminal tells of a bus pass of another issuer."""

from datetime import date
from typing import Final

from readers.card.itso import NOT_VERIFIED, BusPass, in_groups

_BLOCKED: Final = {
    True: "Marked as blocked",
    False: "Not marked as blocked",
    None: "Does not tell whether it is blocked",
}


def in_words(read: BusPass, *, on: date) -> str:
    """A pass in a line: its number in groups, its end, its mark, and what that is worth."""
    number = in_groups(read.isrn)
    return (
        f"{number}. {_end_in_words(read.expires_on, on)}. {_BLOCKED[read.blocked]}. {NOT_VERIFIED}."
    )


def _end_in_words(last: date | None, on: date) -> str:
    if last is None:
        return "No end"
    word = "Expires" if last >= on else "Expired"
    return f"{word} on {last:%-d %B %Y}"
