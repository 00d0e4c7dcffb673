"""A resident says whether they want their card again when it ends, and where they live."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import renewals
from cardservice.errors import CardError
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.renewal_lines import lacking, renewals_of
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import accounts
from identity.personal import Vault

TEMPLATE: Final = "resident/renewal.html"
PATH: Final = "/renewal"
AT_HOME: Final = "address"


@get(PATH)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    done: FromQuery[str] = "",
) -> Response[str]:
    """The visitor's cards that end, and what is asked about them."""
    return await _page(request, session, vault, done=_DONE.get(done, ""))


@post(f"{PATH}/{{card_id:uuid}}/keep", status_code=200)
async def keep(
    request: VisitorRequest,
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """They want it, and live where we think.

    Raises:
        NoSuchPage: they are not asked about such a card.
    """
    await _check_own(request, session, card_id)
    typed, field = await typed_in(request), f"{AT_HOME}-{card_id}"
    if typed.get(AT_HOME) != "yes":
        faults = {field: _("Say whether this is where you live")}
        return await _page(request, session, vault, typed=typed, faults=faults)
    try:
        kept = await renewals.keep(session, vault, card_id, actor=request.user.actor, now=now)
    except CardError as error:
        return await _page(request, session, vault, typed=typed, faults={field: str(error)})
    if isinstance(kept, renewals.NotRenewed):
        faults = {field: " ".join(lacking(kept.why))}
        return await _page(request, session, vault, typed=typed, faults=faults)
    return see_other("/account/renewal?done=kept")


@post(f"{PATH}/{{card_id:uuid}}/decline", status_code=303)
async def decline(
    request: VisitorRequest,
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """They do not want it any more.

    Raises:
        NoSuchPage: they are not asked about such a card.
    """
    await _check_own(request, session, card_id)
    await renewals.decline(session, card_id, actor=request.user.actor, now=now)
    return see_other("/account/renewal?done=declined")


async def _check_own(request: VisitorRequest, session: AsyncSession, card_id: UUID) -> None:
    mine = await renewals.of_account(session, request.user.subject_id)
    if all(row.card_id != card_id for row, _card in mine):
        raise NoSuchPage("This resident is not asked about such a card.")


async def _page(
    request: VisitorRequest,
    session: AsyncSession,
    vault: Vault,
    *,
    typed: Typed | None = None,
    faults: Mapping[str, str] | None = None,
    done: str = "",
) -> Response[str]:
    visitor = request.user
    person = await accounts.own_record(session, vault, visitor.subject_id, actor=visitor.actor)
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed or {},
        lines=await renewals_of(session, visitor.subject_id),
        address=(*person.address_lines, person.postcode),
        done=done,
    )


_DONE: Final = {
    "kept": _("We are making you another card and will post it to you"),
    "declined": _("We will not make you another card. You can change your mind here"),
}
