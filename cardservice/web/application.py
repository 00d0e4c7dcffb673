"""One application after it was sent: how far it is, what was decided and why."""

from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.application_lines import NEXT_WORDS, STATE_WORDS, event_lines
from cardservice.web.apply import OPT, whereto
from cardservice.web.evidence_lines import after
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import VisitorRequest
from cardservice.web.whose import whose_of
from cardservice.web.words import gettext as _
from entitlements import application_records as records
from entitlements import applying, conclusions
from entitlements.application_models import OPEN, ApplicationState
from entitlements.errors import ApplicationClosed
from identity import person_keys
from identity.dates import london_date
from identity.personal import Vault

TEMPLATE: Final = "apply/application.html"
_DONE: Final = {
    "evidence": _("We have what you sent. A member of staff will look at it"),
    "reference": _("We are asking about the number you gave. You do not need to do anything"),
    "review": _("Another member of staff will look at your application"),
}
_TITLES: Final = {
    ApplicationState.SUBMITTED: _("We have your application"),
    ApplicationState.EVIDENCE_WANTED: _("We need to see proof"),
    ApplicationState.GRANTED: _("Your application is granted"),
    ApplicationState.REFUSED: _("Your application is refused"),
    ApplicationState.WITHDRAWN: _("You withdrew your application"),
    ApplicationState.REVIEW_ASKED: _("We are looking at your application again"),
}


@get("/applications/{reference:str}", opt=OPT)
async def show(
    request: VisitorRequest,
    reference: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[Any]:
    """Show how far it is; one that was not sent goes on where it was left.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
    """
    whose = whose_of(request)
    needed: tuple[str, ...] = ()
    row = await records.own(session, whose.account_id, reference)
    if row.state in {ApplicationState.STARTED, ApplicationState.EVIDENCE_WANTED}:
        on = london_date(now)
        sitting = await applying.sitting(session, vault, whose.account_id, reference, on=on)
        if row.state is ApplicationState.STARTED:
            return see_other(whereto(whose, sitting))
        needed = conclusions.told_of(sitting.sent.decision)
    personal = await person_keys.for_reading(session, vault, whose.account_id)
    tag, colour = STATE_WORDS[row.state]
    return page(
        request,
        TEMPLATE,
        heading=_TITLES[row.state],
        state=row.state,
        row=row,
        name=await applying.title_of(session, row.scheme),
        outcome=records.outcome_of(personal, row),
        needed=needed,
        next=NEXT_WORDS[row.state],
        tag=tag,
        colour=colour,
        can_withdraw=row.state in OPEN,
        after=await after(session, vault, row, settings, now=now),
        done=_DONE.get(done, ""),
        events=event_lines(personal, await records.events_of(session, row.id)),
        here=f"{whose.base}/applications/{reference}",
        back=f"{whose.base}/requests",
    )


@post("/applications/{reference:str}/withdraw", status_code=303, opt=OPT)
async def withdraw(
    request: VisitorRequest,
    reference: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Withdraw it; of one that is decided already the page says enough.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
    """
    whose = whose_of(request)
    with suppress(ApplicationClosed):
        await applying.withdraw(
            session, vault, whose.account_id, reference, actor=whose.actor, now=now
        )
    return see_other(f"{whose.base}/applications/{reference}")
