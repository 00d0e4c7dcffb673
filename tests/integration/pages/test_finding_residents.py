"""What a member of staff may type to find somebody."""

from uuid import UUID

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.models import ServiceNumber
from readers.contract.services import Service
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

CARD_NUMBER = 29999123456782


@pytest.fixture(scope="module")
def clerk(live: LiveServer) -> Visitor:
    account = UUID(live.register(JEAN))
    other = msgspec.structs.replace(
        JEAN, given_names="Ann", family_name="Weald", email="ann@example.com", postcode="CT1 2EH"
    )
    live.register(other)

    async def number(session: AsyncSession) -> None:
        session.add(ServiceNumber(account_id=account, service=Service.LIBRARY, number=CARD_NUMBER))

    live.do(number)
    visitor = Visitor(live)
    visitor.sign_in_as_staff()
    return visitor


@pytest.mark.parametrize(
    "query",
    ["Jean O'Malley", "omalley", "me141xq", "29999123456782", "2 9999 1234 5678 2"],
)
def test_one_resident_is_found_and_no_other(clerk: Visitor, query: str) -> None:
    typed = {"query": query, "reason": "card-found", "csrf_token": clerk.token("/staff")}
    found = clerk.post("/staff/search", typed)
    assert "1 resident found" in found.text
    assert "Jean O&#39;Malley" in found.text
    assert "Weald" not in found.text
    assert "reason=card-found" in found.text


def test_a_birth_date_finds_everybody_born_that_day(clerk: Visitor) -> None:
    typed = {"query": "31/07/1960", "reason": "at-desk", "csrf_token": clerk.token("/staff")}
    found = clerk.post("/staff/search", typed)
    assert "2 residents found" in found.text
    assert "31/07/1960" not in str(found.url)


@pytest.mark.parametrize("query", ["29999123456783", "00000000000000"])
def test_a_card_number_that_nobody_has_finds_nobody(clerk: Visitor, query: str) -> None:
    typed = {"query": query, "reason": "card-found", "csrf_token": clerk.token("/staff")}
    found = clerk.post("/staff/search", typed)
    assert "Malley" not in found.text
    assert "0 residents found" in found.text or "There is a problem" in found.text


def test_a_search_without_a_reason_is_asked_for_one_and_keeps_what_was_typed(
    clerk: Visitor,
) -> None:
    asked = clerk.post("/staff/search", {"query": "Jean", "csrf_token": clerk.token("/staff")})
    assert "Select why you need to see a record" in asked.text
    assert 'value="Jean"' in asked.text
    assert "residents found" not in asked.text
