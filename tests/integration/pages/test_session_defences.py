"""What is done to a session from outside: planted, forged, sent twice, used too late."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.routes import HTTPRoute
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.app import create_app
from cardservice.settings import Settings
from cardservice.web.guards import recently_proved
from cardservice.web.staff.rights import ACT
from identity import sessions
from identity.keys import FileKeyStore
from identity.models import StaffRole
from identity.roles import RIGHTS, STEP_UP
from identity.sessions import LIMITS, PROOF_LIFE, SignedInSession
from identity.signin_models import Session, SessionKind
from readers.clock import system_clock
from tests.support.people import JEAN
from tests.support.visitor import RESIDENT_COOKIE, STAFF_COOKIE, Visitor
from tests.support.web import CLERK_PASSWORD, CLERK_USER, LiveServer

OURS = {"sec-fetch-site": "same-origin"}
NOBODY = "00000000-0000-0000-0000-000000000007"
ANN = msgspec.structs.replace(JEAN, email="ann@example.com", given_names="Ann")


@pytest.fixture(scope="module", autouse=True)
def residents(live: LiveServer) -> None:
    live.register(JEAN)
    live.register(ANN)


def resident(live: LiveServer, email: str = JEAN.email) -> Visitor:
    live.clock.move(timedelta(minutes=20))  # so that codes asked for before are no matter
    visitor = Visitor(live)
    visitor.sign_in_as_resident(email)
    return visitor


def staff(live: LiveServer, username: str = CLERK_USER) -> Visitor:
    visitor = Visitor(live)
    visitor.sign_in_as(username)
    return visitor


def is_signed_in(live: LiveServer, token: str) -> bool:
    async def work(session: AsyncSession) -> bool:
        found = await sessions.look_up(session, token, now=live.clock())
        return isinstance(found, SignedInSession)

    return live.do(work)


# Session fixation


def test_session_fixation_a_token_made_up_by_a_stranger_is_not_adopted(live: LiveServer) -> None:
    live.clock.move(timedelta(minutes=20))
    visitor = Visitor(live)
    visitor.cookies[RESIDENT_COOKIE] = "ATTACKERCHOSEN"
    visitor.sign_in_as_resident(JEAN.email)
    assert visitor.cookies[RESIDENT_COOKIE] != "ATTACKERCHOSEN"
    assert not is_signed_in(live, "ATTACKERCHOSEN")


def test_session_fixation_a_strangers_own_session_does_not_become_the_victims(
    live: LiveServer,
) -> None:
    planted = resident(live, ANN.email).cookies[RESIDENT_COOKIE]
    victim = Visitor(live)
    victim.cookies[RESIDENT_COOKIE] = planted
    victim.sign_in_as_resident(JEAN.email)
    assert victim.cookies[RESIDENT_COOKIE] != planted
    assert "Jean" in victim.get("/account").text
    stranger = Visitor(live)
    stranger.cookies[RESIDENT_COOKIE] = planted
    assert stranger.get("/account").status_code == httpx.codes.FORBIDDEN


def test_signing_in_again_ends_the_sign_in_before_it(live: LiveServer) -> None:
    for visitor, cookie in ((resident(live), RESIDENT_COOKIE), (staff(live), STAFF_COOKIE)):
        first = visitor.cookies[cookie]
        live.clock.move(timedelta(minutes=1))
        if cookie == STAFF_COOKIE:
            visitor.sign_in_as_staff()
        else:
            visitor.sign_in_as_resident(JEAN.email)
        assert visitor.cookies[cookie] != first
        assert not is_signed_in(live, first)


def test_a_step_up_gives_a_new_token_and_the_old_one_opens_nothing(live: LiveServer) -> None:
    visitor = staff(live)
    live.clock.move(PROOF_LIFE)
    before = visitor.cookies[STAFF_COOKIE]
    path = "/staff/confirm?wanted=app"
    form = {"csrf_token": visitor.token(path), "code": live.app_code()}
    answer = visitor.post("/staff/confirm/app?wanted=app", form)
    assert answer.headers["location"] == "/staff/app"
    assert visitor.cookies[STAFF_COOKIE] != before
    assert not is_signed_in(live, before)


# Forged requests


@pytest.fixture(scope="module")
def post_paths(
    keystore: FileKeyStore, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[str]]:
    """Every form behind a sign-in, by part."""
    directory = tmp_path_factory.mktemp("forms")
    settings = Settings(database_url=f"sqlite:///{directory}/kentcard.db")
    app: Litestar = create_app(settings, keystore, system_clock)
    found: dict[str, list[str]] = {"/account": [], "/staff": []}
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else []:
            base = route.path[: route.path.find("/", 1)]
            if "POST" in handler.http_methods and base in found and not handler.opt.get("public"):
                parts = route.path.split("/")
                found[base].append("/".join(_nobody(one) for one in parts))
    return found


def _nobody(part: str) -> str:
    """A part of a path, or of its kind what nobody and nothing has."""
    if "{" not in part:
        return part
    return "0" if part.endswith(":int}") else NOBODY


@pytest.mark.parametrize("base", ["/account", "/staff"])
@pytest.mark.parametrize("which", ["missing", "made up", "another session's", "from before"])
def test_csrf_every_form_refuses_a_token_that_is_not_this_sessions(
    live: LiveServer, post_paths: dict[str, list[str]], base: str, which: str
) -> None:
    sign_in, page = (resident, "/account") if base == "/account" else (staff, "/staff/sign-ins")
    visitor, other = sign_in(live), sign_in(live)
    tokens = {
        "missing": {},
        "made up": {"csrf_token": "x" * 43},
        "another session's": {"csrf_token": other.token(page)},
        "from before": {"csrf_token": Visitor(live).token("/sign-in")},
    }
    assert len(post_paths[base]) > 8
    for path in post_paths[base]:
        answer = visitor.post(path, tokens[which], OURS)
        assert answer.status_code == httpx.codes.FORBIDDEN, path
    assert visitor.get(page).status_code == httpx.codes.OK


def test_csrf_a_right_token_from_another_site_is_refused_on_every_form(
    live: LiveServer, post_paths: dict[str, list[str]]
) -> None:
    visitor = resident(live)
    token = visitor.token("/account")
    for path in post_paths["/account"]:
        answer = visitor.post(path, {"csrf_token": token}, {"sec-fetch-site": "cross-site"})
        assert answer.status_code == httpx.codes.FORBIDDEN, path


# Sent twice


def test_double_submit_of_a_staff_code_opens_one_session(live: LiveServer) -> None:
    visitor = Visitor(live)
    token = visitor.token("/staff/sign-in")
    typed = {"username": CLERK_USER, "password": CLERK_PASSWORD, "csrf_token": token}
    visitor.post("/staff/sign-in", typed)
    code = {"code": live.app_code(), "csrf_token": visitor.token("/staff/sign-in/code")}
    before = opened(live)
    twin = Visitor(live)
    twin.cookies = dict(visitor.cookies)
    with ThreadPoolExecutor(2) as both:
        answers = list(both.map(lambda one: one.post("/staff/sign-in/code", code), (visitor, twin)))
    assert opened(live) == before + 1
    assert any(answer.headers.get("location") == "/staff" for answer in answers)


def test_double_submit_of_new_recovery_codes_leaves_the_last_ones_shown(live: LiveServer) -> None:
    visitor = staff(live)
    form = {"csrf_token": visitor.token("/staff/app")}
    first, second = (visitor.post("/staff/app/codes", form).text for _ in range(2))
    assert first != second
    assert "Unused recovery codes: 10." in visitor.get("/staff/app").text


def opened(live: LiveServer) -> int:
    async def work(session: AsyncSession) -> int:
        return await session.scalar(select(func.count()).select_from(Session)) or 0

    return live.do(work)


# Used too late


@pytest.mark.parametrize(
    ("kind", "minutes", "hours"), [(SessionKind.RESIDENT, 30, 12), (SessionKind.STAFF, 15, 8)]
)
def test_the_limits_are_those_that_were_promised(
    kind: SessionKind, minutes: int, hours: int
) -> None:
    assert LIMITS[kind].idle == timedelta(minutes=minutes)
    assert LIMITS[kind].absolute == timedelta(hours=hours)
    assert timedelta(minutes=5) == PROOF_LIFE


def test_expired_session_in_mid_form_keeps_what_was_typed(live: LiveServer) -> None:
    visitor = staff(live)
    form = {"csrf_token": visitor.token("/staff"), "query": "a long search", "reason": "at-desk"}
    live.clock.move(LIMITS[SessionKind.STAFF].idle)
    answer = visitor.post("/staff/residents/new", form, OURS)
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert "You have been signed out" in answer.text
    assert "a long search" in answer.text
    assert form["csrf_token"] not in answer.text


# Asked again before what matters


def step_up_paths(app: Litestar) -> Iterator[tuple[str, str, StaffRole | None]]:
    """Method, path and a role that may, of every route that wants a fresh proof."""
    for route in app.routes:
        for handler in route.route_handlers if isinstance(route, HTTPRoute) else []:
            method = "GET" if "GET" in handler.http_methods else "POST"
            path = "/".join(_nobody(one) for one in route.path.split("/"))
            if path.startswith("/staff") and handler.opt.get(ACT) in STEP_UP:
                act = handler.opt[ACT]
                yield method, path, next(role for role in RIGHTS if act in RIGHTS[role])
            elif path.startswith("/account") and recently_proved in handler.resolve_guards():
                yield method, path, None


def test_every_act_that_is_marked_asks_for_a_fresh_proof(
    live: LiveServer, keystore: FileKeyStore, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("proof")
    settings = Settings(database_url=f"sqlite:///{directory}/kentcard.db")
    wanted = list(step_up_paths(create_app(settings, keystore, system_clock)))
    visitors: dict[StaffRole | None, Visitor] = {None: resident(live)}
    for each in {role for _, _, role in wanted if role}:
        visitors[each] = staff(live, live.add_staff(each))
    tokens = {
        role: visitor.token("/staff/sign-ins" if role else "/account")
        for role, visitor in visitors.items()
    }
    live.clock.move(PROOF_LIFE)
    assert len(wanted) > 20
    for method, path, role in wanted:
        visitor, form = visitors[role], {"csrf_token": tokens[role]}
        answer = visitor.get(path) if method == "GET" else visitor.post(path, form)
        assert answer.status_code == httpx.codes.SEE_OTHER, path
        assert "/confirm?wanted=" in answer.headers["location"], path
