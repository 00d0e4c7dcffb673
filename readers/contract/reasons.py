"""Why a tap was not simply accepted, and the plain English every screen uses for it."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

import msgspec


class Reason(StrEnum):
    """Permanent codes: they travel in taps, are stored, and are answered to partners."""

    # try again: nothing is decided about the holder
    CARD_REMOVED = "card-removed"
    READER_FAULT = "reader-fault"
    CARD_MUTE = "card-mute"
    CHAIN_TOO_LONG = "chain-too-long"
    JOURNAL_FULL = "journal-full"
    NOT_READY = "not-ready"
    CLOCK_UNSET = "clock-unset"
    CLOCK_BEHIND = "clock-behind"
    NO_CODE = "no-code"
    SEVERAL_CODES = "several-codes"
    PICTURE_UNUSABLE = "picture-unusable"
    # refused: what the card is
    FOREIGN_CARD = "foreign-card"
    CARD_NOT_GENUINE = "card-not-genuine"
    STALE_PROOF = "stale-proof"
    MALFORMED_RECORD = "malformed-record"
    UNKNOWN_RECORD_VERSION = "unknown-record-version"
    UNKNOWN_ISSUER_KEY = "unknown-issuer-key"
    BAD_RECORD_SIGNATURE = "bad-record-signature"
    WRONG_SERVICE = "wrong-service"
    COPIED_RECORD = "copied-record"
    ROLLED_BACK_RECORD = "rolled-back-record"
    # refused: what the code on a phone is
    FOREIGN_CODE = "foreign-code"
    CODE_EXPIRED = "code-expired"
    CODE_SHOWN_BEFORE = "code-shown-before"
    # refused: what the holder holds
    NOT_HELD = "not-held"
    BLOCKED = "blocked"
    NOT_YET_VALID = "not-yet-valid"
    EXPIRED = "expired"
    SUSPENDED = "suspended"
    REPLACED = "replaced"
    OUTSIDE_HOURS = "outside-hours"
    LIST_STALE = "list-stale"


class Words(msgspec.Struct, frozen=True):
    """What a person reads: one short line, and what to do next."""

    title: str
    advice: str


TRY_AGAIN: Final = frozenset(
    {
        Reason.CARD_REMOVED,
        Reason.READER_FAULT,
        Reason.CARD_MUTE,
        Reason.CHAIN_TOO_LONG,
        Reason.JOURNAL_FULL,
        Reason.NOT_READY,
        Reason.CLOCK_UNSET,
        Reason.CLOCK_BEHIND,
        Reason.NO_CODE,
        Reason.SEVERAL_CODES,
        Reason.PICTURE_UNUSABLE,
    }
)
"""Reasons that say nothing about the holder: the answer is *try again*, never *refused*."""

_FAULTY_CARD = "Ask a member of staff. They can check your card and replace it if it is faulty."
_STAFF_FIX = "Tell a member of staff. Your card is not the problem."
_NEW_CODE = "Show a new code from your Kent Card account."
_OTHER_WAY = "Use your Kent Card, or ask a member of staff."

WORDS: Final[Mapping[Reason, Words]] = {
    Reason.CARD_REMOVED: Words("Try again", "Hold your card flat on the reader until it answers."),
    Reason.READER_FAULT: Words("This reader has a fault", _STAFF_FIX),
    Reason.CARD_MUTE: Words("Try again", "Hold your card alone, flat on the reader."),
    Reason.CHAIN_TOO_LONG: Words("Try again", _FAULTY_CARD),
    Reason.JOURNAL_FULL: Words("This reader cannot record taps", _STAFF_FIX),
    Reason.NOT_READY: Words("This reader is not ready yet", _STAFF_FIX),
    Reason.CLOCK_UNSET: Words("This reader’s clock is not set", _STAFF_FIX),
    Reason.CLOCK_BEHIND: Words("This reader’s clock is wrong", _STAFF_FIX),
    Reason.FOREIGN_CARD: Words("This is not a Kent Card", "Use your Kent Card."),
    Reason.CARD_NOT_GENUINE: Words("We could not confirm this card", _FAULTY_CARD),
    Reason.STALE_PROOF: Words("We could not confirm this card", _FAULTY_CARD),
    Reason.MALFORMED_RECORD: Words("We could not read this card", _FAULTY_CARD),
    Reason.UNKNOWN_RECORD_VERSION: Words(
        "This reader is too old for your card", "Your card is fine. Tell a member of staff."
    ),
    Reason.UNKNOWN_ISSUER_KEY: Words("We could not confirm this card", _FAULTY_CARD),
    Reason.BAD_RECORD_SIGNATURE: Words("We could not confirm this card", _FAULTY_CARD),
    Reason.WRONG_SERVICE: Words("We could not confirm this card", _FAULTY_CARD),
    Reason.COPIED_RECORD: Words("We could not confirm this card", _FAULTY_CARD),
    Reason.ROLLED_BACK_RECORD: Words("We could not confirm this card", _FAULTY_CARD),
    Reason.NO_CODE: Words(
        "We found no code", "Hold the phone so that the whole code is in the picture, and in focus."
    ),
    Reason.SEVERAL_CODES: Words(
        "There is more than one code", "Have only one phone in the picture."
    ),
    Reason.PICTURE_UNUSABLE: Words(
        "We could not read this picture", "Use a PNG, JPEG or WebP picture of at most 8 MB."
    ),
    Reason.FOREIGN_CODE: Words("This is not a Kent Card code", _NEW_CODE),
    Reason.CODE_EXPIRED: Words("This code has run out", _NEW_CODE),
    Reason.CODE_SHOWN_BEFORE: Words("This code was shown here before", _NEW_CODE),
    Reason.NOT_HELD: Words(
        "This is not on your card",
        "Your account says whether you can get it. A member of staff can help.",
    ),
    Reason.BLOCKED: Words("This card is blocked", "Ask a member of staff about your card."),
    Reason.NOT_YET_VALID: Words("Not valid yet", "Your account says when it starts."),
    Reason.EXPIRED: Words("This has expired", "Your account says how to renew it."),
    Reason.SUSPENDED: Words(
        "This card was reported lost or is suspended",
        "If it is yours, tell a member of staff that you have found it.",
    ),
    Reason.REPLACED: Words(
        "This card was replaced", "Use your new card. You can destroy this one."
    ),
    Reason.OUTSIDE_HOURS: Words(
        "Not valid at this time of day",
        "Your account says at what times you can use it.",
    ),
    Reason.LIST_STALE: Words("We cannot check this card now", "Ask a member of staff."),
}
"""Words for every reason; a test holds the two together."""

_OF_CODES: Final[Mapping[Reason, Words]] = {
    Reason.NOT_READY: Words(
        "This device is not ready yet", "A member of staff has to fetch the keys and lists again."
    ),
    Reason.CLOCK_UNSET: Words(
        "This device’s clock is not set", "A member of staff has to set it. Nothing was decided."
    ),
    Reason.CLOCK_BEHIND: Words(
        "This device’s clock is wrong", "A member of staff has to set it. Nothing was decided."
    ),
    Reason.MALFORMED_RECORD: Words("We could not read this code", _NEW_CODE),
    Reason.UNKNOWN_RECORD_VERSION: Words(
        "This device is too old for this code", "A member of staff has to update it."
    ),
    Reason.UNKNOWN_ISSUER_KEY: Words("We could not confirm this code", _OTHER_WAY),
    Reason.BAD_RECORD_SIGNATURE: Words("We could not confirm this code", _OTHER_WAY),
    Reason.WRONG_SERVICE: Words(
        "This code is for another service", "Show the code of the service that is checked here."
    ),
    Reason.BLOCKED: Words("This code is blocked", _OTHER_WAY),
    Reason.SUSPENDED: Words(
        "This is not held any more", "Your account says why. A member of staff can help."
    ),
    Reason.REPLACED: Words("This phone was reported lost", _OTHER_WAY),
    Reason.LIST_STALE: Words("We cannot check this code now", _OTHER_WAY),
}


def words_for_code(reason: Reason) -> Words:
    """The words when a code on a phone was shown, not a card."""
    return _OF_CODES.get(reason, WORDS[reason])
