"""The resident's own pages; no address names an account."""

from datetime import datetime
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.card_lines import taps_of
from cardservice.web.pages import page
from cardservice.web.records import Record, looks_at, record_of
from cardservice.web.resident.share import WITHDRAWN
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import accounts, erasure
from identity.errors import NoSuchAccount
from identity.models import Account
from identity.oidc import consents
from identity.personal import Vault

SHOWN_TAPS: Final = 5
"""On the first page; the rest have one of their own."""


@get("/")
async def own_account(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Show the card, what is held and could be held, and the latest taps."""
    record = await _own_record(request, session, vault, now)
    waiting = await erasure.waiting(session, request.user.subject_id)
    return page(
        request,
        "resident/own.html",
        record=record,
        shown_taps=SHOWN_TAPS,
        erasure=waiting,
        done=OF_A_CARD.get(done, ""),
    )


@get("/taps")
async def own_taps(
    request: VisitorRequest, session: NamedDependency[AsyncSession]
) -> Response[str]:
    """Show the visitor's taps."""
    taps = await taps_of(session, request.user.subject_id)
    return page(request, "resident/taps.html", taps=taps)


@get("/details")
async def own_details(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Show the visitor's name, addresses and documents as they are recorded."""
    record = await _own_record(request, session, vault, now)
    words = CHANGED.get(done, "")
    return page(request, "resident/details.html", record=record, done=words)


@get("/security")
async def own_security(request: VisitorRequest) -> Response[str]:
    """Lead to the ways of signing in."""
    return page(request, "resident/security.html")


@get("/information")
async def own_information(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    done: FromQuery[str] = "",
) -> Response[str]:
    """Show who looked at the visitor's record, and with whom they share information."""
    account_id = request.user.subject_id
    return page(
        request,
        "resident/information.html",
        reads=await looks_at(session, vault, account_id),
        sharing=await consents.sharing_of(session, account_id),
        done=_DONE.get(done, ""),
    )


OF_A_CARD: Final = {
    "lost": _("Your card is stopped. If you find it, say so here and it works again"),
    "stolen": _("Your card is stopped. You can ask for another"),
    "damaged": _("Your card is stopped. You can ask for another"),
    "found": _("Your card can be used again"),
    "activated": _("Your card can be used from now on"),
}
CHANGED: Final = {
    "email": _("Your e-mail address is changed. Every other sign-in has ended"),
    "mobile": _("Your mobile number is saved. Every other sign-in has ended"),
    "mobile-removed": _("Your mobile number is removed. Every other sign-in has ended"),
}
_DONE: Final = {
    "withdrawn": WITHDRAWN,
    "stopped": _("Your account will not be erased. Everything stays as it is"),
}


async def own_account_row(request: VisitorRequest, session: AsyncSession) -> Account:
    """The account of whoever is signed in.

    Raises:
        NoSuchAccount: it is gone.
    """
    account = await session.get(Account, request.user.subject_id)
    if account is None:
        raise NoSuchAccount("The account of a session is gone.")
    return account


async def _own_record(
    request: VisitorRequest, session: AsyncSession, vault: Vault, now: datetime
) -> Record:
    visitor = request.user
    person = await accounts.own_record(session, vault, visitor.subject_id, actor=visitor.actor)
    return await record_of(session, vault, person, now=now)
