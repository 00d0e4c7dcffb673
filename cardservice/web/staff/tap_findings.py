"""Taps that do not add up: the queue, and one of them with what to do about it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import findings
from cardservice.errors import NoSuchFinding
from cardservice.findings import NOTE_LENGTH, Closed, ClosedBefore, NoteWanted
from cardservice.reconciliation_models import FindingKind
from cardservice.travelling import SHORTEST_JOURNEY
from cardservice.web.environment import moment
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.service_words import service_name
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity.actors import Actor
from identity.roles import Act

PATH: Final = "/taps"
ONE: Final = f"{PATH}/{{finding_id:int}}"
QUEUE: Final = "staff/tap_findings.html"
TEMPLATE: Final = "staff/tap_finding.html"
OPT: Final = {ACT: Act.RECONCILE_TAPS}


class KindWords(msgspec.Struct, frozen=True):
    """What a kind of finding is called, what it means, and what to do about it."""

    title: str
    meaning: str
    advice: str


WORDS: Final[Mapping[FindingKind, KindWords]] = {
    FindingKind.DUPLICATE: KindWords(
        _("Two different taps with one number"),
        _(
            "The reader sent another tap under a number that it had used. "
            "The first is counted; the other is kept here."
        ),
        _("Ask who looks after the reader whether it was set up again or restored from a copy."),
    ),
    FindingKind.GAP: KindWords(
        _("Taps are missing"),
        _(
            "The reader gave out these numbers, and no tap with them has reached us. "
            "If they arrive later, this is closed by itself."
        ),
        _(
            "Check that the reader is online. A file that was set aside as damaged on it "
            "may hold the taps: ask an engineer."
        ),
    ),
    FindingKind.BROKEN_CHAIN: KindWords(
        _("A tap does not follow the one before it"),
        _(
            "Each tap carries a sum over itself and the tap before it. Here the sum does not fit: "
            "the reader’s journal was damaged, restored from a copy, or changed."
        ),
        _("If nobody knows why, have the reader looked at, and revoke it until then."),
    ),
    FindingKind.CLOCK_DRIFT: KindWords(
        _("The reader’s clock was wrong"),
        _("Taps were dated later than we received them, or earlier than taps before them."),
        _("Check the clock of the reader. The times of these taps cannot be relied on."),
    ),
    FindingKind.IMPOSSIBLE_TRAVEL: KindWords(
        _("One card at two places"),
        _("A card was read at two places within a time in which nobody gets from one to another."),
        _(
            "Check the clocks of both readers first. If they are right, the card may have been "
            "copied or its radio signal passed on: speak to its holder."
        ),
    ),
}


@get(PATH, opt=OPT)
async def show(
    request: VisitorRequest, session: NamedDependency[AsyncSession], done: FromQuery[str] = ""
) -> Response[str]:
    """What nobody has closed, the oldest first."""
    count, lines = await findings.waiting(session)
    return page(
        request,
        QUEUE,
        typed={},
        count=count,
        lines=[(line, WORDS[line.kind].title) for line in lines],
        done=_DONE.get(done, ""),
    )


@get(ONE, opt=OPT)
async def show_one(
    request: VisitorRequest,
    finding_id: FromPath[int],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """One of them, with the taps it is about."""
    return await _one(request, session, finding_id, request.user.actor, now)


@post(ONE, status_code=200, opt=OPT)
async def close(
    request: VisitorRequest,
    finding_id: FromPath[int],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Close it with a note; or say what is wrong."""
    typed, actor = await typed_in(request), request.user.actor
    try:
        done = await findings.close(
            session, finding_id, typed.get("note", ""), actor=actor, now=now
        )
    except NoSuchFinding as error:
        raise NoSuchPage from error
    match done:
        case Closed():
            return see_other(f"/staff{PATH}?done=closed")
        case ClosedBefore():
            return see_other(f"/staff{PATH}?done=closed-before")
        case NoteWanted():
            wanted = _("Write what you found out, in at most %(most)s characters")
            faults = {"note": wanted % {"most": NOTE_LENGTH}}
            return await _one(request, session, finding_id, actor, now, faults, typed)


async def _one(
    request: VisitorRequest,
    session: AsyncSession,
    finding_id: int,
    actor: Actor,
    now: datetime,
    faults: Mapping[str, str] | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response[str]:
    try:
        detail = await findings.detail(session, finding_id, actor=actor, now=now)
    except NoSuchFinding as error:
        raise NoSuchPage from error
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or {},
        detail=detail,
        words=WORDS[detail.finding.kind],
        service_name=service_name,
        facts=_facts(detail),
    )


def _facts(detail: findings.Detail) -> list[str]:
    """What of a kind of finding only this one says."""
    finding, facts = detail.finding, []
    seconds = finding.seconds or 0
    match finding.kind:
        case FindingKind.GAP:
            words = _("Missing: numbers %(first)s to %(last)s. Some may never have been used.")
            named = {"first": finding.first_sequence, "last": finding.last_sequence}
            facts.append(words % named)
        case FindingKind.CLOCK_DRIFT:
            words = _("The clock was off by %(minutes)s minutes.")
            facts.append(words % {"minutes": seconds // 60})
        case FindingKind.IMPOSSIBLE_TRAVEL:
            words = _(
                "%(seconds)s seconds lie between the two. We ask about anything below "
                "%(least)s minutes, whatever the two places are."
            )
            least = int(SHORTEST_JOURNEY.total_seconds() // 60)
            facts.append(words % {"seconds": seconds, "least": least})
        case FindingKind.DUPLICATE:
            facts += [_other(event) for event in detail.also_sent]
        case FindingKind.BROKEN_CHAIN:
            pass
    return facts


def _other(event: Mapping[str, Any]) -> str:
    answer = _("accepted") if event.get("accepted") else _("refused")
    when = moment(datetime.fromisoformat(str(event["taken_at"])))
    return _("Also sent: a tap of %(when)s, %(answer)s.") % {"when": when, "answer": answer}


_DONE: Final = {
    "closed": _("Closed, with your note"),
    "closed-before": _("Somebody else had closed it"),
}
