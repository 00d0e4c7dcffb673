"""What a library's machine is told: never a name, an address, a birth date or the day of an end.

SIP2 wants a personal name (AE) in every answer about a patron. It carries the library number again:
a machine shows it to whoever scanned it, who reads it on their own card, and no name leaves us.
PC is the band; PB, in which the same machines look for a birth date, is never sent.

Source: 3M Standard Interchange Protocol 2.00; PC and PB as EnvisionWare's terminals read them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cardservice.sip2.messages import (
    END_SESSION,
    LOGIN,
    PATRON_INFORMATION,
    PATRON_STATUS,
    SC_STATUS,
    Request,
    put_together,
)
from entitlements.memberships import Membership, NobodysNumber, Standing
from readers.contract.windows import london

VERSION: Final = "2.00"
TIMEOUT_TENTHS, RETRIES = 100, 3
ALL_WELL: Final = " " * 14
MAY_NOTHING: Final = "YYYY" + " " * 10
"""May not borrow, renew, recall or reserve."""
CARD_STOPPED: Final = "YYYYY" + " " * 9
"""The same, and the card was reported lost."""
NOT_COUNTED: Final = " " * 4 * 6
"""Of books we know nothing: six counts that are not supported."""
SUPPORTED: Final = "".join(
    "Y" if code in {PATRON_STATUS, SC_STATUS, "97", LOGIN, PATRON_INFORMATION, END_SESSION} else "N"
    for code in (
        *("23", "11", "09", "01", "99", "97", "93", "63"),
        *("35", "37", "17", "19", "25", "15", "29", "65"),
    )
)
"""Field BX: sixteen sorts of message in the order that SIP2 gives them."""
WORDS: Final[Mapping[Standing, str]] = {
    Standing.BLOCKED: "You cannot use this card now. Ask a member of staff.",
    Standing.EXPIRED: "Your library membership has ended. Ask a member of staff.",
}
NOT_KNOWN: Final = "We do not know this number. Ask a member of staff."
RESEND: Final = put_together("96", "", (), to=None)
"""Asks for the last message once more."""
_ANSWERS: Final = {PATRON_STATUS: ("24", ""), PATRON_INFORMATION: ("64", NOT_COUNTED)}


def login(request: Request, *, accepted: bool) -> bytes:
    """Whether the machine is signed in now."""
    return put_together("94", "1" if accepted else "0", (), to=request)


def sc_status(
    request: Request, *, institution: str, library: str, place: str | None, now: datetime
) -> bytes:
    """How the machine is to speak to us, and that it may lend nothing by us.

    Args:
        request: answered.
        institution: id of the library service.
        library: its name.
        place: of the machine; none while it has not signed in, and we are off line to it.
        now: when.
    """
    online = "N" if place is None else "Y"
    may = f"{online}NNNNN"  # nothing is lent, renewed or kept off line by us
    fixed = f"{may}{TIMEOUT_TENTHS:03}{RETRIES:03}{_moment(now)}{VERSION}"
    fields = [("AO", institution), ("AM", library), ("BX", SUPPORTED)]
    return put_together("98", fixed, [*fields, ("AN", place or "")], to=request)


def patron(request: Request, found: Membership | NobodysNumber, *, now: datetime) -> bytes:
    """What is told of a library number, to a status or an information request alike."""
    code, counts = _ANSWERS[request.code]
    number = request.fields["AA"]
    fixed = f"{_flags(found)}{_language(request)}{_moment(now)}{counts}"
    fields = [("AO", request.fields["AO"]), ("AA", number), ("AE", number)]
    return put_together(code, fixed, [*fields, *_standing(found)], to=request)


def session_ended(request: Request, *, now: datetime) -> bytes:
    """Nothing is kept of a patron between messages, so there is nothing to end."""
    fields = [(name, request.fields[name]) for name in ("AO", "AA")]
    return put_together("36", f"Y{_moment(now)}", fields, to=request)


def _standing(found: Membership | NobodysNumber) -> list[tuple[str, str]]:
    """BL: we know the number; CQ: nobody has a password here; PC: the band; AF: words to show."""
    if isinstance(found, NobodysNumber):
        return [("BL", "N"), ("CQ", "N"), ("AF", NOT_KNOWN)]
    if found.standing is Standing.VALID:
        return [("BL", "Y"), ("CQ", "N"), ("PC", found.band or "")]
    return [("BL", "Y"), ("CQ", "N"), ("AF", WORDS[found.standing])]


def _flags(found: Membership | NobodysNumber) -> str:
    if isinstance(found, NobodysNumber):
        return MAY_NOTHING
    if found.card_stopped:
        return CARD_STOPPED
    return ALL_WELL if found.standing is Standing.VALID else MAY_NOTHING


def _language(request: Request) -> str:
    """The one that was asked for, which is English whatever it was; digits only."""
    language = request.fixed[:3]
    return language if language.isascii() and language.isdigit() else "000"


def _moment(now: datetime) -> str:
    """Local time, as SIP2 would have it."""
    return f"{london(now):%Y%m%d    %H%M%S}"
