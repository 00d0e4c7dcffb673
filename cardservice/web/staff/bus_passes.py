"""Staff link a resident's bus pass of another issuer to their record, and unlink it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import bus_passes, front_desk
from cardservice.bus_passes import NotLinked
from cardservice.errors import MoveNotAllowed
from cardservice.front_desk import PassRead
from cardservice.web.bus_pass_lines import pass_line
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.reasons import reason_of
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity.errors import InvalidDetails
from identity.personal import Vault
from identity.roles import Act

TEMPLATE: Final = "staff/bus_pass.html"
PATH: Final = "/residents/{account_id:uuid}/bus-passes"
OPT: Final = {ACT: Act.LINK_BUS_PASS}
WORDS: Final = {
    NotLinked.THEIRS_ALREADY: _("This bus pass is linked to this record already"),
    NotLinked.ANOTHER_ACCOUNTS: _(
        "This bus pass is linked to another account. Check the number, then ask a supervisor"
    ),
    NotLinked.TOO_MANY: _("This record has too many bus passes. Unlink one that is not used"),
}


@get(f"{PATH}/new", opt=OPT)
async def ask(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[str]:
    """Ask for the number, or whether it is the pass that was read at the clerk's desk."""
    read = await front_desk.pass_read(session, vault, request.user.signed_in, now=now)
    return _form(request, account_id, reason, {}, {}, read=read)


@post(f"{PATH}/new", status_code=200, opt=OPT)
async def link(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[Any]:
    """Link it and go back to the record; or say what stands in the way."""
    typed, own = await typed_in(request), request.user.signed_in
    look = Look(request.user.actor, account_id, reason, now)
    read = await front_desk.pass_read(session, vault, own, now=now)
    faults: Mapping[str, str] = {}
    try:
        isrn, was_read = _number(typed, read)
        linked = await bus_passes.link(
            session, vault, account_id, isrn, read=was_read, actor=look.actor, now=now
        )
        if not isinstance(linked, NotLinked):
            return see_other(look.address(done="pass-linked"))
        faults = {"isrn": WORDS[linked]}
    except InvalidDetails as invalid:
        faults = invalid.faults
    except MoveNotAllowed as error:
        faults = {"isrn": str(error)}
    return _form(request, account_id, reason, typed, faults, read=read)


def _number(typed: Typed, read: PassRead | None) -> tuple[str, bool]:
    """The number to link, and whether a reader read it.

    Raises:
        InvalidDetails: it is none, or another card was laid on the reader meanwhile.
    """
    if not typed.get("read"):
        return bus_passes.isrn_of(typed.get("isrn", "")), False
    if read is None or str(read.tap_id) != typed["read"]:
        words = _("Lay the bus pass on the reader again: another was read, or it was too long ago")
        raise InvalidDetails({"isrn": words})
    return read.seen.isrn, True


@post(f"{PATH}/{{pass_id:uuid}}/unlink", status_code=303, opt=OPT)
async def unlink(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    pass_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[None]:
    """Unlink it; once it is unlinked, doing so again changes nothing."""
    look = Look(request.user.actor, account_id, reason, now)
    await bus_passes.unlink(session, account_id, pass_id, actor=look.actor, now=now)
    return see_other(look.address(done="pass-unlinked"))


def _form(
    request: VisitorRequest,
    account_id: UUID,
    reason: str,
    typed: Typed,
    faults: Mapping[str, str],
    *,
    read: PassRead | None,
) -> Response[str]:
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        here=f"/staff/residents/{account_id}",
        reason=reason if reason_of(reason) else "",
        read=pass_line(read) if read else None,
    )
