"""A site sends somebody here to sign in, and they are sent back with a code.

Everything a browser does here ends in one of four values; pages are the web application's.
"""

from datetime import datetime
from typing import Final, TypeAlias
from urllib.parse import urlencode

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from identity.oidc import clients, consents, grants, id_tokens, requests
from identity.oidc.authorize_checks import (
    PAGE_CHECKS,
    REQUEST_CHECKS,
    VISIT_CHECKS,
    Asked,
    Visit,
    hinted_person_is_signed_in,
    level_is_reached,
)
from identity.oidc.checks import Refused, first_refusal
from identity.oidc.clients import Client
from identity.oidc.grants import SignIn
from identity.oidc.levels import SINGLE_FACTOR, is_reached
from identity.oidc.models import Basis, RequestStage
from identity.oidc.parameters import Parameters
from identity.oidc.provider import Provider
from identity.oidc.requests import PUSHED_LIFE, Waiting
from identity.oidc.scopes import words_of
from identity.personal import Vault

PUSHED_PREFIX: Final = "urn:ietf:params:oauth:request_uri:"


class Redirect(msgspec.Struct, frozen=True):
    """Send the browser back to the site, with 303."""

    url: str


class ErrorPage(msgspec.Struct, frozen=True):
    """Show an error here: no address to go back to can be trusted."""

    refused: Refused


class NeedsSignIn(msgspec.Struct, frozen=True):
    """Show the sign-in page; then `resume` with the handle.

    Attributes:
        handle: of the waiting request.
        client_name: the site that asks.
        login_hint: what the site believes their e-mail address is: to fill the field in with, and
            nothing else. Nobody is looked up by it.
        two_factors: whether the site takes nothing weaker.
    """

    handle: str
    client_name: str
    login_hint: str
    two_factors: bool


class TooLate(msgspec.Struct, frozen=True):
    """The request cannot be gone on with. `client_name` is empty for one we do not know."""

    client_name: str


class NeedsConsent(msgspec.Struct, frozen=True):
    """Show the consent page; then `agree` or `decline` with the handle."""

    handle: str
    client_name: str
    sees: tuple[str, ...]


class Pushed(msgspec.Struct, frozen=True):
    """A request was pushed. `expires_in` is in seconds."""

    request_uri: str
    expires_in: int


Outcome: TypeAlias = Redirect | ErrorPage | NeedsSignIn | NeedsConsent


async def begin(
    session: AsyncSession,
    provider: Provider,
    parameters: Parameters,
    sign_in: SignIn | None,
    *,
    now: datetime,
) -> Outcome:
    """A browser comes from a site."""
    pushed = None
    if parameters.get("request_uri").startswith(PUSHED_PREFIX):
        pushed = await _pushed(session, provider, parameters, now=now)
        if pushed is None:
            return ErrorPage(Refused("invalid_request", "the pushed request is used or too old"))
        parameters = pushed.parameters
    asked = await _asked(session, provider, parameters, pushed=pushed is not None)
    return await _answer(session, provider, asked, sign_in, None, now=now)


async def push(
    session: AsyncSession,
    provider: Provider,
    client: Client,
    parameters: Parameters,
    *,
    dpop_key: str,
    now: datetime,
) -> Pushed | Refused:
    """A client that proved itself leaves a request for a browser to bring.

    Source: RFC 9126 section 2; RFC 9449 section 10.1 (a proof sent along binds the code).
    """
    values = dict(parameters.values)
    if dpop_key and values.setdefault("dpop_jkt", dpop_key) != dpop_key:
        return Refused("invalid_dpop_proof", "dpop_jkt names another key")
    values = {name: value for name, value in values.items() if not name.startswith("client_a")}
    values["client_id"] = client.id
    parameters = msgspec.structs.replace(parameters, values=values)
    hint = _hint(provider, client, parameters)
    asked = Asked(parameters, client, pushed=True, hint=hint)
    if refused := first_refusal((*PAGE_CHECKS, *REQUEST_CHECKS), asked):
        return refused
    handle = await requests.store(
        session,
        provider.vault,
        RequestStage.PUSHED,
        values,
        client_id=client.id,
        pushed=True,
        now=now,
    )
    return Pushed(PUSHED_PREFIX + handle, int(PUSHED_LIFE.total_seconds()))


async def resume(
    session: AsyncSession,
    provider: Provider,
    handle: str,
    sign_in: SignIn | None,
    *,
    now: datetime,
) -> Outcome:
    """A browser comes back to a request that waited, after signing in or agreeing."""
    waiting = await _waiting(session, provider, handle, now=now)
    if waiting is None:
        return _too_late()
    asked = await _asked(session, provider, waiting.parameters, pushed=waiting.pushed)
    return await _answer(session, provider, asked, sign_in, (handle, waiting), now=now)


async def who_asks(
    session: AsyncSession, vault: Vault, handle: str, *, now: datetime
) -> NeedsSignIn | TooLate:
    """For the sign-in page: who sent the resident here, as long as they can go back there."""
    stage = RequestStage.WAITING
    waiting = await requests.waiting(session, vault, stage, handle, held=False, now=now)
    client_id = waiting.client_id if waiting else await requests.client_of(session, handle)
    client = await clients.find(session, client_id or "")
    if waiting is None or client is None:
        return TooLate(client.name if client else "")
    return _needs_sign_in(handle, client, waiting.parameters)


async def consent_asked(
    session: AsyncSession, provider: Provider, handle: str, *, now: datetime
) -> NeedsConsent | ErrorPage:
    """What the consent page of a waiting request says."""
    waiting = await _waiting(session, provider, handle, now=now)
    if waiting is None:
        return _too_late()
    asked = await _asked(session, provider, waiting.parameters, pushed=waiting.pushed)
    if asked.client is None:
        return _too_late()
    return NeedsConsent(handle, asked.client.name, words_of(asked.scopes))


async def agree(
    session: AsyncSession, provider: Provider, handle: str, sign_in: SignIn, *, now: datetime
) -> Outcome:
    """The resident agreed on the consent page."""
    waiting = await _waiting(session, provider, handle, now=now)
    if waiting is None:
        return _too_late()
    asked = await _asked(session, provider, waiting.parameters, pushed=waiting.pushed)
    if asked.client is not None and asked.client.basis is Basis.CONSENT:
        await consents.record(
            session,
            sign_in.account_id,
            asked.client,
            asked.scopes,
            actor=sign_in.actor,
            now=now,
        )
    return await _answer(session, provider, asked, sign_in, (handle, waiting), now=now)


async def decline(
    session: AsyncSession, provider: Provider, handle: str, *, now: datetime
) -> Redirect | ErrorPage:
    """The resident did not agree, or went back: the site is told so, and no more."""
    waiting = await _waiting(session, provider, handle, now=now)
    if waiting is None or not await requests.use_up(session, waiting.id, now=now):
        return _too_late()
    refused = Refused("access_denied", "the resident did not agree")
    return _sent_back(provider, waiting.parameters, refused)


async def _answer(
    session: AsyncSession,
    provider: Provider,
    asked: Asked,
    sign_in: SignIn | None,
    came_back: tuple[str, Waiting] | None,
    *,
    now: datetime,
) -> Outcome:
    """Judge by the three tables, and send back with a code or say what is still needed."""
    refused = first_refusal(PAGE_CHECKS, asked)
    if refused or asked.client is None:
        return ErrorPage(refused or Refused("server_error", ""))
    if refused := first_refusal(REQUEST_CHECKS, asked):
        return _sent_back(provider, asked.parameters, refused)
    asked_at = came_back[1].asked_at if came_back else now
    visit = await _visit(session, asked, asked.client, asked_at, sign_in, now=now)
    if refused := first_refusal(VISIT_CHECKS, visit):
        if _is_final(visit, refused):
            return _sent_back(provider, asked.parameters, refused)
        handle = came_back[0] if came_back else await _keep(session, provider, visit)
        return _needed(visit, refused, handle)
    if sign_in is None or (
        came_back and not await requests.use_up(session, came_back[1].id, now=now)
    ):
        return _too_late()
    code = await grants.open_grant(
        session, asked.client, sign_in, asked.scopes, asked.parameters, now=now
    )
    return _back(provider, asked.parameters, {"code": code})


def _is_final(visit: Visit, refused: Refused) -> bool:
    """Whether the site is told, because nobody may be asked, or asking again would not help."""
    in_vain = refused.check in {hinted_person_is_signed_in.__name__, level_is_reached.__name__}
    return "none" in visit.asked.prompts or (in_vain and visit.signed_in_for_this)


def _needed(visit: Visit, refused: Refused, handle: str) -> NeedsSignIn | NeedsConsent:
    if refused.error == "consent_required":
        return NeedsConsent(handle, visit.client.name, words_of(visit.asked.scopes))
    return _needs_sign_in(handle, visit.client, visit.asked.parameters)


def _needs_sign_in(handle: str, client: Client, parameters: Parameters) -> NeedsSignIn:
    two_factors = not is_reached(SINGLE_FACTOR, parameters.words("acr_values"))
    return NeedsSignIn(handle, client.name, parameters.get("login_hint"), two_factors)


async def _visit(
    session: AsyncSession,
    asked: Asked,
    client: Client,
    asked_at: datetime,
    sign_in: SignIn | None,
    *,
    now: datetime,
) -> Visit:
    if sign_in is None:
        return Visit(asked, client, asked_at, None, "", None, now)
    subject = await grants.subject_of(session, sign_in.account_id, client.sector)
    consent = await consents.standing(session, sign_in.account_id, client.id)
    return Visit(asked, client, asked_at, sign_in, subject, consent, now)


async def _keep(session: AsyncSession, provider: Provider, visit: Visit) -> str:
    return await requests.store(
        session,
        provider.vault,
        RequestStage.WAITING,
        visit.asked.parameters.values,
        client_id=visit.client.id,
        pushed=visit.asked.pushed,
        now=visit.asked_at,
    )


async def _pushed(
    session: AsyncSession, provider: Provider, parameters: Parameters, *, now: datetime
) -> Waiting | None:
    """The pushed request that a browser brings, used up by this."""
    handle = parameters.get("request_uri").removeprefix(PUSHED_PREFIX)
    found = await requests.waiting(session, provider.vault, RequestStage.PUSHED, handle, now=now)
    if found is None or found.client_id != parameters.get("client_id"):
        return None
    return found if await requests.use_up(session, found.id, now=now) else None


async def _waiting(
    session: AsyncSession, provider: Provider, handle: str, *, now: datetime
) -> Waiting | None:
    return await requests.waiting(session, provider.vault, RequestStage.WAITING, handle, now=now)


async def _asked(
    session: AsyncSession, provider: Provider, parameters: Parameters, *, pushed: bool
) -> Asked:
    client = await clients.find(session, parameters.get("client_id"))
    return Asked(parameters, client, pushed, _hint(provider, client, parameters))


def _hint(provider: Provider, client: Client | None, parameters: Parameters) -> str | None:
    token = parameters.get("id_token_hint")
    if not token:
        return ""
    hinted = id_tokens.read_hint(provider, token)
    ours = hinted is not None and client is not None and hinted.client_id == client.id
    return hinted.subject if ours and hinted else None


def _sent_back(provider: Provider, parameters: Parameters, refused: Refused) -> Redirect:
    said = {"error": refused.error, "error_description": refused.description}
    return _back(provider, parameters, said)


def _back(provider: Provider, parameters: Parameters, answer: dict[str, str]) -> Redirect:
    """The registered return address with the answer added.

    Source: RFC 6749 section 4.1.2; RFC 9207 section 2 (`iss` tells servers apart).
    """
    address = parameters.get("redirect_uri")
    state = {"state": parameters.get("state")} if parameters.get("state") else {}
    query = urlencode({**answer, **state, "iss": provider.issuer})
    return Redirect(f"{address}{'&' if '?' in address else '?'}{query}")


def _too_late() -> ErrorPage:
    return ErrorPage(Refused("invalid_request", "the request waited too long or was answered"))
