"""New passwords: long, any characters, not what everybody tries first."""

import pytest

from identity import passwords
from identity.hashing_process import Done, Work, done
from identity.passwords import SHORTEST_WITH_APP


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


@pytest.mark.parametrize(
    "password",
    ["sunshine1", "trustno1", "baseball", "Liverpool", "michelle", "dragon dragon", "iloveyou2026"],
)
def test_a_password_on_the_list_is_refused_beside_an_app_too(password: str) -> None:
    fault = passwords.fault_in(password, shortest=SHORTEST_WITH_APP)
    assert fault is not None
    assert "harder to guess" in fault


@pytest.mark.parametrize(
    "password", ["Margaret1960", "o'malley!", "Kent Card 1", "margaret.omalley", "malleymargaret"]
)
def test_the_service_and_ones_own_names_are_refused_beside_an_app(password: str) -> None:
    about = passwords.words_about("Margaret", "O'Malley", "margaret.o-malley@mail.example")
    assert passwords.fault_in(password, context=about, shortest=SHORTEST_WITH_APP) is not None


@pytest.mark.parametrize("password", ["oxbow7river", "Lantern & tide", "zq3vk8wp"])
def test_eight_characters_are_enough_beside_an_app_and_not_alone(password: str) -> None:
    assert passwords.fault_in(password, shortest=SHORTEST_WITH_APP) is None
    assert passwords.fault_in(password) is not None


def test_the_list_is_whole_and_in_small_letters() -> None:
    common = passwords.common_passwords()
    assert len(common) == 44_695
    assert {"123456", "password", "qwerty"} <= common
    assert all(each == each.casefold() for each in common)


async def test_an_unknown_person_costs_as_many_hashes_as_a_known_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stored = await passwords.hash_password("turnip lantern oxbow")
    asked: list[Work] = []

    async def here(work: Work) -> Done:
        asked.append(work)
        return done(work)

    monkeypatch.setattr(passwords, "in_turn", here)
    for whose in (stored, None):
        assert not await passwords.verify_password(whose, "wrong")
    parameters = [(work.stored or "").rsplit("$", 2)[0] for work in asked]
    assert parameters == ["$argon2id$v=19$m=19456,t=2,p=1"] * 2


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
