"""What we know of a resident and who told us, as pages show it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec

from cardservice.web.words import gettext as _
from entitlements.facts import Fed
from entitlements.models import Standing
from entitlements.schemes.notes import money
from entitlements.told import ToldFact

STANDINGS: Final = {
    Standing.TOLD: "",
    Standing.OWN_WORD: _("The resident’s own word is enough for this."),
    Standing.CLAIMED: _("An officer has to confirm this before it counts."),
}


class FactLine(msgspec.Struct, frozen=True, kw_only=True):
    """One fact: what it is, what it was said to be, by whom, and whether that still stands."""

    what: str
    value: str
    by: str
    at: datetime
    standing: str
    reason: str
    until: datetime | None


def fact_lines(told: Sequence[ToldFact]) -> tuple[FactLine, ...]:
    """Each fact as a page shows it."""
    return tuple(
        FactLine(
            what=sentence(each.words),
            value=in_words(each.value),
            by=each.by,
            at=each.at,
            standing=STANDINGS[each.standing],
            reason=each.reason,
            until=each.until,
        )
        for each in told
    )


def in_words(value: Fed) -> str:
    """Yes, no, or a sum."""
    if value is True:
        return _("Yes")
    return _("No") if value is False else money(value)


def sentence(words: str) -> str:
    """The words of a fact with a capital letter."""
    return words[:1].upper() + words[1:]
