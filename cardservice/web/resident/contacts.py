"""Residents change their e-mail address, and add, change or remove their mobile number."""

from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.code_words import code_refusal
from cardservice.web.contact_cookies import ContactCookie, shown
from cardservice.web.forms import typed_in
from cardservice.web.guards import recently_proved
from cardservice.web.pages import page, see_other
from cardservice.web.resident.own import own_account_row
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import contact_changes
from identity.accounts import InUse
from identity.codes import CodeRefused
from identity.contact_changes import OnlyWayIn
from identity.contacts import Channel, Contact, email_at, mobile_at
from identity.details import can_be_email
from identity.errors import BadMobile
from identity.personal import Vault

NEW: Final = ContactCookie("__Host-kentcard-new-contact")
TEMPLATES: Final = {
    Channel.EMAIL: "resident/email.html",
    Channel.MOBILE: "resident/mobile.html",
}
CODE: Final = "resident/contact_code.html"
_PATHS: Final = [f"/{channel.value}" for channel in Channel]
_CODE_PATHS: Final = [f"{path}/code" for path in _PATHS]


@get(_PATHS, guards=[recently_proved])
async def ask(request: VisitorRequest, session: NamedDependency[AsyncSession]) -> Response[str]:
    """Ask for the new address or number."""
    return await _form(request, session, "")


@post(_PATHS, status_code=200, guards=[recently_proved])
async def send_code(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send a code to the new address or number; who else uses it is not said."""
    channel = _channel(request)
    typed = (await typed_in(request)).get(channel.value, "").strip()
    to = _contact(channel, typed)
    if isinstance(to, str):
        return await _form(request, session, typed, to)
    await contact_changes.ask(session, vault, request.user.signed_in, to, now=now)
    return see_other(f"/account/{channel.value}/code", cookies=[NEW.of(to)])


@get(_CODE_PATHS, guards=[recently_proved])
async def ask_code(request: VisitorRequest) -> Response[Any]:
    """Ask for the code that went there."""
    to = _waiting(request)
    if to is None:
        return see_other(f"/account/{_channel(request).value}")
    return _code_page(request, to)


@post(_CODE_PATHS, status_code=200, guards=[recently_proved])
async def give_code(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Take the code, and the address or number with it; or say what to do."""
    to = _waiting(request)
    if to is None:
        return see_other(f"/account/{_channel(request).value}")
    code = (await typed_in(request)).get("code", "").strip()
    if not code:
        return _code_page(request, to, _("Enter the code"))
    own = request.user.signed_in
    done = await contact_changes.change(session, vault, own, to, code, now=now)
    if isinstance(done, CodeRefused):
        return _code_page(request, to, code_refusal(done.reason))
    if isinstance(done, InUse):
        return await _form(request, session, shown(to), _IN_USE[to.channel])
    return see_other(f"/account/details?done={to.channel.value}", cookies=[NEW.forget()])


@post("/mobile/remove", status_code=200, guards=[recently_proved])
async def remove_mobile(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Forget the number, unless its owner could not sign in any more."""
    own = request.user.signed_in
    done = await contact_changes.remove_mobile(session, vault, own, now=now)
    if isinstance(done, OnlyWayIn):
        fault = _("You sign in with this number. Add an e-mail address or a passkey first")
        return await _form(request, session, "", fault)
    return see_other("/account/details?done=mobile-removed")


async def _form(
    request: VisitorRequest, session: AsyncSession, typed: str, fault: str = ""
) -> Response[str]:
    channel = _channel(request)
    account = await own_account_row(request, session)
    return page(
        request,
        TEMPLATES[channel],
        status=422 if fault else 200,
        faults={channel.value: fault} if fault else {},
        typed={channel.value: typed},
        has_email=account.email_index is not None,
        has_mobile=account.mobile_index is not None,
    )


def _code_page(request: VisitorRequest, to: Contact, fault: str = "") -> Response[str]:
    return page(
        request,
        CODE,
        status=422 if fault else 200,
        faults={"code": fault} if fault else {},
        typed={},
        to=shown(to),
        at=f"/account/{to.channel.value}",
    )


def _channel(request: VisitorRequest) -> Channel:
    return Channel(request.scope["path"].split("/")[2])


def _waiting(request: VisitorRequest) -> Contact | None:
    """What the cookie holds, if it is for this page."""
    to = NEW.read(request)
    return to if to is not None and to.channel is _channel(request) else None


def _contact(channel: Channel, typed: str) -> Contact | str:
    """The contact that was typed, or what is wrong with it."""
    if channel is Channel.EMAIL:
        to = email_at(typed)
        wrong = _("Enter an e-mail address in the correct format, like name@example.com")
        return to if can_be_email(to.value) else wrong
    try:
        return mobile_at(typed)
    except BadMobile as error:
        return str(error)


_IN_USE: Final = {
    Channel.EMAIL: _("This address signs somebody in to another account. Enter another"),
    Channel.MOBILE: _("This number signs somebody in to another account. Enter another"),
}
