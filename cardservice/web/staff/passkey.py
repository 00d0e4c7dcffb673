"""A member of staff signs in with a passkey: two factors in one, nothing to type or to phish."""

from datetime import datetime
from typing import Any

from litestar import Response, post
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of
from cardservice.web.forms import typed_in
from cardservice.web.pages import see_other
from cardservice.web.relying_party import relying_party
from cardservice.web.staff.second_factor import signed_in
from cardservice.web.visitors import AnyRequest, Part
from identity import passkeys, staff_factor
from identity.passkeys import PasskeyRefused
from identity.personal import Vault
from identity.signin_models import SignInMethod


@post("/passkey", status_code=200)
async def sign_in(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Sign in whichever member of staff's passkey was shown."""
    answer, party = (await typed_in(request)).get("credential", ""), relying_party(settings)
    staff = await passkeys.shown_by_staff(session, vault, answer, party=party, now=now)
    if isinstance(staff, PasskeyRefused):
        return see_other(f"{Part.STAFF.sign_in}?passkey=refused")
    methods = (SignInMethod.PASSKEY,)
    opened = await staff_factor.sign_in(session, staff, methods, browser_of(request), now=now)
    return signed_in(request, opened)
