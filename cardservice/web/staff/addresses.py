"""A resident moves; or where they live is protected."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, document_shown, typed_day, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.register import ADDRESS_LINES, kinds_for
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import AnyRequest, VisitorRequest
from entitlements import assessing
from identity import addresses
from identity.addresses import AddressChange
from identity.details import NewAddress
from identity.errors import InvalidDetails
from identity.evidence import Proof
from identity.personal import Vault
from identity.places import DISTRICTS
from identity.roles import Act

TEMPLATE: Final = "staff/address.html"
PATH: Final = "/residents/{account_id:uuid}/address"
OPT: Final = {ACT: Act.CHANGE_ADDRESS}
_CONFIRMATION: Final = ("confirmed_district", "confirmation_reason")


@get(f"{PATH}/new", opt=OPT)
async def ask(
    request: AnyRequest, account_id: FromPath[UUID], reason: FromQuery[str] = ""
) -> Response[str]:
    """Show the empty form."""
    return _form(request, account_id, reason, {}, {})


@post(f"{PATH}/new", status_code=200, opt=OPT)
async def change(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Change the address and go back to the record; or say what is wrong."""
    typed = await typed_in(request)
    look = Look(request.user.actor, account_id, reason, now)
    try:
        await assessing.move_home(
            session, vault, account_id, _change(typed), actor=look.actor, now=now
        )
    except InvalidDetails as invalid:
        return _form(request, account_id, reason, typed, invalid.faults)
    return see_other(look.address(done="address"))


@post(f"{PATH}/protect", opt={ACT: Act.PROTECT_ADDRESS})
async def protect(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[None]:
    """Protect the address: from now on only roles that need it are shown it."""
    look = Look(request.user.actor, account_id, reason, now)
    await addresses.set_protected(session, account_id, protected=True, actor=look.actor, now=now)
    return see_other(look.address(done="protected"))


@post(f"{PATH}/unprotect", opt={ACT: Act.LIFT_PROTECTION})
async def unprotect(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[None]:
    """End the protection."""
    look = Look(request.user.actor, account_id, reason, now)
    await addresses.set_protected(session, account_id, protected=False, actor=look.actor, now=now)
    return see_other(look.address(done="unprotected"))


def _change(typed: Typed) -> AddressChange:
    return AddressChange(
        address=NewAddress(
            address_lines=tuple(typed.get(field, "") for field in ADDRESS_LINES),
            postcode=typed.get("postcode", ""),
            confirmed_district=typed.get("confirmed_district", ""),
            confirmation_reason=typed.get("confirmation_reason", ""),
        ),
        moved_on=typed_day(typed, "moved_on"),
        document=document_shown(typed, "document."),
    )


def _form(
    request: AnyRequest, account_id: UUID, reason: str, typed: Typed, faults: Mapping[str, str]
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
        reason=reason if reason_of(reason) else "",
        confirming=any(field in faults or field in typed for field in _CONFIRMATION),
        districts=tuple((district.code, district.name) for district in DISTRICTS.values()),
        kinds=kinds_for(Proof.ADDRESS),
    )
