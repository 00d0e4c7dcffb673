"""New keys on a card in use: torn at every command, it stays openable and the next session goes on.

The masters of two generations are known here, as they are to the server.
"""

from collections.abc import Mapping
from contextlib import suppress
from secrets import token_bytes
from typing import Final

import pytest

from readers.card.apdu import Procedure, run
from readers.card.authentication import authenticate_ev2_first
from readers.card.codes import AES_KEYS, Status
from readers.card.keys import KeyAt
from readers.card.layout import (
    FILES,
    KENT_AID,
    KEY_COUNT,
    MASTER_KEY,
    PICC_AID,
    PICC_KEY,
    WRITE_KEY,
)
from readers.card.personalise import read_service, update
from readers.card.procedures import change_own_key, get_key_version, select_application
from readers.card.rolling import PICC, Candidates, open_with, roll
from readers.contract.services import Service
from readers.errors import CardHasOtherKeys, CardNotGenuine, CardRefused, CardRemoved, ForeignCard
from readers.virtual.card import VirtualCard
from tests.support.cards import KEYS, RECORDS, UID, Recording, Tampering, kent_card, keys_for

NEW: Final = keys_for(UID, generation=2, issuer=b"kent-2")
NEWER: Final = keys_for(UID, generation=3, issuer=b"kent-3")
CHANGE_KEY: Final = 0xC4


def candidates(*names: str) -> Mapping[str, Candidates]:
    """Every key at both generations, or those of these names, with the master where one is due."""
    every = {PICC: (KEYS.picc, NEW.picc)} | {
        str(number): (KEYS.application[number], NEW.application[number])
        for number in range(KEY_COUNT)
    }
    chosen = names or tuple(every)
    found = {name: {key.version: key for key in every[name]} for name in chosen}
    if set(chosen) - {PICC}:
        found.setdefault(str(MASTER_KEY), {1: KEYS.application[MASTER_KEY]})
    return found


def rolling(seen: dict[str, int] | None = None, *names: str) -> Procedure[None]:
    told = {} if seen is None else seen
    return roll(candidates(*names), random=token_bytes, confirmed=told.__setitem__)


def commands_of(procedure: Procedure[None], card: VirtualCard) -> list[bytes]:
    channel = Recording(card)
    run(procedure, channel)
    return [command for command, _ in channel.pairs]


COMMANDS: Final = commands_of(rolling(), kent_card())
EVERY: Final = range(1, len(COMMANDS) + 1)
both_moments = pytest.mark.parametrize("done", [False, True], ids=["not-done", "done-unheard"])


def versions(card: VirtualCard) -> dict[str, int]:
    """Of every key, as the card tells anybody."""
    card.reset()
    run(select_application(PICC_AID), card)
    found = {PICC: run(get_key_version(None, PICC_KEY), card)}
    run(select_application(KENT_AID), card)
    numbers = range(KEY_COUNT)
    return found | {str(number): run(get_key_version(None, number), card) for number in numbers}


def holds(card: VirtualCard, aid: bytes, number: int, key: KeyAt) -> bool:
    card.reset()
    run(select_application(aid), card)
    try:
        run(authenticate_ev2_first(number, key.key, random=token_bytes), card)
    except CardRefused as refused:
        if refused.status != Status.AUTHENTICATION_ERROR:
            raise
        return False
    return True


def all_rolled(card: VirtualCard) -> bool:
    keys = [(PICC_AID, PICC_KEY, NEW.picc, KEYS.picc)] + [
        (KENT_AID, number, NEW.application[number], KEYS.application[number])
        for number in range(KEY_COUNT)
    ]
    return all(
        holds(card, aid, number, new) and not holds(card, aid, number, old)
        for aid, number, new, old in keys
    )


def read_at_a_terminal(card: VirtualCard, service: Service) -> bytes:
    """As a terminal that has the read keys of both generations, newest first."""
    number = FILES[service].read_key
    for keys in (NEW, KEYS):
        card.reset()
        try:
            reading = read_service(keys.application[number].key, service, random=token_bytes)
            return run(reading, card)
        except CardRefused as refused:
            if refused.status != Status.AUTHENTICATION_ERROR:
                raise
    raise AssertionError("no generation of the read key opens the card")


def tear(card: VirtualCard, procedure: Procedure[None], n: int, *, done: bool) -> None:
    card.reset()
    card.tear_after(n, done=done)
    with pytest.raises(CardRemoved):
        run(procedure, card)
    card.reset()


def test_every_key_is_rolled_and_the_old_ones_open_nothing() -> None:
    card, seen = kent_card(), dict[str, int]()
    run(rolling(seen), card)
    assert all_rolled(card)
    assert seen == versions(card) == dict.fromkeys(versions(card), 2)
    assert {service: read_at_a_terminal(card, service) for service in Service} == RECORDS


def test_there_is_something_to_tear() -> None:
    assert sum(command[1] == CHANGE_KEY for command in COMMANDS) == KEY_COUNT + 1
    assert len(COMMANDS) > 2 * KEY_COUNT


@both_moments
@pytest.mark.parametrize("n", EVERY)
def test_a_card_torn_away_while_it_is_rolled_is_read_everywhere_and_goes_on(
    n: int, *, done: bool
) -> None:
    card, seen = kent_card(), dict[str, int]()
    tear(card, rolling(seen), n, done=done)
    on_the_chip = versions(card)
    assert seen.items() <= {k: v for k, v in on_the_chip.items() if v == 2}.items()
    assert {service: read_at_a_terminal(card, service) for service in Service} == RECORDS
    card.reset()
    run(rolling(seen), card)
    assert all_rolled(card)
    assert seen == dict.fromkeys(on_the_chip, 2)
    assert {service: read_at_a_terminal(card, service) for service in Service} == RECORDS


@both_moments
@pytest.mark.parametrize("n", EVERY)
def test_a_card_torn_away_twice_is_rolled_the_third_time(n: int, *, done: bool) -> None:
    card = kent_card()
    tear(card, rolling(), n, done=done)
    again = VirtualCard.load(card.dump())
    left = len(commands_of(rolling(), VirtualCard.load(card.dump())))
    tear(again, rolling(), (left + 1) // 2, done=not done)
    run(rolling(), again)
    assert all_rolled(again)


@both_moments
@pytest.mark.parametrize("n", EVERY)
def test_a_torn_card_is_still_written_under_whichever_write_key_it_holds(
    n: int, *, done: bool
) -> None:
    card = kent_card()
    tear(card, rolling(), n, done=done)
    run(select_application(KENT_AID), card)
    keys = candidates()[str(WRITE_KEY)]
    _, held = run(open_with(WRITE_KEY, keys, random=token_bytes), card)
    card.reset()
    run(update(held.key, {Service.LIBRARY: b"changed"}, random=token_bytes), card)
    assert read_at_a_terminal(card, Service.LIBRARY) == b"changed"


@both_moments
@pytest.mark.parametrize("n", EVERY)
def test_a_torn_card_goes_on_to_a_third_generation_that_was_made_meanwhile(
    n: int, *, done: bool
) -> None:
    card = kent_card()
    tear(card, rolling(), n, done=done)
    third = {PICC: NEWER.picc} | {str(no): key for no, key in NEWER.application.items()}
    keys = {name: {**each, 3: third[name]} for name, each in candidates().items()}
    run(roll(keys, random=token_bytes, confirmed=lambda *_: None), card)
    assert set(versions(card).values()) == {3}


def test_one_read_key_is_rolled_in_five_commands_and_touches_no_other() -> None:
    card, library = kent_card(), str(FILES[Service.LIBRARY].read_key)
    seen: dict[str, int] = {}
    sent = commands_of(rolling(seen, library), card)
    assert len(sent) == 5
    assert versions(card) == dict.fromkeys(versions(card), 1) | {library: 2}
    assert seen == {library: 2, str(MASTER_KEY): 1}


def test_the_cards_own_key_is_rolled_alone() -> None:
    card = kent_card()
    run(rolling(None, PICC), card)
    assert versions(card) == dict.fromkeys(versions(card), 1) | {PICC: 2}


def test_rolling_again_changes_no_key() -> None:
    card = kent_card()
    run(rolling(), card)
    card.reset()
    assert CHANGE_KEY not in {command[1] for command in commands_of(rolling(), card)}


def test_a_key_of_another_version_stops_the_roll_before_any_change() -> None:
    card = kent_card()
    run(select_application(KENT_AID), card)
    session = run(
        authenticate_ev2_first(MASTER_KEY, KEYS.application[0].key, random=token_bytes), card
    )
    run(change_own_key(session, KeyAt(bytes(16), 7), key_no=MASTER_KEY), card)
    before = card.dump()
    card.reset()
    with pytest.raises(CardHasOtherKeys, match="key 0 has version 7; it may have 1, 2"):
        run(rolling(), card)
    assert VirtualCard.load(card.dump()).dump() == before


def test_a_card_that_lies_about_its_version_is_not_believed() -> None:
    """A forged version leads to a key that the card does not hold, and to no change."""
    card = kent_card()
    version_answer = 2
    lying = Tampering(card, at=version_answer, byte=0, bit=1)  # version 1 -> 3
    with pytest.raises(CardHasOtherKeys):
        run(rolling(), lying)
    flipped = Tampering(kent_card(), at=len(COMMANDS) - 1, byte=-3)
    with pytest.raises((CardNotGenuine, CardRefused, ForeignCard)):
        run(rolling(), flipped)
    assert set(versions(card).values()) == {1}


@pytest.mark.parametrize("n", EVERY)
def test_an_answer_that_was_spoilt_never_makes_a_key_count_that_is_not_there(n: int) -> None:
    card, seen = kent_card(), dict[str, int]()
    with suppress(CardNotGenuine, CardRefused, ForeignCard, CardHasOtherKeys):
        run(rolling(seen), Tampering(card, at=n, byte=0))
    on_the_chip = versions(card)
    assert all(on_the_chip[name] == version for name, version in seen.items())


def test_a_card_of_somebody_else_is_foreign() -> None:
    with pytest.raises(ForeignCard):
        run(rolling(), VirtualCard(UID))


def test_the_number_of_the_cards_own_key_says_that_it_stays_aes() -> None:
    changes = [command for command in COMMANDS if command[1] == CHANGE_KEY]
    assert changes[-1][5] == AES_KEYS | PICC_KEY
