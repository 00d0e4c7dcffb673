"""A partner registers the public key its programs sign with, and changes it. We see no secret."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import msgspec
from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.partners.overview import CHANGES, SEES, own
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import organisations
from entitlements.partner_models import CredentialKind, Organisation
from identity.errors import InvalidDetails
from identity.oidc.jose import PRIVATE_MEMBERS

PATH: Final = "/credentials"
TEMPLATE: Final = "partners/credentials.html"
_LONGEST_KEYS: Final = 20_000


class _JwkSet(msgspec.Struct, frozen=True):
    keys: tuple[dict[str, str], ...]


@get(PATH, opt=SEES)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
    done: FromQuery[str] = "",
) -> Response[str]:
    """The credentials in use, and a form for a new key."""
    organisation = await own(request, session)
    return await _form(request, session, organisation, {}, now=now, done=_DONE.get(done, ""))


@post(PATH, status_code=200, opt=CHANGES)
async def register(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Make a credential for a public key; the one before goes on for a while."""
    typed, organisation = await typed_in(request), await own(request, session)
    try:
        kind, keys = _read_kind(typed.get("kind", "")), _read_keys(typed.get("keys", ""))
        await organisations.new_credential(
            session, organisation.id, kind, keys, actor=request.user.actor, now=now
        )
    except InvalidDetails as invalid:
        shown = {} if _is_private(typed.get("keys", "")) else typed
        return await _form(request, session, organisation, shown, invalid.faults, now=now)
    return see_other(f"/partners{PATH}?done=registered")


@post(f"{PATH}/stop", status_code=303, opt=CHANGES)
async def stop(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Refuse a credential from now on."""
    client_id = (await typed_in(request)).get("client", "")
    organisation = await own(request, session)
    await organisations.stop_credential(
        session, organisation.id, client_id, actor=request.user.actor, now=now
    )
    return see_other(f"/partners{PATH}?done=stopped")


def _read_kind(chosen: str) -> CredentialKind:
    for kind in CredentialKind:
        if kind.value == chosen:
            return kind
    raise InvalidDetails({"kind": _("Select what the key is for")})


def _read_keys(text: str) -> tuple[Mapping[str, str], ...]:
    """One JWK, or a JWK Set. Source: RFC 7517 sections 4 and 5.

    Raises:
        InvalidDetails: it is neither, or a private key.
    """
    if not text.strip():
        raise InvalidDetails({"keys": _("Paste your public key")})
    if _is_private(text):
        words = _("This is a private key. Keep it secret, make a new one and paste its public part")
        raise InvalidDetails({"keys": words})
    try:
        found = msgspec.json.decode(text[:_LONGEST_KEYS], type=dict[str, Any])
        return msgspec.convert(found if "keys" in found else {"keys": (found,)}, _JwkSet).keys
    except (msgspec.DecodeError, RecursionError, UnicodeEncodeError) as error:
        words = _("Paste the public key as a JWK or a JWK Set, in JSON")
        raise InvalidDetails({"keys": words}) from error


def _is_private(text: str) -> bool:
    """Whether what was pasted may be a secret, which must not come back in the page."""
    return "PRIVATE KEY" in text or any(f'"{each}"' in text for each in PRIVATE_MEMBERS)


async def _form(
    request: VisitorRequest,
    session: AsyncSession,
    organisation: Organisation,
    typed: Typed,
    faults: Mapping[str, str] | None = None,
    *,
    now: datetime,
    done: str = "",
) -> Response[str]:
    partner = await organisations.shown(session, organisation.id)
    return page(
        request,
        TEMPLATE,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        organisation=organisation,
        in_use=[
            each for each in partner.credentials if not organisations.is_stopped(each, now=now)
        ],
        overlap=organisations.OVERLAP.days,
        done=done,
    )


_DONE: Final = {
    "registered": _("The key is registered"),
    "stopped": _("The credential is refused from now on"),
}
