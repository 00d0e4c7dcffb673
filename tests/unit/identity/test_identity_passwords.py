"""New passwords: long, any characters, not what everybody tries first."""

import pytest

from identity import passwords


@pytest.mark.parametrize(
    "password",
    [
        "turnip lantern oxbow",
        "пятнадцать слов",
        "a" * 10 + "bcdefghijkz",
        "🐑🌊🏰🚌🍒" * 3,
    ],
)
def test_a_long_password_of_any_characters_is_accepted(password: str) -> None:
    assert passwords.fault_in(password, context=("priya", "")) is None


@pytest.mark.parametrize("length", [0, 1, 14, 257])
def test_a_password_too_short_or_too_long_is_refused(length: int) -> None:
    password = ("turnip lantern oxbow river " * 10)[:length]
    fault = passwords.fault_in(password)
    assert fault is not None
    assert "characters" in fault


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "Password 12345678",
        "kentcard-kentcard-1",
        "Kent County Council 2026",
        "aaaaaaaaaaaaaaaaaaaa",
        "abcdefghijklmnopqrst",
        "123456789012345",
        "priya.shah.priya.shah",
        "x9 " * 80,
    ],
)
def test_what_everybody_tries_first_is_refused(password: str) -> None:
    fault = passwords.fault_in(password, context=("priya", "Priya Shah"))
    assert fault is not None
    assert "harder to guess" in fault


async def test_a_hash_is_of_todays_parameters_and_salted() -> None:
    first = await passwords.hash_password("turnip lantern oxbow")
    second = await passwords.hash_password("turnip lantern oxbow")
    assert first.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert first != second
    assert not passwords.needs_rehash(first)
    assert await passwords.verify_password(first, "turnip lantern oxbow")
    assert not await passwords.verify_password(first, "turnip lantern oxbox")


async def test_nobody_has_no_password() -> None:
    assert not await passwords.verify_password(None, "the password of nobody")
