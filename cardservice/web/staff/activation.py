"""Staff give a resident a code on paper, with which they claim the account that is theirs."""

from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import in_words, reason_of
from cardservice.web.staff.resident import Look, is_true
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from identity import accounts, activation
from identity.errors import WrongAccountState
from identity.personal import Vault
from identity.roles import Act

LETTER: Final = "staff/activation.html"


@post(
    "/residents/{account_id:uuid}/activation-code",
    status_code=200,
    opt={ACT: Act.GIVE_ACTIVATION_CODE},
)
async def give(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Make a code and show the letter to print; it is shown this once. The look is recorded."""
    look, why = Look(request.user.actor, account_id, reason, now), reason_of(reason)
    if why is None or not await is_true(session, request, look):
        return see_other(look.address())
    lasts = timedelta(days=settings.activation_code_days)
    try:
        given = await activation.give(
            session, vault, account_id, lasts=lasts, actor=look.actor, now=now
        )
    except WrongAccountState:
        return see_other(look.address())
    person = await accounts.person(
        session,
        vault,
        account_id,
        actor=look.actor,
        reason=in_words(why),
        now=now,
        sees_protected=request.user.may(Act.SEE_PROTECTED_ADDRESS),
    )
    address = f"{settings.base_url}/activate"
    return page(request, LETTER, given=given, person=person, address=address, back=look.address())
