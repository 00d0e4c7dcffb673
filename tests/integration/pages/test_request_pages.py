"""Requests at the pages: asked for by one, decided by another, and clear words when not."""

from uuid import UUID

import httpx
import pytest

from identity import accounts
from identity.models import StaffRole
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

CORRECTION = {
    "given_names": "Jean",
    "family_name": "Weald",
    "birth_date-day": "30",
    "birth_date-month": "7",
    "birth_date-year": "1960",
    "document.kind": "passport",
}


@pytest.fixture(scope="module")
def account(live: LiveServer) -> str:
    return live.register(JEAN)


@pytest.fixture(scope="module")
def supervisors(live: LiveServer) -> tuple[Visitor, Visitor]:
    first, second = Visitor(live), Visitor(live)
    first.sign_in_as(live.add_staff(StaffRole.SUPERVISOR, "first"))
    second.sign_in_as(live.add_staff(StaffRole.SUPERVISOR, "second"))
    return first, second


def decide(visitor: Visitor, what: str, **typed: str) -> httpx.Response:
    """Decide the one request that waits."""
    shown = visitor.get("/staff/requests").text
    request_id = shown.split('action="/staff/requests/')[1].split("/")[0]
    token = visitor.token("/staff/requests")
    return visitor.post(f"/staff/requests/{request_id}/{what}", {"csrf_token": token, **typed})


def ask(visitor: Visitor, account: str) -> httpx.Response:
    path = f"/staff/residents/{account}/correction/new?reason=at-desk"
    visitor.act_for(account, reason="details")
    return visitor.post(path, CORRECTION | {"csrf_token": visitor.token(path)})


def test_a_request_is_refused_with_a_reason_asked_again_and_approved_by_another(
    live: LiveServer, account: str, supervisors: tuple[Visitor, Visitor]
) -> None:
    first, second = supervisors
    assert ask(first, account).headers["location"].endswith("done=asked")
    assert "Another request for this resident waits" in ask(first, account).text
    own = first.get("/staff/requests").text
    assert "You asked for this yourself" in own
    assert "/approve" not in own
    unexplained = decide(second, "refuse", reason=" ")
    assert unexplained.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Say why" in unexplained.text
    assert decide(second, "refuse", reason="Not hers").headers["location"].endswith("refused")
    assert "0 requests wait" in second.get("/staff/requests").text
    ask(first, account)
    shown = second.get("/staff/requests").text
    assert "Name: Jean Weald" in shown
    assert "Asked for by Colleague first" in shown
    assert decide(second, "approve").headers["location"].endswith("approved")
    record = second.get(f"/staff/residents/{account}?reason=at-desk").text
    assert "Jean Weald" in record
    assert "A request of a colleague was checked" in record

    reads = live.do(lambda session: accounts.reads_of(session, UUID(account)))
    assert {read.who for read in reads} == {"Colleague first", "Colleague second"}


def test_the_one_who_asked_cannot_approve_by_sending_the_form_anyway(
    live: LiveServer, supervisors: tuple[Visitor, Visitor]
) -> None:
    first, second = supervisors
    other = live.register(
        JEAN.__class__(
            given_names="Ann",
            family_name="Ash",
            birth_date=JEAN.birth_date,
            address_lines=JEAN.address_lines,
            postcode=JEAN.postcode,
            identity_document=JEAN.identity_document,
            address_document=JEAN.address_document,
        )
    )
    ask(first, other)
    shown = second.get("/staff/requests").text
    request_id = shown.split('action="/staff/requests/')[1].split("/")[0]
    typed = {"csrf_token": first.token("/staff/requests")}
    answer = first.post(f"/staff/requests/{request_id}/approve", typed)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "Another person must decide" in answer.text
    assert decide(second, "approve").status_code == httpx.codes.SEE_OTHER
    again = second.post(
        f"/staff/requests/{request_id}/approve", {"csrf_token": second.token("/staff/requests")}
    )
    assert "No such request waits" in again.text


def test_nobody_is_reported_whose_account_is_not_there(
    supervisors: tuple[Visitor, Visitor], account: str
) -> None:
    first, _ = supervisors
    path = f"/staff/residents/{UUID(int=7)}/death/new"
    answer = first.post(
        path,
        {
            "died_on-day": "1",
            "died_on-month": "11",
            "died_on-year": "2026",
            "evidence": "tell-us-once",
            "csrf_token": first.token(path),
        },
    )
    assert answer.status_code == httpx.codes.NOT_FOUND
    false = f"/staff/residents/{account}/death/false"
    answer = first.post(false, {"reason": "Alive", "csrf_token": first.token(false)})
    assert "No death is recorded for this resident" in answer.text
