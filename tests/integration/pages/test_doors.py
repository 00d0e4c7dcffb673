"""Every door people sign in through counts where failures come from."""

from pathlib import Path

import httpx
import pytest
from litestar.routes import HTTPRoute
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.app import create_app
from cardservice.settings import Settings
from cardservice.web.doors import DOOR, not_too_many
from identity import network_limit
from identity.devices import Browser
from identity.keys import FileKeyStore
from identity.network_limit import AT_ONCE
from identity.signin_models import NetworkThrottle
from readers.clock import system_clock
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import CLERK_PASSWORD, CLERK_USER, LiveServer

OURS = {"sec-fetch-site": "same-origin"}
HERE = "127.0.0.1"


@pytest.fixture(autouse=True)
def drained(live: LiveServer) -> None:
    """Nothing has failed yet."""

    async def work(session: AsyncSession) -> None:
        await session.execute(delete(NetworkThrottle))

    live.do(work)


def fail_elsewhere(live: LiveServer, times: int, what: str = "failures") -> None:
    """As many failures from this network, on a device nobody knows."""

    async def work(session: AsyncSession) -> None:
        stranger = Browser("", "a stranger's cookie")
        reading = await session.connection()
        now = live.clock()
        source = await network_limit.source_of(reading, live.vault, what, HERE, stranger, now=now)
        for _ in range(times):
            await network_limit.count(session, source.bucket, now=now)

    live.do(work)


def at_code_page(live: LiveServer) -> Visitor:
    visitor = Visitor(live)
    typed = {"email": "nobody@example.com", "csrf_token": visitor.token("/sign-in")}
    visitor.post("/sign-in", typed)
    return visitor


def at_staff_code_page(live: LiveServer) -> Visitor:
    visitor = Visitor(live)
    token = visitor.token("/staff/sign-in")
    typed = {"username": CLERK_USER, "password": CLERK_PASSWORD, "csrf_token": token}
    visitor.post("/staff/sign-in", typed)
    return visitor


DOORS = {
    "/sign-in/code": (at_code_page, {"code": "00000000"}),
    "/sign-in/password": (Visitor, {"email": "nobody@example.com", "password": "wrong"}),
    "/staff/sign-in": (Visitor, {"username": "nobody", "password": "wrong"}),
    "/staff/sign-in/code": (at_staff_code_page, {"code": "000000"}),
    "/staff/sign-in/recovery-code": (at_staff_code_page, {"code": "AAAA-BBBB-CCCC-DDDD"}),
}


@pytest.mark.parametrize("path", DOORS)
def test_a_failure_at_any_door_counts_and_a_full_bucket_closes_it(
    live: LiveServer, path: str
) -> None:
    prepare, typed = DOORS[path]
    visitor = prepare(live)
    token = visitor.token(path)
    fail_elsewhere(live, AT_ONCE - 1)
    form = typed | {"csrf_token": token}
    assert visitor.post(path, form, OURS).status_code == httpx.codes.UNPROCESSABLE_ENTITY
    turned_away = visitor.post(path, form, OURS)
    assert turned_away.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert turned_away.headers["retry-after"] == "3"
    assert "failed from the network you are on" in turned_away.text
    assert "wrong" not in turned_away.text
    if "email" in typed:
        assert typed["email"] in turned_away.text


def test_codes_that_are_asked_for_are_counted_by_themselves(live: LiveServer) -> None:
    visitor = Visitor(live)
    typed = {"email": "somebody@example.com", "csrf_token": visitor.token("/sign-in")}
    fail_elsewhere(live, AT_ONCE)
    assert visitor.post("/sign-in", typed, OURS).status_code == httpx.codes.SEE_OTHER
    fail_elsewhere(live, AT_ONCE, "codes")
    answer = visitor.post("/sign-in", typed, OURS)
    assert answer.status_code == httpx.codes.TOO_MANY_REQUESTS
    assert "somebody@example.com" in answer.text


def test_a_device_used_before_gets_in_where_a_stranger_filled_the_bucket(
    live: LiveServer,
) -> None:
    live.register(JEAN)
    visitor = Visitor(live)
    visitor.sign_in_as_resident(JEAN.email)
    fail_elsewhere(live, AT_ONCE)
    fail_elsewhere(live, AT_ONCE, "codes")
    stranger = at_code_page_refused(live)
    assert stranger == httpx.codes.TOO_MANY_REQUESTS
    visitor.cookies.pop("__Host-kentcard-resident")
    visitor.sign_in_as_resident(JEAN.email)


def at_code_page_refused(live: LiveServer) -> int:
    visitor = Visitor(live)
    typed = {"email": "nobody@example.com", "csrf_token": visitor.token("/sign-in")}
    return visitor.post("/sign-in", typed).status_code


def test_a_staff_device_used_before_gets_in_as_well(live: LiveServer) -> None:
    visitor = Visitor(live)
    visitor.sign_in_as_staff()
    fail_elsewhere(live, AT_ONCE)
    visitor.cookies.pop("__Host-kentcard-staff")
    visitor.sign_in_as_staff()


GUESSED_AT_NOWHERE = frozenset(
    {
        "/sign-in/passkey",  # nobody can guess a passkey
        "/staff/sign-in/passkey",
        "/staff/sign-in/set-up",  # the secret is on the page
        "/staff/sign-in/recovery-codes",
        "/sign-in/app/lost",  # after a code by e-mail, and once in three days
    }
)


def test_every_form_before_a_sign_in_counts_or_has_nothing_to_guess(
    keystore: FileKeyStore, tmp_path: Path
) -> None:
    settings = Settings(database_url=f"sqlite:///{tmp_path}/kentcard.db")
    counted: set[str] = set()
    free: set[str] = set()
    for route in create_app(settings, keystore, system_clock).routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else []:
            before = "sign-in" in route.path and "public" in handler.opt
            if before and "POST" in handler.http_methods:
                assert not_too_many in handler.resolve_guards(), route.path
                (counted if handler.opt.get(DOOR) else free).add(route.path)
    assert set(DOORS) | {"/sign-in", "/sign-in/app"} <= counted
    assert free == GUESSED_AT_NOWHERE
