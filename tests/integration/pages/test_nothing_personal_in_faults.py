"""Whatever goes wrong, neither the log nor the answer to it tells anything about a person."""

import io
import logging
import sys
from collections.abc import Iterator
from uuid import UUID

import httpx
import msgspec
import pytest
import structlog
from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import logs
from identity.models import Account
from identity.oidc.provider import Endpoint
from tests.support.people import JEAN
from tests.support.visitor import RESIDENT_COOKIE, STAFF_COOKIE, Visitor
from tests.support.web import CLERK_PASSWORD, LiveServer

PERSON = msgspec.structs.replace(
    JEAN,
    given_names="Philomena",
    family_name="Tarkington",
    address_lines=("44 Windlass Way", "Maidstone"),
    email="philomena.t@example.org",
)
TYPED = {
    "given_names": PERSON.given_names,
    "family_name": PERSON.family_name,
    "birth_date": "1960-07-31",
    "postcode": PERSON.postcode,
    "address": PERSON.address_lines[0],
    "email": PERSON.email,
}
SECRETS = (
    *(PERSON.given_names, PERSON.family_name, "1960-07-31", "31/07/1960", "31 July 1960"),
    *(PERSON.postcode, "44 Windlass Way", PERSON.email, "philomena.t", CLERK_PASSWORD),
)
PLAIN = {"accept": "text/html"}


class Heard:
    """What was logged, and every answer that was an error."""

    def __init__(self, log: io.StringIO) -> None:
        self.log = log
        self.answers: list[httpx.Response] = []

    def __call__(self, answer: httpx.Response, *codes: int) -> None:
        """An answer with one of these codes."""
        assert answer.status_code in codes, (answer.status_code, answer.text[:300])
        self.answers.append(answer)

    def tells_nothing(self, *also: str) -> None:
        """Neither of them."""
        for told in (self.log.getvalue(), *(answer.text for answer in self.answers)):
            found = [secret for secret in (*SECRETS, *also) if secret and secret in told]
            assert not found, (found, told[:2000])


@pytest.fixture
def heard() -> Iterator[Heard]:
    root = logging.getLogger()
    handlers, level, stderr = list(root.handlers), root.level, sys.stderr
    log = io.StringIO()
    sys.stderr = log
    logs.configure(plain=False)
    try:
        yield Heard(log)
    finally:
        sys.stderr = stderr
        root.handlers[:] = handlers
        root.setLevel(level)
        structlog.reset_defaults()


@pytest.fixture(scope="module")
def person(live: LiveServer) -> str:
    return live.register(PERSON)


def test_what_the_search_for_leaks_would_find(heard: Heard) -> None:
    structlog.get_logger("kent").warning("a leak", who=PERSON.email)
    with pytest.raises(AssertionError, match="philomena"):
        heard.tells_nothing()


def test_addresses_that_lead_nowhere_and_forms_that_are_refused(
    live: LiveServer, person: str, heard: Heard
) -> None:
    visitor = Visitor(live)
    heard(visitor.get(f"/nowhere/{PERSON.email}?name={PERSON.family_name}"), 404)
    heard(visitor.get(f"/staff/residents/{PERSON.family_name}"), 303, 404)
    foreign = {"sec-fetch-site": "cross-site"}
    heard(visitor.post("/sign-in", TYPED | {"csrf_token": "x"}, foreign), 403)
    heard(visitor.raw("/sign-in", b"\xff" + PERSON.email.encode(), "application/json"), 403, 400)
    resident = Visitor(live)
    resident.sign_in_as_resident(PERSON.email)
    heard(resident.get(f"/account/{PERSON.family_name}"), 404)
    heard(resident.post("/account/erase", TYPED | {"csrf_token": "x"}, foreign), 403)
    heard(resident.get(f"/staff/residents/{person}?reason=at-desk"), 303)
    heard.tells_nothing(resident.cookies[RESIDENT_COOKIE], live.newest_code())


def test_machines_that_send_what_they_should_not(live: LiveServer, heard: Heard) -> None:
    body = msgspec.json.encode(TYPED)
    with httpx.Client(base_url=live.url, timeout=20) as client:
        for path in ("/api/terminal/enrol", "/api/terminal/taps"):
            for sent in (body, body[:-9], b"[" * 1000):
                json = {"content-type": "application/json"}
                heard(client.post(path, content=sent, headers=json), 400, 401, 422)
        heard(client.get(f"/api/{PERSON.email}"), 404)
        heard(client.get(f"/status-lists/{PERSON.family_name}"), 404)
        heard(client.get(f"/problems/{PERSON.family_name}"), 404)
        hint = {"login_hint": PERSON.email, "client_id": PERSON.family_name}
        heard(client.get(Endpoint.AUTHORIZE, params=hint), 400)
        heard(client.get(Endpoint.LOGOUT, params=hint), 400)
        for endpoint in (Endpoint.PUSH, Endpoint.TOKEN, Endpoint.INTROSPECT, Endpoint.REVOKE):
            heard(client.post(endpoint, data=TYPED), 400, 401)
        bearer = {"authorization": f"Bearer {PERSON.email}"}
        heard(client.get(Endpoint.USERINFO, headers=bearer), 401)
    heard.tells_nothing()


def test_sign_ins_that_fail(live: LiveServer, person: str, heard: Heard) -> None:
    assert person
    visitor = Visitor(live)
    token = visitor.token("/sign-in")
    visitor.post("/sign-in", {"email": PERSON.email, "csrf_token": token})
    for typed in ("0000 0001", PERSON.email):
        visitor.post("/sign-in/code", {"code": typed, "csrf_token": token})
    visitor.post(
        "/sign-in/password",
        {"email": PERSON.email, "password": CLERK_PASSWORD, "csrf_token": token},
    )
    visitor.post("/sign-in/passkey", {"credential": PERSON.email, "csrf_token": token})
    heard.tells_nothing(live.newest_code())


def test_a_record_that_was_tampered_with(live: LiveServer, person: str, heard: Heard) -> None:
    clerk = Visitor(live)
    clerk.sign_in_as_staff()

    async def tamper(session: AsyncSession) -> None:
        row = await session.get_one(Account, UUID(person))
        swapped = {"sealed_given_names": row.sealed_family_name}
        await session.execute(update(Account).where(Account.id == row.id).values(**swapped))

    live.do(tamper)
    heard(clerk.get(f"/staff/residents/{person}?reason=at-desk"), 500)
    assert "SealBroken" in heard.log.getvalue()
    heard.tells_nothing(clerk.cookies[STAFF_COOKIE])


def test_a_database_that_is_broken(live: LiveServer, heard: Heard) -> None:
    """The last: it leaves the server without residents."""
    clerk, resident = Visitor(live), Visitor(live)
    clerk.sign_in_as_staff()
    staff_token, token = clerk.token("/staff"), resident.token("/sign-in")
    register = clerk.token("/staff/residents/new")

    async def lose(session: AsyncSession) -> None:
        await session.execute(text("ALTER TABLE account RENAME TO gone"))

    live.do(lose)
    asked = {"query": f"{PERSON.given_names} {PERSON.family_name} 31/07/1960", "reason": "at-desk"}
    heard(clerk.post("/staff/search", asked | {"csrf_token": staff_token}), 500)
    heard(resident.post("/sign-in", {"email": PERSON.email, "csrf_token": token}), 500)
    form = TYPED | {
        "address_line_1": PERSON.address_lines[0],
        "town": "Maidstone",
        "birth_date-day": "31",
        "birth_date-month": "7",
        "birth_date-year": "1960",
        "identity_document.kind": "passport",
        "address_document.kind": "council-tax-bill",
        "address_document.dated_on-day": "1",
        "address_document.dated_on-month": "4",
        "address_document.dated_on-year": "2026",
        "csrf_token": register,
    }
    heard(clerk.post("/staff/residents/new", form), 500)
    assert "OperationalError" in heard.log.getvalue()
    heard.tells_nothing(clerk.cookies[STAFF_COOKIE])
