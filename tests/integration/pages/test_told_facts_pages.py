"""An officer tells what no document shows; the resident sees it, who told it and why."""

import pytest

from identity.models import StaffRole
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

WHY = "A doctor wrote that she cannot travel alone"
TOLD = {"fact": "companion_agreed", "value": "yes", "reason": WHY}


@pytest.fixture(scope="module")
def account(live: LiveServer) -> str:
    return live.register(JEAN)


@pytest.fixture(scope="module")
def officer(live: LiveServer) -> Visitor:
    visitor = Visitor(live)
    visitor.sign_in_as(live.add_staff(StaffRole.CARD_OFFICER))
    return visitor


def form(account: str) -> str:
    return f"/staff/residents/{account}/facts/new?reason=at-desk"


def test_an_officer_tells_and_takes_back_and_the_resident_reads_who_and_why(
    live: LiveServer, account: str, officer: Visitor
) -> None:
    path = form(account)
    empty = officer.get(path).text
    assert "Whether the council has agreed that somebody may travel with you" in empty
    assert "How much you owe the library" not in empty  # the library system alone says it
    answer = officer.post(path, TOLD | {"csrf_token": officer.token(path)})
    record = officer.get(answer.headers["location"]).text
    assert "It is told, and what the resident may have is decided anew" in record
    assert WHY in record
    gone = {"fact": "companion_agreed", "value": "unknown", "reason": "It has ended"}
    officer.post(path, gone | {"csrf_token": officer.token(path)})
    resident = Visitor(live)
    resident.sign_in_as_resident(JEAN.email)
    details = resident.get("/account/details").text
    assert "What we know and who told us" in details
    assert WHY in details
    assert "It stood until" in details


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"fact": "library_debt"}, "Select what you were told"),
        ({"fact": "rich"}, "Select what you were told"),
        ({"value": "maybe"}, "Select yes, no or not known any more"),
        ({"reason": " "}, "Say why"),
    ],
)
def test_what_cannot_be_told_is_refused_and_kept_as_typed(
    account: str, officer: Visitor, wrong: dict[str, str], said: str
) -> None:
    path = form(account)
    answer = officer.post(path, TOLD | wrong | {"csrf_token": officer.token(path)})
    assert answer.status_code == 422
    assert said in answer.text
