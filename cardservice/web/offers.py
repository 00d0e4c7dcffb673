"""What was offered: accepted or declined; and whether things are added or offered from now on."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.apply import OPT
from cardservice.web.forms import typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import VisitorRequest
from cardservice.web.whose import Whose, whose_of
from cardservice.web.words import gettext as _
from entitlements import accepting, applying, assessing, conclusions, offers
from entitlements.decision import Eligible
from entitlements.grant_states import GrantState
from entitlements.models import Giving
from identity.dates import london_date
from identity.personal import Vault

OFFER: Final = "apply/offer.html"
CHOICE: Final = "apply/choice.html"
ACCEPT, DECLINE = "accept", "decline"
_LEAVE: Final = "leave"
CHOICES: Final[Mapping[str, str]] = {
    _LEAVE: _("Add what is given to everybody who can have it, and ask me about the rest"),
    Giving.ADD: _("Add it for me, unless it costs something"),
    Giving.OFFER: _("Ask me first, always"),
}


@get("/offers/{scheme:str}", opt=OPT)
async def show(
    request: VisitorRequest,
    scheme: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[str]:
    """Say what is offered, why, and on what terms; and ask.

    Raises:
        NoSuchOffer: nothing of it is offered to them.
    """
    whose = whose_of(request)
    return await _offer_page(request, whose, scheme, session, vault, now, {})


@post("/offers/{scheme:str}", status_code=200, opt=OPT)
async def answer(
    request: VisitorRequest,
    scheme: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take a yes or a no; said twice it is said once.

    Raises:
        NoSuchOffer: nothing of it is offered to them.
    """
    whose, typed = whose_of(request), await typed_in(request)
    who, said = whose.account_id, typed.get("answer", "")
    if said == ACCEPT:
        decision = await accepting.accept(session, vault, who, scheme, actor=whose.actor, now=now)
        done = "accepted" if isinstance(decision, Eligible) else "offer-gone"
    elif said == DECLINE:
        await accepting.decline(session, who, scheme, actor=whose.actor, now=now)
        done = "declined"
    else:
        faults = {"answer": _("Select whether you want it")}
        return await _offer_page(request, whose, scheme, session, vault, now, faults)
    return see_other(f"{whose.base}/requests?done={done}")


@get("/choice", opt=OPT)
async def ask_choice(
    request: VisitorRequest, session: NamedDependency[AsyncSession]
) -> Response[str]:
    """Ask what becomes of what the resident can newly have."""
    whose = whose_of(request)
    chosen = await offers.choice_of(session, whose.account_id)
    return _choice_page(request, whose, chosen or _LEAVE, {})


@post("/choice", status_code=200, opt=OPT)
async def choose(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Keep the choice, and act on it at once."""
    whose, typed = whose_of(request), await typed_in(request)
    said = typed.get("choice", "")
    if said not in CHOICES:
        return _choice_page(request, whose, said, {"choice": _("Select what we should do")})
    chosen = None if said == _LEAVE else Giving(said)
    who = whose.account_id
    if await offers.choose(session, who, chosen, actor=whose.actor, now=now):
        await assessing.assess(session, vault, who, actor=whose.actor, now=now)
    return see_other(f"{whose.base}/requests?done=chosen")


def _choice_page(
    request: VisitorRequest, whose: Whose, said: str, faults: Mapping[str, str]
) -> Response[str]:
    return page(
        request,
        CHOICE,
        status=422 if faults else 200,
        faults=faults,
        typed={"choice": said},
        choices=tuple(CHOICES.items()),
        here=f"{whose.base}/choice",
        back=f"{whose.base}/requests",
    )


async def _offer_page(
    request: VisitorRequest,
    whose: Whose,
    scheme: str,
    session: AsyncSession,
    vault: Vault,
    now: datetime,
    faults: Mapping[str, str],
) -> Response[str]:
    offered = await accepting.offer_of(session, whose.account_id, scheme)
    explained = await assessing.explain(session, vault, whose.account_id, on=london_date(now))
    found = [each for each in explained if each.decision.scheme == scheme]
    decision = found[0].decision if found else None
    return page(
        request,
        OFFER,
        status=422 if faults else 200,
        faults=faults,
        typed={},
        until=decision.valid_until if isinstance(decision, Eligible) else None,
        declined=offered.state is GrantState.DECLINED,
        name=await applying.title_of(session, scheme),
        notes=found[0].notes if found else (),
        why=conclusions.told_of(decision) if decision else (),
        choices=((ACCEPT, _("Yes, add it")), (DECLINE, _("No, thank you"))),
        here=f"{whose.base}/offers/{scheme}",
        back=f"{whose.base}/requests",
    )
