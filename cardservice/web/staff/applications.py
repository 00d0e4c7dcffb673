"""The queue of applications, and who looks after which."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.application_lines import application_page, held_in_words
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import claims, rulebooks
from entitlements.application_models import Application, ApplicationState
from entitlements.claims import Barred, HeldBy
from entitlements.deciding import NotDecided
from identity import accounts
from identity.personal import Vault
from identity.roles import Act

PATH: Final = "/applications"
ONE: Final = f"{PATH}/{{application_id:uuid}}"
QUEUE: Final = "staff/applications.html"
TEMPLATE: Final = "staff/application.html"
SEE: Final = {ACT: Act.SEE_APPLICATIONS}
DECIDE: Final = {ACT: Act.DECIDE_APPLICATION}
FIELD: Final = "application"
"""Where a refusal of the whole is said."""


class QueueLine(msgspec.Struct, frozen=True):
    """An application that waits; nobody's name is in it."""

    id: UUID
    reference: str
    number: str
    title: str
    since: datetime
    is_review: bool
    held: str
    mine: bool


@get(PATH, opt=SEE)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    scheme: FromQuery[str] = "",
    done: FromQuery[str] = "",
) -> Response[str]:
    """Who waits, those who sent their application first at the top."""
    titles = {name: one.title for name, one in (await rulebooks.in_force(session)).schemes.items()}
    chosen = scheme if scheme in titles else ""
    lines = []
    for one in await claims.queue(session, scheme=chosen):
        held = claims.held_now(one.row, now)
        lines.append(
            QueueLine(
                one.row.id,
                one.row.reference,
                one.number,
                titles.get(one.row.scheme, one.row.scheme),
                one.row.submitted_at or one.row.started_at,
                one.row.state is ApplicationState.REVIEW_ASKED,
                held_in_words(held) if held else "",
                claims.is_held_by(one.row, request.user.actor, now),
            )
        )
    counts = [
        (name, titles.get(name, name), count)
        for name, count in await claims.waiting_by_scheme(session)
    ]
    return page(
        request,
        QUEUE,
        typed={},
        lines=lines,
        counts=counts,
        chosen=chosen,
        total=sum(count for _name, _title, count in counts),
        done=DONE.get(done, ""),
    )


@get(ONE, opt=SEE)
async def show_one(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[Any]:
    """One application with everything that decides it; its resident sees that somebody looked."""
    return await one_page(request, session, vault, application_id, now, done=done)


@post(f"{ONE}/claim", status_code=303, opt=DECIDE)
async def claim(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Look after it for a while."""
    row = await seen(session, application_id)
    if not request.user.may(claims.act_for(row)):
        faults = {FIELD: _("A review is decided by a supervisor.")}
        return await one_page(request, session, vault, application_id, now, faults=faults)
    life = timedelta(minutes=settings.claim_minutes)
    taken = await claims.claim(
        session, vault, application_id, life=life, actor=request.user.actor, now=now
    )
    if isinstance(taken, Application):
        return see_other(f"/staff{PATH}/{application_id}?done=claimed")
    faults = {FIELD: why_not(taken)}
    return await one_page(request, session, vault, application_id, now, faults=faults)


@post(f"{ONE}/release", status_code=303, opt=DECIDE)
async def release(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Let go of it; of one that somebody else has the queue says enough."""
    await claims.release(session, vault, application_id, actor=request.user.actor, now=now)
    return see_other(f"/staff{PATH}?done=released")


@post(f"{ONE}/hand-over", status_code=303, opt=DECIDE)
async def hand_over(
    request: VisitorRequest,
    application_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Hand it over to a colleague."""
    typed = await typed_in(request)
    row = await seen(session, application_id)
    colleagues = {str(one.id): one.id for one in await claims.colleagues(session, row)}
    chosen = colleagues.get(typed.get("colleague", ""))
    if chosen is None:
        faults = {"colleague": _("Select a colleague")}
        return await one_page(
            request, session, vault, application_id, now, faults=faults, typed=typed
        )
    life = timedelta(minutes=settings.claim_minutes)
    moved = await claims.hand_over(
        session, vault, application_id, chosen, life=life, actor=request.user.actor, now=now
    )
    if isinstance(moved, Application):
        return see_other(f"/staff{PATH}?done=handed-over")
    faults = {"colleague": why_not(moved)}
    return await one_page(request, session, vault, application_id, now, faults=faults, typed=typed)


async def seen(session: AsyncSession, application_id: UUID) -> Application:
    """An application that was sent.

    Raises:
        NoSuchPage: there is none; or its resident died, or was erased.
    """
    row = await claims.find(session, application_id)
    if row is None:
        raise NoSuchPage("No such application was sent.")
    return row


async def one_page(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    application_id: UUID,
    now: datetime,
    *,
    faults: Mapping[str, str] | None = None,
    typed: Typed | None = None,
    done: str = "",
) -> Response[Any]:
    """The page of one application; nobody is shown their own here."""
    row, visitor = await seen(session, application_id), request.user
    barred = await claims.why_barred(session, row, visitor.subject_id)
    if barred is Barred.OWN_ACCOUNT:
        return page(
            request,
            "problems/plain.html",
            status=403,
            title=_("This is your own application"),
            sentences=[why_not(Barred.OWN_ACCOUNT)],
        )
    why = _("Your application %(reference)s was looked at") % {"reference": row.reference}
    person = await accounts.person(
        session,
        vault,
        row.account_id,
        actor=visitor.actor,
        reason=why,
        now=now,
        sees_protected=visitor.may(Act.SEE_PROTECTED_ADDRESS),
    )
    shown = await application_page(session, vault, row, actor=visitor.actor, now=now)
    others = [one for one in await claims.colleagues(session, row) if one.id != visitor.subject_id]
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or {},
        person=person,
        shown=shown,
        may_claim=barred is None and visitor.may(claims.act_for(row)),
        barred=why_not(barred) if barred else "",
        held=held_in_words(shown.held) if shown.held else "",
        colleagues=[(str(one.id), one.name) for one in others],
        here=f"/staff{PATH}/{application_id}",
        done=DONE.get(done, ""),
    )


def why_not(refused: Barred | NotDecided | HeldBy) -> str:
    """Why something was not done with an application."""
    if isinstance(refused, HeldBy):
        return held_in_words(refused)
    return _WHY_NOT[refused]


_WHY_NOT: Final[Mapping[Barred | NotDecided, str]] = {
    Barred.GONE: _("It does not wait for staff any more. Somebody may have decided it."),
    Barred.OWN_ACCOUNT: _("It is your own application. A colleague must decide it."),
    Barred.FIRST_DECIDER: _("You refused it before. Another person must look at it again."),
    Barred.NOT_A_COLLEAGUE: _("They cannot decide this application. Select another colleague."),
    NotDecided.NOT_CLAIMED: _("You do not look after it, or not any more. Claim it first."),
    NotDecided.RULE_SAYS_OTHERWISE: _(
        "The rule does not say yes yet. Accept the evidence or find out the facts that are "
        "missing, or refuse it."
    ),
}

DONE: Final = {
    "claimed": _("You look after this application now"),
    "released": _("You let go of the application. Anybody can claim it"),
    "handed-over": _("The application is with your colleague now"),
    "accepted": _("The evidence is accepted. It counts for everything the resident may have"),
    "refused": _("The evidence is refused. The resident can read why"),
    "sighted": _("The document is recorded, and accepted"),
    "found-out": _("What you found out is recorded"),
    "decided": _("The application is decided, and the resident was told"),
    "asked": _("The resident was asked for more"),
}
"""What was done, by the word the address carries after a form."""
