"""The application around the provider's routes, with pages of the tests' own.

The pages are the smallest that do what real ones do: sign in, agree, sign out. Everything else,
routes, sessions, keys and database, is the project's.
"""

import html
from collections.abc import AsyncGenerator
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

from litestar import Litestar, MediaType, Request, Response, get, post
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from identity import sessions
from identity.api.oidc import ROUTES, Backing, go, leave
from identity.errors import SignInRequestRefused
from identity.keys import KeyStore
from identity.oidc import authorize, logout
from identity.oidc.grants import SignIn, sign_in_of
from identity.oidc.onward import OidcPages
from identity.oidc.provider import Endpoint, Provider
from identity.oidc.signing import Signer
from identity.personal import Vault
from identity.sessions import SignedInSession
from identity.signin_models import SessionKind, SignInMethod
from readers.clock import system_clock

COOKIE: Final = "session"
PAGES: Final = OidcPages("/sign-in", "/consent", "/sign-out", "/signed-out")


class ShiftedClock:
    """The machine's clock, moved on by a test. Clients that are not ours look at the real one."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def __call__(self) -> datetime:
        return system_clock() + self.ahead


@get("/sign-in", media_type=MediaType.HTML)
async def sign_in_page(request: Request[Any, Any, Any]) -> str:
    handle = html.escape(request.query_params.get("request", ""), quote=True)
    return (
        f'<form method="post" action="/sign-in"><input name="request" value="{handle}">'
        '<input name="account"><button>Sign in</button></form>'
    )


@post("/sign-in", status_code=303)
async def do_sign_in(
    request: Request[Any, Any, Any],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[None]:
    form = await request.form()
    account = UUID(str(form["account"]))
    methods = [SignInMethod(each) for each in str(form["methods"]).split()]
    opened = await sessions.open_session(
        session, account, SessionKind.RESIDENT, methods=methods, now=now
    )
    onward = f"{Endpoint.RESUME}?{urlencode({'request': str(form['request'])})}"
    response = Response(None, status_code=303, headers={"location": onward})
    response.set_cookie(COOKIE, opened, httponly=True, samesite="lax")
    return response


@get("/consent", media_type=MediaType.HTML)
async def consent_page(
    request: Request[Any, Any, Any],
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    now: NamedDependency[datetime],
) -> str:
    handle = request.query_params["request"]
    asked = await authorize.consent_asked(session, provider, handle, now=now)
    assert isinstance(asked, authorize.NeedsConsent)
    return (
        f"<h1>{html.escape(asked.client_name)}</h1><p>{', '.join(asked.sees)}</p>"
        f'<form method="post" action="/consent"><input name="request" value="{handle}">'
        '<button name="answer" value="agree">Agree</button></form>'
    )


@post("/consent")
async def do_consent(
    request: Request[Any, Any, Any],
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    sign_in: NamedDependency[SignIn | None],
    now: NamedDependency[datetime],
) -> Response[None]:
    form = await request.form()
    handle = str(form["request"])
    assert sign_in is not None
    if form["answer"] == "agree":
        return go(await authorize.agree(session, provider, handle, sign_in, now=now), PAGES)
    return go(await authorize.decline(session, provider, handle, now=now), PAGES)


@get("/sign-out", media_type=MediaType.HTML)
async def sign_out_page(request: Request[Any, Any, Any]) -> str:
    handle = html.escape(request.query_params["request"], quote=True)
    return f'<form method="post" action="/sign-out"><input name="request" value="{handle}"></form>'


@post("/sign-out")
async def do_sign_out(
    request: Request[Any, Any, Any],
    session: NamedDependency[AsyncSession],
    provider: NamedDependency[Provider],
    sign_in: NamedDependency[SignIn | None],
    now: NamedDependency[datetime],
) -> Response[None]:
    handle = str((await request.form())["request"])
    outcome = await logout.confirmed(session, provider, handle, sign_in, now=now)
    return leave(outcome, PAGES)


@get("/signed-out", media_type=MediaType.HTML)
async def signed_out_page() -> str:
    return "<h1>You are signed out</h1>"


def provider_app(url: str, database: Database, keystore: KeyStore, clock: ShiftedClock) -> Litestar:
    """The provider's routes as the web application mounts them."""
    provider = Provider(url, Signer(keystore), Vault(keystore))

    backing = Backing(provider, clock, database.transaction, database.statements)

    async def session() -> AsyncGenerator[AsyncSession, None]:
        async with database.transaction() as opened:
            yield opened

    async def sign_in(
        request: Request[Any, Any, Any],
        session: NamedDependency[AsyncSession],
        now: NamedDependency[datetime],
    ) -> SignIn | None:
        token = request.cookies.get(COOKIE, "")
        found = await sessions.look_up(session, token, now=now)
        if not isinstance(found, SignedInSession):
            return None
        return sign_in_of(found, token)

    return Litestar(
        route_handlers=[
            *ROUTES,
            sign_in_page,
            do_sign_in,
            consent_page,
            do_consent,
            sign_out_page,
            do_sign_out,
            signed_out_page,
        ],
        dependencies={
            "session": Provide(session),
            "provider": Provide(lambda: provider, sync_to_thread=False),
            "oidc_pages": Provide(lambda: PAGES, sync_to_thread=False),
            "now": Provide(clock, sync_to_thread=False),
            "sign_in": Provide(sign_in),
        },
        exception_handlers={SignInRequestRefused: _error_page},
        state=State({"backing": backing}),
        openapi_config=None,
        logging_config=None,
    )


def _error_page(_request: Request[Any, Any, Any], error: Exception) -> Response[str]:
    return Response(str(error), status_code=400, media_type=MediaType.TEXT)
