"""What is due for a card: taken at the desk, waived, or given back by a second person."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import charges, payments
from cardservice.charge_causes import Relief
from cardservice.charge_models import Method
from cardservice.database import Database
from cardservice.errors import CardError
from cardservice.govuk_pay import GovukPay
from cardservice.web.forms import typed_in
from cardservice.web.pages import see_other
from cardservice.web.staff.resident import Look, record_page
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity.errors import SecondPersonNeeded
from identity.personal import Vault
from identity.roles import Act

PATH: Final = "/residents/{account_id:uuid}/charges/{charge_id:uuid}"
WAIVED_FOR: Final = (
    Relief.CRIME_REFERENCE,
    Relief.FAULTY,
    Relief.OUR_MISTAKE,
    Relief.HARDSHIP,
)
REFUNDED_FOR: Final = (*WAIVED_FOR, Relief.NOT_WANTED)


@post(f"{PATH}/take", status_code=200, opt={ACT: Act.TAKE_PAYMENT})
async def take(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    charge_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Record that it was paid over the desk.

    Raises:
        NoSuchCharge: the resident has no such charge.
    """
    look = Look(request.user.actor, account_id, reason, now)
    charge = await charges.locked(session, charge_id, account_id)
    try:
        charges.take(session, charge, Method.DESK, actor=look.actor, now=now)
    except CardError as error:
        faults = {"cards": str(error)}
        return await record_page(request, session, vault, look, faults=faults)
    return see_other(look.address(done="paid"))


@post(f"{PATH}/waive", status_code=200, opt={ACT: Act.WAIVE_CHARGE})
async def waive(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    charge_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Ask nothing for it, and say why.

    Raises:
        NoSuchCharge: the resident has no such charge.
    """
    look = Look(request.user.actor, account_id, reason, now)
    relief = (await typed_in(request)).get(f"{charge_id}.relief")
    charge = await charges.locked(session, charge_id, account_id)
    faults = {}
    if relief not in WAIVED_FOR:
        faults[f"{charge_id}.relief"] = _("Select why nothing is to be paid")
    else:
        try:
            charges.waive(session, charge, Relief(relief), actor=look.actor, now=now)
        except CardError as error:
            faults["cards"] = str(error)
    if faults:
        return await record_page(request, session, vault, look, faults=faults)
    return see_other(look.address(done="waived"))


@post(f"{PATH}/refund", status_code=200, opt={ACT: Act.REFUND_CHARGE})
async def refund(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    charge_id: FromPath[UUID],
    database: NamedDependency[Database],
    pay: NamedDependency[GovukPay | None],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Give back what a colleague took, or what was paid online, and say why.

    Raises:
        NoSuchCharge: the resident has no such charge.
    """
    look = Look(request.user.actor, account_id, reason, now)
    relief = (await typed_in(request)).get(f"{charge_id}.relief")
    faults = {}
    if relief not in REFUNDED_FOR:
        faults[f"{charge_id}.relief"] = _("Select why it is given back")
    else:
        try:
            await payments.give_back(
                *(database.transaction, pay, account_id, charge_id, Relief(relief)),
                actor=look.actor,
                now=now,
            )
        except (CardError, SecondPersonNeeded) as error:
            faults["cards"] = str(error)
    if faults:
        async with database.transaction() as session:
            return await record_page(request, session, vault, look, faults=faults)
    return see_other(look.address(done="refunded"))
