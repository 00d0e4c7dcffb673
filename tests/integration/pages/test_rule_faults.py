"""Rules that cannot be meant, typed into the page: each is refused with its line and column."""

import httpx
import pytest

from entitlements import publishing
from identity.models import StaffRole
from tests.support.rule_changes import (
    NEW_SCHEME,
    library_from_2027,
    library_without_charges_for_children,
)
from tests.support.visitor import Visitor
from tests.support.web import LiveServer

PATH = "/staff/rules/new"
IN_MEDWAY = """
[[rule.conditions]]
name = "home-in-medway"
op = "resident_in"
fact = "district"
area = "medway"
law = "the decision"
why = "You live in Medway."
why_not = "You do not live in Medway."
"""
FIRST_ENDS = "effective_to = 2026-12-31"


@pytest.fixture(scope="module")
def supervisor(live: LiveServer) -> Visitor:
    visitor = Visitor(live)
    visitor.sign_in_as(live.add_staff(StaffRole.SUPERVISOR, "ana"))
    return visitor


def ask(visitor: Visitor, file: str, text: str, **typed: str) -> httpx.Response:
    said = {"file": file, "text": text, "reason": "The council decided so"} | typed
    return visitor.post(PATH, said | {"csrf_token": visitor.token(PATH)})


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        (
            "leisure-swimming.toml",
            NEW_SCHEME + IN_MEDWAY,
            "line 17, column 1: &#39;home-in-kent&#39; and &#39;home-in-medway&#39; can never",
        ),
        (
            "leisure-swimming.toml",
            NEW_SCHEME.replace('"district"', '"postcode"'),
            "leisure-swimming.toml, line 20, column 1: there is no fact &#39;postcode&#39;",
        ),
        (
            "library.toml",
            library_from_2027().replace(FIRST_ENDS, "effective_to = 2027-01-01"),
            "column 1: version &#39;2&#39; overlaps version &#39;1&#39;, which lasts to 2027-01-01",
        ),
        (
            "library.toml",
            library_from_2027().replace(FIRST_ENDS, "effective_to = 2026-12-30"),
            "column 1: no version is in force between 2026-12-30 and 2027-01-01",
        ),
    ],
    ids=["contradiction", "unknown fact", "overlap", "gap"],
)
def test_a_rule_that_cannot_be_meant_is_refused_with_its_place_and_nothing_typed_is_lost(
    live: LiveServer, supervisor: Visitor, file: str, text: str, fault: str
) -> None:
    answer = ask(supervisor, file, text)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert fault in answer.text
    assert "The council decided so" in answer.text
    assert "law = &#34;" in answer.text
    assert live.do(publishing.waiting) == []


def test_a_backdated_change_is_refused_until_it_is_asked_for_as_such(
    live: LiveServer, supervisor: Visitor
) -> None:
    text = library_without_charges_for_children()
    refused = ask(supervisor, "library.toml", text)
    assert refused.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "It changes the rules of 1 April 2012 and after, which has passed." in refused.text
    assert live.do(publishing.waiting) == []
    asked = ask(supervisor, "library.toml", text, backdated="yes")
    assert asked.headers["location"] == "/staff/rules/changes?done=asked"
    [row] = live.do(publishing.waiting)
    assert row.backdated
