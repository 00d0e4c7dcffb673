"""Password fields hide what is typed and leave password managers alone."""

import re

import pytest

from identity import passwords
from tests.support.people import JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer


def password_field(html: str) -> str:
    found: list[str] = re.findall(r"<input[^>]*>", html)
    fields = [each for each in found if 'type="password"' in each]
    assert len(fields) == 1
    return fields[0]


@pytest.mark.parametrize("path", ["/sign-in/password", "/staff/sign-in"])
def test_a_password_is_hidden_and_may_be_pasted_and_filled_in(live: LiveServer, path: str) -> None:
    page = Visitor(live).get(path).text
    field = password_field(page)
    assert 'autocomplete="current-password"' in field
    assert "maxlength" not in field
    assert "onpaste" not in page


def test_a_new_password_is_offered_to_the_password_manager(live: LiveServer) -> None:
    live.register(JEAN)
    resident = Visitor(live)
    resident.sign_in_as_resident(JEAN.email)
    page = resident.get("/account/password").text
    assert 'autocomplete="new-password"' in password_field(page)
    assert "maxlength" not in password_field(page)


@pytest.mark.parametrize("length", [64, 128, 256])
async def test_a_very_long_password_is_accepted_and_counts_to_its_last_letter(length: int) -> None:
    password = ("turnip lantern oxbow river quarry " * 10)[: length - 1] + "!"
    assert passwords.fault_in(password) is None
    stored = await passwords.hash_password(password)
    assert await passwords.verify_password(stored, password)
    assert not await passwords.verify_password(stored, password[:-1])
    assert not await passwords.verify_password(stored, password + "!")
    assert not await passwords.verify_password(stored, password.swapcase())
