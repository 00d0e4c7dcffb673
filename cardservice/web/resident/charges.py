"""A resident pays for a card: with GOV.UK Pay where the council has it, or at a desk."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath

from cardservice import charges, payments
from cardservice.charge_models import ChargeState
from cardservice.database import Database
from cardservice.errors import PaymentsUnavailable
from cardservice.govuk_pay import GovukPay
from cardservice.settings import Settings
from cardservice.web.charge_lines import charge_line
from cardservice.web.pages import page, see_other
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _

TEMPLATE: Final = "resident/charge.html"
PATH: Final = "/charges/{charge_id:uuid}"


@get(PATH)
async def show(
    request: VisitorRequest,
    charge_id: FromPath[UUID],
    database: NamedDependency[Database],
    pay: NamedDependency[GovukPay | None],
) -> Response[str]:
    """Show a charge, and how it can be paid."""
    return await _page(request, database, pay, charge_id)


@post(f"{PATH}/pay", status_code=200)
async def begin(
    request: VisitorRequest,
    charge_id: FromPath[UUID],
    database: NamedDependency[Database],
    pay: NamedDependency[GovukPay | None],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Begin a payment and lead to GOV.UK Pay: a link, since no form of ours leads elsewhere."""
    here = f"/account/charges/{charge_id}"
    if pay is None:
        return see_other(here)
    visitor = request.user
    try:
        next_url = await payments.begin(
            *(database.transaction, pay, visitor.subject_id, charge_id),
            return_url=f"{settings.base_url}{here}/back",
            actor=visitor.actor,
            now=now,
        )
    except PaymentsUnavailable:
        return await _page(request, database, pay, charge_id, fault=_UNAVAILABLE)
    return await _page(request, database, pay, charge_id, next_url=next_url)


@get(f"{PATH}/back")
async def come_back(
    request: VisitorRequest,
    charge_id: FromPath[UUID],
    database: NamedDependency[Database],
    pay: NamedDependency[GovukPay | None],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Back from GOV.UK Pay: ask it what became of the payment."""
    if pay is None:
        return await _page(request, database, pay, charge_id)
    visitor = request.user
    try:
        state = await payments.settle(
            *(database.transaction, pay, visitor.subject_id, charge_id),
            actor=visitor.actor,
            now=now,
        )
    except PaymentsUnavailable:
        return await _page(request, database, pay, charge_id, fault=_NOT_KNOWN)
    if state is ChargeState.PAID:
        return see_other("/account/requests?done=paid")
    return await _page(request, database, pay, charge_id, fault=_NOT_PAID)


_UNAVAILABLE: Final = _("You cannot pay online at the moment. Nothing was paid. Try again later")
_NOT_KNOWN: Final = _("We do not know yet whether you paid. Look here again in a few minutes")
_NOT_PAID: Final = _("You have not paid. Nothing was taken")


async def _page(
    request: VisitorRequest,
    database: Database,
    pay: GovukPay | None,
    charge_id: UUID,
    *,
    fault: str = "",
    next_url: str = "",
) -> Response[str]:
    """The charge as it stands.

    Raises:
        NoSuchCharge: it is nobody's, or somebody else's.
    """
    async with database.transaction() as session:
        charge = await charges.locked(session, charge_id, request.user.subject_id)
        line = charge_line(charge)
    return page(
        request,
        TEMPLATE,
        faults={"pay": fault} if fault else {},
        line=line,
        online=pay is not None,
        next_url=next_url,
    )
