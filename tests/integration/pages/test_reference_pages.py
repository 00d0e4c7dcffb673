"""The page offers to look evidence up only where a register is configured, and asks first."""

import re
from collections.abc import Iterator

import httpx
import msgspec
import pytest

from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer, serving

NUMBER = "QQ 12 34 56 c"
GIVEN = {"register": "pip-moving-around", "number": NUMBER, "agreed": "yes"}
NEIGHBOUR = msgspec.structs.replace(JEAN, given_names="Ned", email="ned@example.com")


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with a register; nothing of the server itself ever calls it."""
    registers = "pip-moving-around=https://benefits.example/ask carers-allowance=https://c.example/"
    with serving(tmp_path_factory.mktemp("asking"), registers=registers) as running:
        yield running


def applied(live: LiveServer) -> tuple[Visitor, str]:
    live.register(JEAN)
    visitor = Visitor(live)
    visitor.sign_in_as_resident(JEAN.email)
    start = "/account/apply/travel-disabled"
    own = visitor.post(start, {"csrf_token": visitor.token(start)}).headers["location"]
    check = f"{own}/check"
    seen = re.search(r'name="seen" value="([^"]*)"', visitor.get(check).text)
    assert seen is not None
    visitor.post(check, {"csrf_token": visitor.token(check), "seen": seen[1]})
    return visitor, own


@pytest.fixture(scope="module")
def jean(asking: LiveServer) -> tuple[Visitor, str]:
    return applied(asking)


def give(visitor: Visitor, here: str, **changed: str) -> httpx.Response:
    token = visitor.token(f"{here}/evidence")
    typed = {name: value for name, value in (GIVEN | changed).items() if value}
    return visitor.post(f"{here}/evidence/reference", typed | {"csrf_token": token})


def test_by_default_nothing_is_offered_and_nothing_taken(live: LiveServer) -> None:
    visitor, here = applied(live)
    assert "let us look it up" not in visitor.get(f"{here}/evidence").text
    answer = give(visitor, here)
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "asking the register" not in visitor.get(here).text


def test_the_page_says_what_is_sent_and_offers_only_what_would_help(
    jean: tuple[Visitor, str],
) -> None:
    visitor, here = jean
    page = visitor.get(f"{here}/evidence").text
    assert "your family name, and your date of birth" in page
    register = re.search(r'<select[^>]*name="register".*?</select>', page, re.DOTALL)
    assert register is not None
    assert re.findall(r'value="([^"]+)"', register[0]) == ["pip-moving-around"]


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("agreed", "", "Agree that we ask"),
        ("number", "", "Enter the number"),
        ("number", "QQ", "Enter the number"),
        ("number", "<script>", "Enter the number"),
        ("number", "1" * 41, "Enter the number"),
        ("register", "", "Select what you have"),
        ("register", "passport", "Select what you have"),
    ],
)
def test_what_is_missing_is_said_and_nothing_is_asked(
    jean: tuple[Visitor, str], field: str, value: str, said: str
) -> None:
    visitor, here = jean
    answer = give(visitor, here, **{field: value})
    assert answer.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert said in answer.text
    assert "asking the register" not in visitor.get(here).text


def test_nobody_gives_a_number_with_anothers_application(
    asking: LiveServer, jean: tuple[Visitor, str]
) -> None:
    asking.register(NEIGHBOUR)
    neighbour = Visitor(asking)
    neighbour.sign_in_as_resident(NEIGHBOUR.email)
    token = neighbour.token("/account/apply/library")
    _, here = jean
    answer = neighbour.post(f"{here}/evidence/reference", GIVEN | {"csrf_token": token})
    assert answer.status_code == httpx.codes.NOT_FOUND


def test_a_number_that_was_given_is_being_asked_about(jean: tuple[Visitor, str]) -> None:
    visitor, here = jean
    answer = give(visitor, here)
    assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
    page = visitor.get(answer.headers["location"]).text
    assert "We are asking about the number you gave" in page
    assert "we are asking the register" in page
    assert "It was agreed that we ask" in page
    again = give(visitor, here)
    assert again.status_code == httpx.codes.UNPROCESSABLE_ENTITY
    assert "We are asking that register already" in again.text
