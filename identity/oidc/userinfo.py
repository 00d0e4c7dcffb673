"""What a client is told about the resident who signed in: by scope, and the resident sees it.

Source: OpenID Connect Core 1.0 sections 5.1, 5.3 and 5.4.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import accounts
from identity.accounts import Person
from identity.actors import Actor, ActorKind
from identity.models import Account
from identity.oidc.access import Access
from identity.oidc.checks import Check, Refused, first_refusal
from identity.oidc.provider import Provider
from identity.oidc.scopes import OPENID, claims_of, words_of


def token_is_about_a_resident(access: Access) -> Refused | None:
    """A client that asks on its own behalf has nobody to ask about."""
    about = access.account_id is not None
    return None if about else Refused("insufficient_scope", "not the token of a sign-in")


def scope_has_openid(access: Access) -> Refused | None:
    """The token is of a sign-in."""
    has = OPENID in access.scopes
    return None if has else Refused("insufficient_scope", "the token needs the scope openid")


USERINFO_CHECKS: Final[tuple[Check[Access], ...]] = (
    Check(token_is_about_a_resident, "OpenID Connect Core 1.0 5.3"),
    Check(scope_has_openid, "OpenID Connect Core 1.0 5.3.1; RFC 6750 3.1"),
)


async def claims(
    session: AsyncSession, provider: Provider, access: Access, *, now: datetime
) -> Mapping[str, Any] | Refused:
    """The claims that the token's scopes open. Reading a resident's record is recorded for them."""
    refused = first_refusal(USERINFO_CHECKS, access)
    if refused or access.account_id is None:
        return refused or Refused("server_error", "")
    told = {"sub": access.subject}
    wanted = claims_of(access.scopes) - {"sub"}
    if not wanted:
        return told
    person = await accounts.person(
        session,
        provider.vault,
        access.account_id,
        actor=Actor(ActorKind.PARTNER, access.client_id, access.client_name),
        reason=f"Sign-in: {', '.join(words_of(access.scopes))}",
        now=now,
    )
    proved = select(Account.email_proved_at).where(Account.id == access.account_id)
    known = _known(person, email_verified=await session.scalar(proved) is not None)
    return told | {name: known[name] for name in sorted(wanted) if name in known}


def _known(person: Person, *, email_verified: bool) -> Mapping[str, Any]:
    """What the record says; a claim without a value is left out."""
    lines = "\n".join(person.address_lines)
    address = {
        "formatted": f"{lines}\n{person.postcode}",
        "street_address": lines,
        "postal_code": person.postcode,
    }
    known: dict[str, Any] = {
        "name": person.full_name,
        "given_name": person.given_names,
        "family_name": person.family_name,
        "email": person.email,
        "address": address,
    }
    if person.email:
        known["email_verified"] = email_verified
    return {name: value for name, value in known.items() if value != ""}
