"""When too many sign in at once the next one is told so, before anything is tried."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.app import create_app
from cardservice.settings import Settings
from cardservice.web.guards import HASHES
from identity import hashing
from identity.keys import FileKeyStore
from identity.signin_models import SignInThrottle
from readers.clock import system_clock
from tests.support.visitor import Visitor
from tests.support.web import CLERK_PASSWORD, CLERK_USER, LiveServer, serving

OURS = {"sec-fetch-site": "same-origin"}
SERVICES_THAT_HASH = (
    "resident_password.sign_in(",
    "resident_password.choose(",
    "staff.check_password(",
    "staff_password.change(",
    "staff_reset.choose(",
    "members.add(",
)


@pytest.fixture(scope="module")
def crowded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server in whose line nobody finds a place, as at the height of a storm."""
    with serving(
        tmp_path_factory.mktemp("crowded"), line=hashing.Line(places=0, most_waiting=0)
    ) as live:
        yield live


@pytest.mark.parametrize(
    ("path", "typed", "kept"),
    [
        ("/sign-in/password", {"email": "jean@example.com"}, "jean@example.com"),
        ("/staff/sign-in", {"username": CLERK_USER}, CLERK_USER),
    ],
)
def test_a_full_line_says_so_and_loses_nothing_but_the_password(
    crowded: LiveServer, path: str, typed: dict[str, str], kept: str
) -> None:
    visitor = Visitor(crowded)
    form = typed | {"password": CLERK_PASSWORD, "csrf_token": visitor.token(path)}
    answer = visitor.post(path, form, OURS)
    assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    assert answer.headers["retry-after"] == str(hashing.RETRY_SECONDS)
    assert "We are very busy at this moment" in answer.text
    assert "Nothing was tried yet" in answer.text
    assert kept in answer.text
    assert CLERK_PASSWORD not in answer.text


def test_nothing_is_counted_against_whoever_was_turned_away(crowded: LiveServer) -> None:
    visitor = Visitor(crowded)
    form = {"username": "sam", "password": "x", "csrf_token": visitor.token("/staff/sign-in")}
    visitor.post("/staff/sign-in", form, OURS)

    async def counted(session: AsyncSession) -> int:
        return await session.scalar(select(func.count()).select_from(SignInThrottle)) or 0

    before = crowded.do(counted)
    visitor.post("/staff/sign-in", form, OURS)
    assert crowded.do(counted) == before


def test_pages_that_hash_nothing_are_open_while_the_line_is_full(crowded: LiveServer) -> None:
    visitor = Visitor(crowded)
    typed = {"email": "jean@example.com", "csrf_token": visitor.token("/sign-in")}
    assert visitor.post("/sign-in", typed).status_code == httpx.codes.SEE_OTHER


def test_every_route_that_hashes_waits_in_line_before_it_opens_its_session(
    keystore: FileKeyStore, tmp_path: Path
) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/kentcard.db")
    application: Litestar = create_app(settings, keystore, system_clock)
    hashing_routes, waiting_routes = set(), set()
    for route in application.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else []:
            assert isinstance(handler, HTTPRouteHandler)
            source = inspect.getsource(handler.fn)
            if any(service in source for service in SERVICES_THAT_HASH):
                hashing_routes.add(f"{handler.fn.__module__}.{handler.handler_name}")
            if handler.opt.get(HASHES):
                waiting_routes.add(f"{handler.fn.__module__}.{handler.handler_name}")
    assert len(hashing_routes) >= 3
    assert hashing_routes == waiting_routes
