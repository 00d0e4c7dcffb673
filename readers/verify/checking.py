"""Yes, no or try again to one code: by the checks that a terminal makes of a card's record."""

from datetime import datetime
from enum import StrEnum
from typing import Final, assert_never

import msgspec

from readers.contract.phone_pass import decode, verify
from readers.contract.reasons import TRY_AGAIN, Reason, Words, words_for_code
from readers.contract.services import Service
from readers.contract.windows import london
from readers.errors import RecordError
from readers.terminal.bundle import BundleView
from readers.terminal.decide import (
    CHECKS,
    Accepted,
    Case,
    Outcome,
    Refused,
    Tap,
    TryAgain,
    decide,
    not_ready,
)
from readers.terminal.holdings import Holdings
from readers.verify.state import Seen

CODE_CHECKS: Final = tuple(
    check for check in CHECKS if check.reason not in (Reason.NOT_YET_VALID, Reason.EXPIRED)
)
"""All but a card's dates: the minute of a code was checked with its signature."""


class Verdict(StrEnum):
    """What is done with whoever showed the code."""

    YES = "yes"
    NO = "no"
    TRY_AGAIN = "try-again"


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a venue is told.

    Attributes:
        title: one line.
        advice: what to do next; empty after a plain yes.
        reason: code of a :class:`Reason`; empty after a plain yes.
        service: that is held; absent unless yes.
        number: the holder's with that service; absent unless yes.
    """

    verdict: Verdict
    title: str
    advice: str = ""
    reason: str = ""
    service: Service | None = None
    number: int | None = None


HELD: Final = {
    Service.IDENTITY: "Kent Card is held",
    Service.LIBRARY: "Library membership is held",
    Service.LEISURE: "Leisure membership is held",
    Service.TRAVEL: "The travel concession is held",
}


def check(
    text: str, holdings: Holdings, seen: Seen, *, service: Service | None, now: datetime
) -> Answer:
    """What to say to a code that was shown.

    Args:
        text: as read from the picture or typed.
        holdings: what this device decides by.
        seen: the codes it has said yes to.
        service: what is checked here; None: whatever the code is for.
        now: by this device's clock.

    Raises:
        StateUnusable: a yes could not be remembered, and so is none.
    """
    outcome, jti = judge(text, holdings.bundle, holdings.server_time, service=service, now=now)
    if isinstance(outcome, Accepted):
        # Made by the server, so its time was at least this: a clock set back later is noticed.
        holdings.hear_server_time(outcome.record.valid_from)
        before = seen.take(jti, now=now)
        if before is not None:
            return _shown_before(before)
    return _answer(outcome)


def judge(
    text: str,
    bundle: BundleView | None,
    server_time: datetime | None,
    *,
    service: Service | None,
    now: datetime,
) -> tuple[Outcome, bytes]:
    """Yes or no to a code as if nobody had shown it before, and its `jti` (empty unless ours)."""
    wanted = service or (next(iter(bundle.services), None) if bundle else None)
    problem = not_ready(bundle, wanted, now=now, server_time=server_time)
    if problem is not None or bundle is None:
        return problem or TryAgain(Reason.NOT_READY), b""
    try:
        shown = verify(text, bundle.issuer_keys, now=now)
    except RecordError as error:
        return _refusal(Reason(error.code)), b""
    record = shown.record
    rules = bundle.services.get(service or record.service)
    if rules is None:
        return Refused(Reason.WRONG_SERVICE, record), shown.jti
    tap = Tap(shown.jti, service or record.service, decode(text))
    return decide(Case(tap, record, bundle, rules, now), CODE_CHECKS), shown.jti


def without_code(reason: Reason) -> Answer:
    """The answer to a picture in which there was no code to check."""
    return _answer(_refusal(reason))


def _refusal(reason: Reason) -> Refused | TryAgain:
    return TryAgain(reason) if reason in TRY_AGAIN else Refused(reason)


def _shown_before(at: datetime) -> Answer:
    words = words_for_code(Reason.CODE_SHOWN_BEFORE)
    title = f"This code was shown here at {london(at):%H:%M:%S}"
    return _negative(Verdict.NO, Reason.CODE_SHOWN_BEFORE, Words(title, words.advice))


def _answer(outcome: Outcome) -> Answer:
    match outcome:
        case Accepted(record=record, flag=flag):
            return Answer(
                verdict=Verdict.YES,
                title=HELD[record.service],
                advice="The list of lost phones is old. Fetch a new one." if flag else "",
                reason=flag or "",
                service=record.service,
                number=record.number,
            )
        case Refused(reason=reason):
            return _negative(Verdict.NO, reason, words_for_code(reason))
        case TryAgain(reason=reason):
            return _negative(Verdict.TRY_AGAIN, reason, words_for_code(reason))
        case never:
            assert_never(never)


def _negative(verdict: Verdict, reason: Reason, words: Words) -> Answer:
    return Answer(verdict=verdict, title=words.title, advice=words.advice, reason=reason)
