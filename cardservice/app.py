"""Where the parts meet: state, dependencies, routes and what becomes of errors."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Final

import httpx
import structlog
from litestar import Litestar, Request, Response, Router
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.enums import ScopeType
from litestar.types import ControllerRouterHandler, Message, Scope
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import govuk_pay, keystores, metrics, shown_cards
from cardservice.api import card_session, public, terminal
from cardservice.card_sessions import Means
from cardservice.database import Database
from cardservice.govuk_pay import pay_of
from cardservice.settings import Settings
from cardservice.web import problems, site
from cardservice.web.defences import add_security_headers
from cardservice.web.forms import close_files
from cardservice.web.guards import HASHES
from cardservice.web.problem_pages import problem_page
from cardservice.web.resident.onward import PAGES
from cardservice.web.visitors import Part
from entitlements.api import document, partner
from entitlements.api.desk import Backing, Desk, Rates
from entitlements.showing import Means as Showing
from entitlements.status_lists import StatusLists
from entitlements.uploads import Uploads
from identity import sessions
from identity.api import oidc
from identity.hashing import Line
from identity.keys import KeyStore
from identity.oidc.grants import SignIn, sign_in_of
from identity.oidc.provider import Endpoint, Provider
from identity.oidc.signing import Signer
from identity.personal import Vault
from identity.sessions import SignedInSession
from readers.clock import Clock

API: Final[Sequence[ControllerRouterHandler]] = (
    terminal.enrol,
    terminal.TerminalApi,
    card_session.card_session,
    public.status_list,
    public.status_shard,
    public.venue_bundle,
    public.problem_meaning,
    public.healthz,
    public.readyz,
    public.metric_counts,
)
MACHINES: Final = (
    *("/api/", "/developers/", "/status-lists/", "/status-shards/", "/venue-bundle"),
    *("/problems/", "/healthz", "/readyz", "/metrics"),
    *(
        each
        for each in Endpoint
        if each not in {Endpoint.AUTHORIZE, Endpoint.RESUME, Endpoint.LOGOUT}
    ),
)
"""Below these, an error is answered as a problem; elsewhere, as a page."""
LARGEST_BODY: Final = 1024 * 1024
USAGE_SECONDS: Final = 5
_LOG: Final = structlog.get_logger(__name__)


def create_app(
    settings: Settings, keystore: KeyStore, clock: Clock, *, line: Line | None = None
) -> Litestar:
    """The web application.

    Args:
        settings: read once, at the entry point.
        keystore: open.
        clock: the only one there is; requests are given what it says.
        line: where requests wait that hash a password; by default one for this machine's cores.
    """
    database = Database(settings.database_url)
    provider = provider_of(settings, keystore)
    paying = govuk_pay.connections()
    partners = _desk(settings, keystore, clock, database, provider)
    state = State(
        {
            "backing": oidc.Backing(provider, clock, database.transaction, database.statements),
            "settings": settings,
            "database": database,
            "keystore": keystore,
            "vault": Vault(keystore),
            "clock": clock,
            "status_lists": StatusLists(keystore, settings.base_url),
            "line": line or Line(),
            "partners": partners,
            "pay": pay_of(settings, paying),
            "uploads": Uploads(most_megabytes=settings.evidence_megabytes),
        }
    )
    return Litestar(
        route_handlers=[
            Router(
                "/",
                route_handlers=[*API, *partner.ROUTES, document.openapi],
                exception_handlers=problems.HANDLERS,
            ),
            *oidc.ROUTES,
            *site.routes(demo=settings.demo),
        ],
        dependencies=_dependencies(state),
        exception_handlers={Exception: _for_whoever_asked},
        before_send=[count_request, add_security_headers, close_files],
        lifespan=[_closing(database, paying), _counting(partners)],
        state=state,
        request_max_body_size=LARGEST_BODY,
        openapi_config=None,
        logging_config=None,
    )


def provider_of(settings: Settings, keystore: KeyStore) -> Provider:
    """The OpenID provider, at the address browsers use."""
    return Provider(settings.base_url.rstrip("/"), Signer(keystore), Vault(keystore))


def _desk(
    settings: Settings, keystore: KeyStore, clock: Clock, database: Database, provider: Provider
) -> Desk:
    """What stands behind the partners' API."""
    return Desk(
        Backing(
            provider=provider,
            clock=clock,
            transaction=database.transaction,
            statements=database.statements,
            means=Showing(Vault(keystore), keystore, shown_cards.tapped),
            problem=problems.problem_of,
            rates=Rates(settings.partner_checks_a_minute, settings.partner_redemptions_a_minute),
        )
    )


def open_keystore(settings: Settings) -> KeyStore:
    """The key store of the settings; raises as `keystores.opened`."""
    return keystores.opened(settings)


async def count_request(message: Message, scope: Scope) -> None:
    """Hook before anything is sent: count the answer under its route, never under its address."""
    if message["type"] == "http.response.start" and scope["type"] == ScopeType.HTTP:
        route = scope.get("path_template") or "none"
        metrics.requests(scope["method"], route, message["status"]).inc()


def _dependencies(state: State) -> dict[str, Provide]:
    """What handlers may ask for by name."""
    settings: Settings = state.settings
    clock: Clock = state.clock
    means = Means(
        keystore=state.keystore,
        vault=state.vault,
        institution=settings.institution,
        total_limit=timedelta(seconds=settings.card_session_seconds),
    )

    def now() -> datetime:
        return clock()

    given = {name: state[name] for name in ("settings", "database", "vault")}
    given |= {"status_lists": state.status_lists, "means": means, "oidc_pages": PAGES}
    given |= {
        "pay": state.pay,
        "line": state.line,
        "provider": state.backing.provider,
        "uploads": state.uploads,
    }
    return {
        **{name: _provide(value) for name, value in given.items()},
        "now": Provide(now, sync_to_thread=False),
        "session": Provide(_session),
        "sign_in": Provide(_sign_in),
    }


def _provide(value: object) -> Provide:
    def provide() -> Any:  # noqa: ANN401  (of the handler's type)
        return value

    return Provide(provide, sync_to_thread=False)


async def _session(
    scope: Scope, database: NamedDependency[Database], line: NamedDependency[Line]
) -> AsyncGenerator[AsyncSession, None]:
    """The session of one request: committed before the answer is sent, or rolled back.

    Whoever will hash a password waits for that first, so that a storm of sign-ins holds few
    connections and everybody else finds one.
    """
    async with AsyncExitStack() as held:
        if scope["route_handler"].opt.get(HASHES):
            await held.enter_async_context(line.place())
        yield await held.enter_async_context(database.transaction())


async def _sign_in(
    request: Request[Any, Any, Any],
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> SignIn | None:
    """The resident at the browser, as sites are told of them; None when nobody is signed in."""
    token = request.cookies.get(Part.RESIDENT.cookie, "")
    found = await sessions.look_up(session, token, now=now) if token else None
    return sign_in_of(found, token) if isinstance(found, SignedInSession) else None


def _for_whoever_asked(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """An error on an address that belongs to no router."""
    if request.scope["path"].startswith(MACHINES):
        return problems.problem_of(request, error)
    return problem_page(request, error)


def _counting(desk: Desk) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    """What partners used is written every few seconds, and before the database is closed."""

    async def write_again_and_again() -> None:
        while True:
            await asyncio.sleep(USAGE_SECONDS)
            await _write(desk)

    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        writing = asyncio.create_task(write_again_and_again())
        try:
            yield
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)
            await _write(desk)

    return lifespan


async def _write(desk: Desk) -> None:
    try:
        await desk.write()
    except (SQLAlchemyError, OSError) as error:  # it stays counted for the next time
        _LOG.warning("usage not written", fault=type(error).__name__, exc_info=error)


def _closing(
    database: Database, paying: httpx.AsyncClient
) -> Callable[[Litestar], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: Litestar) -> AsyncIterator[None]:
        try:
            yield
        finally:
            await paying.aclose()
            await database.close()

    return lifespan
