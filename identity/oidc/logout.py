"""A site asks to sign somebody out here too.

Source: OpenID Connect RP-Initiated Logout 1.0.
"""

from datetime import datetime
from typing import Final, TypeAlias
from urllib.parse import urlencode

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import sessions
from identity.oidc import clients, id_tokens, logout_notices, requests
from identity.oidc.authorize import ErrorPage
from identity.oidc.checks import Check, Refused, first_refusal
from identity.oidc.clients import Client
from identity.oidc.grants import SignIn
from identity.oidc.id_tokens import Hinted
from identity.oidc.models import OidcGrant, RequestStage
from identity.oidc.parameters import Parameters
from identity.oidc.provider import Provider
from identity.oidc.token_checks import FORM_CHECKS


class LogoutAsked(msgspec.Struct, frozen=True):
    """A request to sign somebody out.

    Attributes:
        parameters: as they came.
        client: whom `client_id` or else the hint names; None for nobody.
        hint: whom the `id_token_hint` is about; None when it is absent or not ours.
    """

    parameters: Parameters
    client: Client | None
    hint: Hinted | None


class SignedOut(msgspec.Struct, frozen=True):
    """Nobody is signed in (any more). `url`: where the site wants them; empty for our own page."""

    url: str


class NeedsConfirmation(msgspec.Struct, frozen=True):
    """Ask whether they want to sign out; then `confirmed` with the handle."""

    handle: str
    client_name: str


Outcome: TypeAlias = SignedOut | NeedsConfirmation | ErrorPage


def hint_is_ours(asked: LogoutAsked) -> Refused | None:
    """The ID token that hints at somebody was made here."""
    foreign = asked.parameters.get("id_token_hint") and asked.hint is None
    return _bad("the id_token_hint is not one of ours") if foreign else None


def client_is_the_hinted_one(asked: LogoutAsked) -> Refused | None:
    """Client and hint do not contradict one another."""
    named = asked.parameters.get("client_id")
    other = named and asked.hint is not None and asked.hint.client_id != named
    return _bad("client_id and id_token_hint do not fit") if other else None


def client_is_known(asked: LogoutAsked) -> Refused | None:
    """A client that is named exists."""
    unknown = asked.parameters.get("client_id") and asked.client is None
    return _bad("unknown client") if unknown else None


def return_address_is_registered(asked: LogoutAsked) -> Refused | None:
    """Nobody is sent to an address that staff did not register for this client."""
    address = asked.parameters.get("post_logout_redirect_uri")
    registered = asked.client.post_logout_redirect_uris if asked.client else frozenset()
    return None if not address or address in registered else _bad("not a registered address")


LOGOUT_CHECKS: Final[tuple[Check[LogoutAsked], ...]] = (
    Check(hint_is_ours, "OpenID Connect RP-Initiated Logout 1.0 2"),
    Check(client_is_the_hinted_one, "OpenID Connect RP-Initiated Logout 1.0 2, client_id"),
    Check(client_is_known, "OpenID Connect RP-Initiated Logout 1.0 2, client_id"),
    Check(return_address_is_registered, "OpenID Connect RP-Initiated Logout 1.0 3"),
)


async def begin(
    session: AsyncSession,
    provider: Provider,
    parameters: Parameters,
    sign_in: SignIn | None,
    *,
    now: datetime,
) -> Outcome:
    """A browser comes from a site to sign out.

    Only a hint at the very session of this browser signs out at once: any site can send anybody
    here, and to be signed out unasked is a nuisance.
    """
    asked = await _asked(session, provider, parameters)
    refused = first_refusal(FORM_CHECKS, parameters) or first_refusal(LOGOUT_CHECKS, asked)
    if refused:
        return ErrorPage(refused)
    if sign_in is None:
        return SignedOut(_return_url(parameters))
    if await _is_this_session(session, asked.hint, sign_in):
        return await _end(session, parameters, sign_in, now=now)
    handle = await requests.store(
        session,
        provider.vault,
        RequestStage.LOGOUT,
        parameters.values,
        client_id=asked.client.id if asked.client else None,
        now=now,
    )
    return NeedsConfirmation(handle, asked.client.name if asked.client else "")


async def confirmed(
    session: AsyncSession,
    provider: Provider,
    handle: str,
    sign_in: SignIn | None,
    *,
    now: datetime,
) -> SignedOut | ErrorPage:
    """They want to sign out."""
    waiting = await requests.waiting(session, provider.vault, RequestStage.LOGOUT, handle, now=now)
    if waiting is None or not await requests.use_up(session, waiting.id, now=now):
        return ErrorPage(_bad("the request waited too long or was answered"))
    if sign_in is None:
        return SignedOut(_return_url(waiting.parameters))
    return await _end(session, waiting.parameters, sign_in, now=now)


async def _end(
    session: AsyncSession, parameters: Parameters, sign_in: SignIn, *, now: datetime
) -> SignedOut:
    await sessions.end(session, sign_in.token, actor=sign_in.actor, now=now)
    of_session = OidcGrant.session_hash == sign_in.token_hash
    await logout_notices.log_out(session, of_session, now=now)
    return SignedOut(_return_url(parameters))


async def _asked(session: AsyncSession, provider: Provider, parameters: Parameters) -> LogoutAsked:
    token = parameters.get("id_token_hint")
    hint = id_tokens.read_hint(provider, token) if token else None
    client_id = parameters.get("client_id") or (hint.client_id if hint else "")
    return LogoutAsked(parameters, await clients.find(session, client_id), hint)


async def _is_this_session(session: AsyncSession, hint: Hinted | None, sign_in: SignIn) -> bool:
    if hint is None:
        return False
    found = select(OidcGrant.id).where(
        OidcGrant.session_hash == sign_in.token_hash,
        OidcGrant.logged_out_at.is_(None),
        OidcGrant.client_id == hint.client_id,
        OidcGrant.sid == hint.sid,
    )
    return await session.scalar(found.limit(1)) is not None


def _return_url(parameters: Parameters) -> str:
    address = parameters.get("post_logout_redirect_uri")
    state = parameters.get("state")
    if not address or not state:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode({'state': state})}"


def _bad(why: str) -> Refused:
    return Refused("invalid_request", why)
