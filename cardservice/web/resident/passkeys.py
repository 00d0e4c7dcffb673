"""Residents sign in with a passkey. E-mail codes are the way without."""

from datetime import datetime
from typing import Any, Final

import structlog
from litestar import Response, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of, device_cookie
from cardservice.web.forms import typed_in
from cardservice.web.pages import see_other
from cardservice.web.relying_party import relying_party
from cardservice.web.resident.onward import after_sign_in, carry
from cardservice.web.visitors import AnyRequest, Part, session_cookie
from identity import devices, lost_factor, passkeys
from identity.passkeys import PasskeyRefused
from identity.personal import Vault
from identity.signin_models import SignInMethod

_LOG: Final = structlog.get_logger(__name__)


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
        _LOG.warning("sign-in refused", at=request.scope["path"])
        address = carry(request, "/sign-in")
        return see_other(f"{address}{'&' if '?' in address else '?'}passkey=refused")
    await lost_factor.withdraw(session, account)
    browser = browser_of(request)
    signed_in = await devices.sign_in(
        session, vault, account, SignInMethod.PASSKEY, browser, now=now
    )
    cookies = [session_cookie(Part.RESIDENT, signed_in.token), device_cookie(browser)]
    return after_sign_in(request, cookies)
