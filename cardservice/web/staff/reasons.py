"""Why a member of staff looks at a record: the resident sees the words."""

from enum import StrEnum
from typing import assert_never

from cardservice.web.words import gettext as _


class ReadReason(StrEnum):
    """The reasons to choose from; the code stands in addresses, because it is not personal."""

    AT_DESK = "at-desk"
    ON_PHONE = "on-phone"
    IN_WRITING = "in-writing"
    CARD_FOUND = "card-found"
    REGISTERED = "registered"
    TAPPED = "tapped"


TO_CHOOSE = (
    ReadReason.AT_DESK,
    ReadReason.ON_PHONE,
    ReadReason.IN_WRITING,
    ReadReason.CARD_FOUND,
)


def reason_of(code: str) -> ReadReason | None:
    """The reason with that code; None when there is none."""
    return next((reason for reason in ReadReason if reason.value == code), None)


def in_words(reason: ReadReason) -> str:
    """What the clerk chooses and the resident reads."""
    match reason:
        case ReadReason.AT_DESK:
            return _("The resident was at the desk")
        case ReadReason.ON_PHONE:
            return _("The resident was on the phone")
        case ReadReason.IN_WRITING:
            return _("The resident wrote to us")
        case ReadReason.CARD_FOUND:
            return _("A card was found or handed in")
        case ReadReason.REGISTERED:
            return _("The resident was being registered")
        case ReadReason.TAPPED:
            return _("The holder was present, by tap")
        case never:
            assert_never(never)
