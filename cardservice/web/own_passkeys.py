"""Residents and staff keep a list of their passkeys. There is always a way without."""

from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.settings import Settings
from cardservice.web.browsers import browser_of
from cardservice.web.forms import typed_in
from cardservice.web.guards import recently_proved
from cardservice.web.owners import owner_of, part_of
from cardservice.web.pages import page, see_other
from cardservice.web.relying_party import relying_party
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from identity import passkeys
from identity.passkeys import PasskeyRefused
from identity.personal import Vault
from identity.roles import Act

LIST: Final = "passkeys.html"
OPT: Final = {ACT: Act.CHANGE_OWN_SIGN_IN}
_DONE: Final = {
    "added": _("You can sign in with the passkey from now on"),
    "removed": _("The passkey does not open your account any more"),
}
_REFUSAL: Final = _("The passkey could not be added. Try again")


@get("/passkeys", guards=[recently_proved], opt=OPT)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """List the visitor's passkeys, and offer another."""
    owner = await owner_of(request, session)
    options = await passkeys.creation_options(
        session, vault, owner, relying_party(settings), now=now
    )
    return page(
        request,
        LIST,
        faults={"add-passkey": _REFUSAL} if done == "refused" else {},
        passkeys=await passkeys.of_owner(session, owner),
        options=options,
        base=part_of(request).base,
        done=_DONE.get(done, ""),
    )


@post("/passkeys", status_code=303, guards=[recently_proved], opt=OPT)
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
        await owner_of(request, session),
        (await typed_in(request)).get("credential", ""),
        browser_of(request).name,
        party=relying_party(settings),
        actor=request.user.actor,
        now=now,
    )
    done = "refused" if isinstance(added, PasskeyRefused) else "added"
    return see_other(f"{part_of(request).base}/passkeys?done={done}")


@post("/passkeys/{passkey_id:uuid}/remove", status_code=303, guards=[recently_proved], opt=OPT)
async def remove(
    request: VisitorRequest,
    passkey_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Forget a passkey; of one that is gone already the list says enough."""
    owner, actor = await owner_of(request, session), request.user.actor
    await passkeys.remove(session, vault, owner, passkey_id, actor=actor, now=now)
    return see_other(f"{part_of(request).base}/passkeys?done=removed")
