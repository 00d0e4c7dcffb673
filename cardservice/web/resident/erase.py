"""A resident asks to be erased, and may stop it until the time for that is over."""

from datetime import datetime, timedelta
from typing import Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.holdings import kept_after_erasure
from cardservice.settings import Settings
from cardservice.web.guards import recently_proved
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import erasure
from identity.errors import NoErasureWaits
from identity.models import ErasureBasis
from identity.personal import Vault

TEMPLATE: Final = "resident/erase.html"


@get("/erase", guards=[recently_proved])
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    settings: NamedDependency[Settings],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Say what would be erased and what would be kept; or when it will be, and how to stop it."""
    return page(
        request,
        TEMPLATE,
        waiting=await erasure.waiting(session, request.user.subject_id),
        days=settings.erasure_grace_days,
        kept=kept_after_erasure(),
        done=_DONE.get(done, ""),
    )


@post("/erase", status_code=303, guards=[recently_proved])
async def ask(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Ask for it."""
    await erasure.ask(
        session,
        vault,
        request.user.subject_id,
        ErasureBasis.RESIDENT,
        grace=timedelta(days=settings.erasure_grace_days),
        actor=request.user.actor,
        now=now,
    )
    return see_other("/account/erase?done=asked")


@post("/erase/stop", status_code=303)
async def stop(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Stop it. Sent twice, the second finds it stopped."""
    actor = request.user.actor
    try:
        await erasure.withdraw(session, vault, request.user.subject_id, actor=actor, now=now)
    except NoErasureWaits:
        return see_other("/account/information")
    return see_other("/account/information?done=stopped")


_DONE: Final = {"asked": _("You have asked us to erase your account")}
