"""The provider's addresses. Each parses, calls one activity and shapes the answer.

The application gives, as dependencies: `session` (one transaction that commits unless an exception
comes out), `provider`, `now`, `sign_in` (the resident at the browser, or None) and `oidc_pages`;
and in its state `backing`, for the addresses that machines ask all day: to resolve dependencies
takes longer than most of what they do.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any, Final, TypeAlias

import msgspec
from litestar import Request, Response, get, post, route
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.types import ControllerRouterHandler
from sqlalchemy.ext.asyncio import AsyncSession

from identity.executors import Executor
from identity.machines import POST, Answer, Asked, Content, posted
from identity.oidc import (
    authorize,
    client_auth,
    discovery,
    dpop,
    holders,
    inspection,
    logout,
    token,
    userinfo,
)
from identity.oidc.checks import Refused, first_refusal
from identity.oidc.clients import Client
from identity.oidc.grants import SignIn
from identity.oidc.onward import OidcPages, address_after, address_after_logout
from identity.oidc.parameters import Parameters
from identity.oidc.provider import Endpoint, Provider
from identity.oidc.token_checks import FORM_CHECKS

AnyRequest: TypeAlias = Request[Any, Any, State]
FORM: Final = "application/x-www-form-urlencoded"
LARGEST_FORM: Final = 64 * 1024
_NO_STORE: Final = {"cache-control": "no-store"}
_UNKEPT: Final = ((b"cache-control", b"no-store"),)
_KEPT: Final = {"cache-control": "public, max-age=300"}
_OPEN: Final = {"public": "the client proves itself in the request, as the standards say"}
_TOLD: Final = {"public": "what the provider can do and its public keys are for everybody"}
_BROWSER: Final = {"public": "who is signed in is part of what is decided"}
_STATUS: Final = {"": 401, "invalid_client": 401, "invalid_token": 401, "insufficient_scope": 403}


class Backing(msgspec.Struct, frozen=True):
    """What stands behind an address that machines ask all day.

    Attributes:
        provider: us.
        clock: says when it is.
        transaction: opens what `session` is elsewhere.
        statements: lends what commits each statement by itself.
    """

    provider: Provider
    clock: Callable[[], datetime]
    transaction: Callable[[], AbstractAsyncContextManager[AsyncSession]]
    statements: Callable[[], AbstractAsyncContextManager[Executor]]


@get([Endpoint.DISCOVERY.value, Endpoint.METADATA.value], opt=_TOLD)
async def metadata(provider: NamedDependency[Provider]) -> Response[Mapping[str, Any]]:
    """What the provider can do."""
    return Response(discovery.metadata(provider), headers=_KEPT)


@get(Endpoint.JWKS.value, opt=_TOLD)
async def jwks(provider: NamedDependency[Provider]) -> Response[Mapping[str, Any]]:
    """The keys that verify what the provider signs."""
    return Response(provider.signer.jwks(), headers=_KEPT)


@route(Endpoint.AUTHORIZE.value, http_method=["GET", "POST"], opt=_BROWSER)
async def authorize_endpoint(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    sign_in: NamedDependency[SignIn | None],
    oidc_pages: NamedDependency[OidcPages],
    now: NamedDependency[datetime],
) -> Response[None]:
    """A site sends somebody to sign in."""
    parameters = await _from_browser(request)
    outcome = await authorize.begin(session, provider, parameters, sign_in, now=now)
    return go(outcome, oidc_pages)


@get(Endpoint.RESUME.value, opt=_BROWSER)
async def resume(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    sign_in: NamedDependency[SignIn | None],
    oidc_pages: NamedDependency[OidcPages],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Somebody signed in, and goes on to the site."""
    handle = (await _from_browser(request)).get("request")
    outcome = await authorize.resume(session, provider, handle, sign_in, now=now)
    return go(outcome, oidc_pages)


@route(Endpoint.LOGOUT.value, http_method=["GET", "POST"], opt=_BROWSER)
async def logout_endpoint(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    sign_in: NamedDependency[SignIn | None],
    oidc_pages: NamedDependency[OidcPages],
    now: NamedDependency[datetime],
) -> Response[None]:
    """A site sends somebody to sign out."""
    parameters = await _from_browser(request)
    outcome = await logout.begin(session, provider, parameters, sign_in, now=now)
    return leave(outcome, oidc_pages)


@post(Endpoint.PUSH.value, opt=_OPEN)
async def push(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """A client leaves a request for a browser to bring."""
    form = await _form(request)
    header = request.headers.get("authorization", "")
    client = await _client(header, session, provider, form, now=now)
    if isinstance(client, Refused):
        return _refused(client)
    key = await dpop.proven_key(session, _proofs(request, provider, Endpoint.PUSH), now=now)
    if isinstance(key, Refused):
        return _refused(key)
    pushed = await authorize.push(session, provider, client, form, dpop_key=key, now=now)
    if isinstance(pushed, Refused):
        return _refused(pushed)
    return Response(pushed, status_code=201, headers=_NO_STORE)


@posted(Endpoint.TOKEN.value, opt=_OPEN)
async def token_endpoint(asked: Asked) -> Answer:
    """A client asks for a token."""
    backing: Backing = asked.state.backing
    provider, now = backing.provider, backing.clock()
    form, header = await _form_of(asked), asked.header(b"authorization")
    proofs = dpop.Request(POST, provider.url(Endpoint.TOKEN), asked.headers(b"dpop"))
    if token.is_for_itself(form):
        async with backing.statements() as executor:
            issued = await token.for_itself(executor, provider, header, form, proofs, now=now)
    else:
        async with backing.transaction() as session:
            issued = await token.exchange(session, provider, header, form, proofs, now=now)
    return _refused(issued) if isinstance(issued, Refused) else Content(issued, _UNKEPT)


@posted(Endpoint.INTROSPECT.value, opt=_OPEN)
async def introspect(asked: Asked) -> Answer:
    """A client asks what a token allows. No transaction: APIs wait for this at every call."""
    backing: Backing = asked.state.backing
    provider, now = backing.provider, backing.clock()
    form, header = await _form_of(asked), asked.header(b"authorization")
    async with backing.statements() as executor:
        client = await _client(header, executor, provider, form, now=now)
        if isinstance(client, Refused):
            return _refused(client)
        token_asked = form.get("token")
        told = await inspection.introspect(executor, provider, client, token_asked, now=now)
    return Content(told, _UNKEPT)


@post(Endpoint.REVOKE.value, status_code=200, opt=_OPEN)
async def revoke(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """A client gives a token up."""
    form = await _form(request)
    header = request.headers.get("authorization", "")
    client = await _client(header, session, provider, form, now=now)
    if isinstance(client, Refused):
        return _refused(client)
    refused = await inspection.revoke(session, provider, client, form.get("token"), now=now)
    return _refused(refused) if refused else Response({}, headers=_NO_STORE)


@route(Endpoint.USERINFO.value, http_method=["GET", "POST"], opt=_OPEN)
async def userinfo_endpoint(
    request: AnyRequest,
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """A client asks about the resident who signed in."""
    authorization = await _authorization(request)
    proofs = _proofs(request, provider, Endpoint.USERINFO)
    access = await holders.held(session, provider, authorization, proofs, now=now)
    if isinstance(access, Refused):
        return _refused(access, scheme="Bearer")
    told = await userinfo.claims(session, provider, access, now=now)
    if isinstance(told, Refused):
        return _refused(told, scheme="Bearer")
    return Response(told, status_code=200, headers=_NO_STORE)


ROUTES: Final[Sequence[ControllerRouterHandler]] = (
    metadata,
    jwks,
    authorize_endpoint,
    resume,
    logout_endpoint,
    push,
    token_endpoint,
    introspect,
    revoke,
    userinfo_endpoint,
)


def go(outcome: authorize.Outcome, pages: OidcPages) -> Response[None]:
    """Send the browser where an outcome says.

    Raises:
        SignInRequestRefused: the outcome is an error to be shown here.
    """
    return _to(address_after(outcome, pages))


def leave(outcome: logout.Outcome, pages: OidcPages) -> Response[None]:
    """Send the browser where the outcome of a logout says.

    Raises:
        SignInRequestRefused: the outcome is an error to be shown here.
    """
    return _to(address_after_logout(outcome, pages))


async def _client(
    header: str,
    session: Executor,
    provider: Provider,
    form: Parameters,
    *,
    now: datetime,
) -> Client | Refused:
    if refused := first_refusal(FORM_CHECKS, form):
        return refused
    return await client_auth.authenticated(session, provider, header, form, now=now)


async def _from_browser(request: AnyRequest) -> Parameters:
    if request.method == "POST":
        return await _form(request)
    return Parameters.from_encoded(request.url.query)


async def _form(request: AnyRequest) -> Parameters:
    """The form in the body; unreadable when it is none, or too large for one."""
    return _read_form(request.headers.get("content-type", ""), await request.body())


async def _form_of(asked: Asked) -> Parameters:
    return _read_form(asked.header(b"content-type"), await asked.body())


def _read_form(content_type: str, body: bytes) -> Parameters:
    kind = content_type.partition(";")[0].strip().lower()
    if kind != FORM or len(body) > LARGEST_FORM:
        return Parameters({}, readable=False)
    return Parameters.from_encoded(body.decode("utf-8", "surrogateescape"))


async def _authorization(request: AnyRequest) -> str:
    """The header; or the token of a form, as a header would say it.

    Source: RFC 6750 section 2.2; a token in the query (2.3) is not looked at.
    """
    header = request.headers.get("authorization", "")
    form = request.headers.get("content-type", "").startswith(FORM)
    if header or request.method != "POST" or not form:
        return header
    sent = (await _form(request)).get("access_token")
    return f"Bearer {sent}" if sent else ""


def _proofs(request: AnyRequest, provider: Provider, endpoint: Endpoint) -> dpop.Request:
    sent = tuple(request.headers.getall("dpop", []))
    return dpop.Request(request.method, provider.url(endpoint), sent)


def _refused(refused: Refused, *, scheme: str = "Basic") -> Response[Any]:
    """An OAuth error.

    Source: RFC 6749 section 5.2; RFC 6750 section 3.
    """
    status = _STATUS.get(refused.error, 400)
    if scheme == "Bearer" and status not in {401, 403}:
        status = 401
    body = {"error": refused.error, "error_description": refused.description}
    headers = dict(_NO_STORE)
    if status in {401, 403}:
        said = f', error="{refused.error}"' if refused.error and scheme == "Bearer" else ""
        headers["www-authenticate"] = f'{scheme} realm="kent-card"{said}'
    return Response(body if refused.error else None, status_code=status, headers=headers)


def _to(url: str) -> Response[None]:
    return Response(None, status_code=303, headers={"location": url, **_NO_STORE})
