"""What keeps other sites, other people and broken input out of the pages."""

import re
from collections.abc import Sequence
from uuid import uuid4

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute

from cardservice.app import create_app
from cardservice.settings import Settings
from cardservice.web.defences import our_own_form
from cardservice.web.guards import nobody_signed_in, signed_in
from identity.keys import FileKeyStore
from tests.support.people import JEAN
from tests.support.visitor import FORM_COOKIE, RESIDENT_COOKIE, STAFF_COOKIE, Visitor
from tests.support.web import CLERK_PASSWORD, CLERK_USER, LiveServer, MovableClock

ASSETS = "/static/"
MACHINES = (
    *("/api", "/developers/", "/status-lists", "/status-shards", "/venue-bundle"),
    *("/problems", "/healthz", "/readyz", "/metrics", ASSETS),
)
SITES = ("/.well-known", "/oidc")
"""Where other sites and their libraries come in, who have none of our forms."""


@pytest.fixture(scope="module")
def jean(live: LiveServer) -> str:
    return live.register(JEAN)


@pytest.fixture(scope="module")
def clerk(live: LiveServer) -> Visitor:
    visitor = Visitor(live)
    visitor.sign_in_as_staff()
    return visitor


@pytest.fixture
def app(tmp_path_factory: pytest.TempPathFactory, keystore: FileKeyStore) -> Litestar:
    directory = tmp_path_factory.mktemp("app")
    settings = Settings(database_url=f"sqlite:///{directory}/kentcard.db", demo=True)
    return create_app(settings, keystore, MovableClock())


def page_routes(app: Litestar) -> list[HTTPRoute]:
    routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
    return [route for route in routes if not route.path.startswith((*MACHINES, *SITES))]


def guards_of(handler: HTTPRouteHandler) -> Sequence[object]:
    """The guards in the order in which they are asked."""
    return handler.resolve_guards()


# Routes as a whole


def test_every_page_is_guarded_or_says_why_it_is_public(app: Litestar) -> None:
    assert len(page_routes(app)) > 15
    for route in page_routes(app):
        for handler in route.route_handlers:
            guarded = signed_in in guards_of(handler)
            assert guarded != bool(handler.opt.get("public")), route.path


def test_every_form_asks_for_its_token_after_the_sign_in(app: Litestar) -> None:
    posts = 0
    for route in page_routes(app):
        for handler in route.route_handlers:
            if "POST" in handler.http_methods:
                posts += 1
                guards = guards_of(handler)
                assert our_own_form in guards, route.path
                assert guards[0] in {signed_in, nobody_signed_in, our_own_form}, route.path
    assert posts > 8


# Forms


@pytest.mark.parametrize(
    "headers",
    [
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:1"},
    ],
    ids=lambda headers: "-".join(next(iter(headers.items()))),
)
def test_a_form_from_another_site_is_refused_though_its_token_is_right(
    clerk: Visitor, headers: dict[str, str]
) -> None:
    typed = {"query": "Jean O'Malley", "reason": "at-desk", "csrf_token": clerk.token("/staff")}
    refused = clerk.post("/staff/search", typed, headers)
    assert refused.status_code == httpx.codes.FORBIDDEN
    assert "We could not accept this form" in refused.text
    assert clerk.post("/staff/search", typed, {"sec-fetch-site": "same-origin"}).is_success


def test_a_form_without_its_token_is_refused(clerk: Visitor) -> None:
    typed = {"query": "Jean O'Malley", "reason": "at-desk"}
    for token in ({}, {"csrf_token": ""}, {"csrf_token": "x" * 43}, {"csrf_token": "\udcff💥"[1:]}):
        refused = clerk.post("/staff/search", typed | token)
        assert refused.status_code == httpx.codes.FORBIDDEN, token


def test_a_token_of_another_session_is_refused(live: LiveServer, clerk: Visitor) -> None:
    other = Visitor(live)
    other.sign_in_as_staff()
    typed = {"query": "x", "reason": "at-desk", "csrf_token": other.token("/staff")}
    assert clerk.post("/staff/search", typed).status_code == httpx.codes.FORBIDDEN


def test_before_signing_in_cookie_and_token_must_belong_together(live: LiveServer) -> None:
    visitor, other = Visitor(live), Visitor(live)
    token, others = visitor.token("/sign-in"), other.token("/sign-in")
    assert token != others
    typed = {"email": "x@example.com"}
    refused = visitor.post("/sign-in", typed | {"csrf_token": others})
    assert refused.status_code == httpx.codes.FORBIDDEN
    visitor.cookies[FORM_COOKIE] = "made-up"
    refused = visitor.post("/sign-in", typed | {"csrf_token": token})
    assert refused.status_code == httpx.codes.FORBIDDEN
    del visitor.cookies[FORM_COOKIE]
    refused = visitor.post("/sign-in", typed | {"csrf_token": token})
    assert refused.status_code == httpx.codes.FORBIDDEN
    sent = other.post("/sign-in", typed | {"csrf_token": others})
    assert sent.status_code == httpx.codes.SEE_OTHER


def test_a_token_from_before_signing_in_is_worth_nothing_after(live: LiveServer) -> None:
    visitor = Visitor(live)
    token = visitor.token("/staff/sign-in")
    visitor.sign_in_as_staff()
    refused = visitor.post("/staff/sign-out", {"csrf_token": token})
    assert refused.status_code == httpx.codes.FORBIDDEN
    assert visitor.get("/staff").is_success


# Who may see what


def test_nobody_sees_a_page_of_staff_or_resident_without_signing_in(
    live: LiveServer, app: Litestar
) -> None:
    guarded = [
        (route, handler)
        for route in page_routes(app)
        for handler in route.route_handlers
        if signed_in in guards_of(handler) and "GET" in handler.http_methods
    ]
    assert len(guarded) >= 22  # none has lost its guard with its name
    for route, handler in guarded:
        path = re.sub(r"\{\w+:uuid\}", str(uuid4()), route.path)
        path = re.sub(r"\{\w+:int\}", "0", path)
        answer = Visitor(live).get(path)
        assert answer.status_code == httpx.codes.SEE_OTHER, path
        assert answer.headers["location"] == handler.opt["part"].sign_in


def test_a_residents_session_opens_no_staff_page(live: LiveServer, jean: str) -> None:
    resident = Visitor(live)
    resident.sign_in_as_resident(JEAN.email)
    pages = ("/staff", "/staff/residents/new", f"/staff/residents/{jean}?reason=at-desk")
    for path in pages:
        assert resident.get(path).headers["location"] == "/staff/sign-in"
    resident.cookies[STAFF_COOKIE] = resident.cookies[RESIDENT_COOKIE]
    for path in pages:
        answer = resident.get(path)
        assert answer.status_code == httpx.codes.FORBIDDEN
        assert "Malley" not in answer.text
        resident.cookies[STAFF_COOKIE] = resident.cookies[RESIDENT_COOKIE]


def test_a_session_of_staff_opens_no_residents_page(live: LiveServer, jean: str) -> None:
    visitor = Visitor(live)
    visitor.sign_in_as_staff()
    visitor.cookies[RESIDENT_COOKIE] = visitor.cookies[STAFF_COOKIE]
    answer = visitor.get("/account")
    assert answer.status_code == httpx.codes.FORBIDDEN
    assert jean not in answer.text


def test_no_address_leads_a_resident_to_another(live: LiveServer, jean: str) -> None:
    ann = msgspec.structs.replace(JEAN, given_names="Ann", email="ann.other@example.com")
    live.register(ann)
    visitor = Visitor(live)
    visitor.sign_in_as_resident(ann.email)
    for path in (f"/account/{jean}", f"/account?id={jean}", f"/account/details?account_id={jean}"):
        assert "Jean" not in visitor.get(path).text
    assert "Ann O&#39;Malley" in visitor.get(f"/account/details?account_id={jean}").text


def test_a_record_is_not_shown_without_a_reason_and_each_look_is_written_down(
    live: LiveServer, clerk: Visitor
) -> None:
    details = msgspec.structs.replace(JEAN, given_names="Eve", email="eve@example.com")
    account = live.register(details)
    for reason in ("", "?reason=", "?reason=curious"):
        asked = clerk.get(f"/staff/residents/{account}{reason}").text
        assert "Why do you need to see this record?" in asked
        assert "Malley" not in asked
    resident = Visitor(live)
    resident.sign_in_as_resident(details.email)
    assert "Nobody has looked at this record." in resident.get("/account/information").text
    assert "Eve" in clerk.get(f"/staff/residents/{account}?reason=on-phone").text
    own = resident.get("/account/information").text
    assert "Priya Shah" in own
    assert "The resident was on the phone" in own


def test_a_card_of_somebody_else_cannot_be_changed_through_a_residents_record(
    clerk: Visitor, jean: str
) -> None:
    token = clerk.token("/staff")
    for change in ("lost", "explode"):
        path = f"/staff/residents/{jean}/cards/{uuid4()}/{change}?reason=at-desk"
        assert clerk.post(path, {"csrf_token": token}).status_code == httpx.codes.NOT_FOUND


# Sign-ins


def test_a_planted_session_is_not_adopted(live: LiveServer) -> None:
    visitor = Visitor(live)
    visitor.cookies[STAFF_COOKIE] = "chosen-by-an-attacker"
    visitor.sign_in_as_staff()
    assert visitor.cookies[STAFF_COOKIE] != "chosen-by-an-attacker"
    attacker = Visitor(live)
    attacker.cookies[STAFF_COOKIE] = "chosen-by-an-attacker"
    assert attacker.get("/staff").status_code == httpx.codes.FORBIDDEN


def test_signing_in_again_ends_the_sign_in_that_the_browser_had(live: LiveServer) -> None:
    visitor, elsewhere = Visitor(live), Visitor(live)
    visitor.sign_in_as_staff()
    elsewhere.sign_in_as_staff()
    before = visitor.cookies[STAFF_COOKIE]
    visitor.sign_in_as_staff()
    assert visitor.cookies[STAFF_COOKIE] != before
    thief = Visitor(live)
    thief.cookies[STAFF_COOKIE] = before
    assert thief.get("/staff").status_code == httpx.codes.FORBIDDEN
    assert elsewhere.get("/staff").is_success
    assert visitor.get("/staff").is_success


def test_signing_out_ends_the_session_on_the_server_too(live: LiveServer) -> None:
    visitor = Visitor(live)
    visitor.sign_in_as_staff()
    kept = visitor.cookies[STAFF_COOKIE]
    visitor.post("/staff/sign-out", {"csrf_token": visitor.token("/staff")})
    assert STAFF_COOKIE not in visitor.cookies
    visitor.cookies[STAFF_COOKIE] = kept
    assert "You have been signed out" in visitor.get("/staff").text


def test_many_wrong_passwords_are_slowed_down_and_said_so(live: LiveServer) -> None:
    visitor = Visitor(live)
    typed = {"username": "somebody", "password": "wrong"}
    token = visitor.token("/staff/sign-in")
    said = [visitor.post("/staff/sign-in", typed | {"csrf_token": token}).text for _ in range(7)]
    assert "The user name or password is wrong" in said[0]
    assert "There were too many tries. Try again after 22 November 2026 at" in said[-1]


def test_cookies_stay_with_this_host_and_out_of_scripts(live: LiveServer) -> None:
    visitor = Visitor(live)
    token = visitor.token("/staff/sign-in")
    typed = {"username": CLERK_USER, "password": CLERK_PASSWORD, "csrf_token": token}
    answer = visitor.post("/staff/sign-in", typed)
    first = Visitor(live).get("/sign-in")
    cookies = answer.headers.get_list("set-cookie") + first.headers.get_list("set-cookie")
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.startswith("__Host-")
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"path=/", "secure", "httponly", "samesite=lax"} <= attributes
        assert not any(part.startswith("domain") for part in attributes)


# Headers


def test_a_page_allows_only_our_own_styles_and_the_scripts_it_names(live: LiveServer) -> None:
    answers = [Visitor(live).get("/"), Visitor(live).get("/")]
    nonces = []
    for answer in answers:
        policy = answer.headers["content-security-policy"]
        found = re.search(r"script-src 'nonce-([\w-]{20,})'", policy)
        assert found is not None
        nonces.append(found[1])
        for part in ("default-src 'none'", "style-src 'self'", "frame-ancestors 'none'"):
            assert part in policy
        assert "unsafe" not in policy
        for script in re.findall(r"<script[^>]*>", answer.text):
            assert f'nonce="{found[1]}"' in script
        assert " style=" not in answer.text
    assert nonces[0] != nonces[1]


@pytest.mark.parametrize("path", ["/", "/nothing", "/staff", "/staff/sign-in", "/healthz"])
def test_every_answer_carries_the_headers(live: LiveServer, path: str) -> None:
    headers = Visitor(live).get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


def test_a_built_file_may_be_kept_for_ever_and_nothing_beside_it_is_served(
    live: LiveServer,
) -> None:
    styles = re.findall(r'href="(/static/[^"]+\.css)"', Visitor(live).get("/").text)
    answer = Visitor(live).get(styles[0])
    assert answer.headers["content-type"].startswith("text/css")
    assert "immutable" in answer.headers["cache-control"]
    for path in ("/static/built/../../assets.py", "/static/built/%2e%2e/%2e%2e/assets.py"):
        assert Visitor(live).get(path).status_code == httpx.codes.NOT_FOUND


def test_the_pages_of_the_demo_are_nowhere_else(live: LiveServer) -> None:
    for path in ("/tray", "/outbox"):
        assert Visitor(live).get(path).status_code == httpx.codes.NOT_FOUND
    answer = Visitor(live).post("/tray/cards", {"label": "x"})
    assert answer.status_code == httpx.codes.NOT_FOUND


# Broken input


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xff\xfe=\xff", "application/x-www-form-urlencoded"),
        (b"csrf_token=%00%ff&query=%ed%a0%80", "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", ""),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"x", "multipart/form-data"),
    ],
)
def test_a_body_that_is_no_form_is_refused_with_a_page(
    clerk: Visitor, content: bytes, kind: str
) -> None:
    answer = clerk.raw("/staff/search", content, kind)
    assert 400 <= answer.status_code < 500
    assert "Kent Card</title>" in answer.text


def test_a_huge_form_is_refused(clerk: Visitor) -> None:
    content = b"csrf_token=" + b"x" * 2_000_000
    answer = clerk.raw("/staff/search", content, "application/x-www-form-urlencoded")
    assert 400 <= answer.status_code < 500


def test_text_that_looks_like_markup_stays_text(clerk: Visitor) -> None:
    typed = {
        "query": "<script>alert(1)</script>'\"",
        "reason": '"><b>',
        "csrf_token": clerk.token("/staff"),
    }
    answer = clerk.post("/staff/search", typed)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "<script>alert" not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text


def test_a_search_that_finds_nothing_or_makes_no_sense_says_so(clerk: Visitor) -> None:
    token = clerk.token("/staff")
    for query in ("Nobody Here", "\x00", "💥", "999 999 999 999 99", "R" * 5000):
        typed = {"query": query, "reason": "at-desk", "csrf_token": token}
        answer = clerk.post("/staff/search", typed)
        assert answer.status_code in {httpx.codes.OK, httpx.codes.UNPROCESSABLE_ENTITY}, query
        assert "0 residents found" in answer.text or "There is a problem" in answer.text
