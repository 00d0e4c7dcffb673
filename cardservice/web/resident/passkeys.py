"""Passkeys: signing in with one, and keeping a list of them. E-mail codes are the way without."""

from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.forms import typed_in
from cardservice.web.guards import recently_proved
from cardservice.web.pages import page, see_other
from cardservice.web.resident.onward import after_sign_in, carry
from cardservice.web.resident.own import own_account_row
from cardservice.web.visitors import (
    AnyRequest,
    Part,
    VisitorRequest,
    session_cookie,
)
from cardservice.web.words import gettext as _
from identity import devices, passkeys
from identity.passkeys import PasskeyRefused, RelyingParty
from identity.personal import Vault
from identity.signin_models import SignInMethod

LIST: Final = "resident/passkeys.html"
AT: Final = "/account/passkeys"
_LOG: Final = structlog.get_logger(__name__)
_DONE: Final = {
    "added": _("You can sign in with the passkey from now on"),
    "removed": _("The passkey does not open your account any more"),
}


def relying_party(settings: Settings) -> RelyingParty:
    """Whom passkeys are for: the host that browsers know the server by."""
    return RelyingParty(id=urlsplit(settings.base_url).hostname or "", origin=settings.base_url)


@post("/passkey", status_code=200)
async def sign_in(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Sign in whoever's passkey was shown."""
    answer = (await typed_in(request)).get("credential", "")
    party = relying_party(settings)
    account = await passkeys.shown(session, vault, answer, party=party, now=now)
    if isinstance(account, PasskeyRefused):
        _LOG.warning("sign-in refused", way="passkey")
        address = carry(request, "/sign-in")
        return see_other(f"{address}{'&' if '?' in address else '?'}passkey=refused")
    browser = browser_of(request)
    signed_in = await devices.sign_in(
        session, vault, account, SignInMethod.PASSKEY, browser, now=now
    )
    cookies = [session_cookie(Part.RESIDENT, signed_in.token), device_cookie(browser)]
    return after_sign_in(request, cookies)


@get("/passkeys", guards=[recently_proved])
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """List the visitor's passkeys, and offer another."""
    account = await own_account_row(request, session)
    faults = {"add-passkey": _REFUSAL} if done == "refused" else {}
    return page(
        request,
        LIST,
        faults=faults,
        passkeys=await passkeys.of_account(session, account.id),
        options=await passkeys.creation_options(
            session, vault, account, relying_party(settings), now=now
        ),
        done=_DONE.get(done, ""),
    )


@post("/passkeys", status_code=303, guards=[recently_proved])
async def add(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Keep a passkey that the browser made."""
    added = await passkeys.add(
        session,
        vault,
        await own_account_row(request, session),
        (await typed_in(request)).get("credential", ""),
        browser_of(request).name,
        party=relying_party(settings),
        actor=request.user.actor,
        now=now,
    )
    return see_other(f"{AT}?done={'refused' if isinstance(added, PasskeyRefused) else 'added'}")


@post("/passkeys/{passkey_id:uuid}/remove", status_code=303, guards=[recently_proved])
async def remove(
    request: VisitorRequest,
    passkey_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Forget a passkey; of one that is gone already the list says enough."""
    own = request.user
    await passkeys.remove(session, own.subject_id, passkey_id, actor=own.actor, now=now)
    return see_other(f"{AT}?done=removed")


_REFUSAL: Final = _("The passkey could not be added. Try again")
