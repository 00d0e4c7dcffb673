"""A card pulled away at every command of every procedure, and what it is afterwards."""

from collections.abc import Mapping
from secrets import token_bytes
from typing import Final

import pytest

from readers.card.apdu import Procedure, run
from readers.card.authentication import authenticate_factory_des, replace_factory_key
from readers.card.codes import CommMode, Status
from readers.card.keys import KeyAt
from readers.card.layout import WRITE_KEY
from readers.card.personalise import CardKeys, personalise, update
from readers.card.procedures import (
    create_application,
    create_standard_file,
    select_application,
)
from readers.contract.services import Service
from readers.errors import CardHasOtherKeys, CardRefused, CardRemoved, ForeignCard, ReadersError
from readers.virtual.card import VirtualCard
from tests.support.cards import KEYS, RECORDS, UID, Recording, kent_card, keys_for, read

NEW: Final[Mapping[Service, bytes]] = {
    Service.TRAVEL: b"a travel record" * 9,
    Service.LEISURE: b"a leisure record" * 8,
}


def personalising() -> Procedure[None]:
    return personalise(KEYS, RECORDS, random=token_bytes)


def updating() -> Procedure[None]:
    return update(KEYS.application[WRITE_KEY].key, NEW, random=token_bytes)


def commands_of(procedure: Procedure[None], card: VirtualCard) -> int:
    channel = Recording(card)
    run(procedure, channel)
    return len(channel.pairs)


PERSONALISING: Final = range(1, commands_of(personalising(), VirtualCard(UID)) + 1)
PERSONALISING_AGAIN: Final = range(1, commands_of(personalising(), kent_card()) + 1)
UPDATING: Final = range(1, commands_of(updating(), kent_card()) + 1)

both_moments = pytest.mark.parametrize("done", [False, True], ids=["not-done", "done-unheard"])


def tear(card: VirtualCard, procedure: Procedure[None], n: int, *, done: bool) -> None:
    """Run the procedure, lose the card at its ``n``-th command, lay it on again."""
    card.reset()
    card.tear_after(n, done=done)
    with pytest.raises(CardRemoved):
        run(procedure, card)
    card.reset()


def contents(card: VirtualCard) -> dict[Service, bytes]:
    return {service: read(card, service) for service in Service}


def test_there_is_something_to_tear() -> None:
    assert len(PERSONALISING) > len(PERSONALISING_AGAIN) > len(UPDATING) == 6


@both_moments
@pytest.mark.parametrize("n", PERSONALISING)
def test_a_card_torn_away_from_the_desk_is_whole_the_next_time(n: int, *, done: bool) -> None:
    card = VirtualCard(UID)
    tear(card, personalising(), n, done=done)
    run(personalising(), card)
    assert contents(card) == RECORDS
    run(updating(), card)
    assert contents(card) == {**RECORDS, **NEW}


@both_moments
@pytest.mark.parametrize("n", PERSONALISING)
def test_a_card_torn_away_twice_is_whole_the_third_time(n: int, *, done: bool) -> None:
    card = VirtualCard(UID)
    tear(card, personalising(), n, done=done)
    again = VirtualCard.load(card.dump())
    left = commands_of(personalising(), VirtualCard.load(card.dump()))
    tear(again, personalising(), (left + 1) // 2, done=done)
    run(personalising(), again)
    assert contents(again) == RECORDS


@both_moments
@pytest.mark.parametrize("n", PERSONALISING)
def test_a_half_made_card_never_says_anything_wrong(n: int, *, done: bool) -> None:
    card = VirtualCard(UID)
    tear(card, personalising(), n, done=done)
    for service in Service:
        card.reset()
        try:
            record = read(card, service)
        except (CardRefused, ForeignCard):
            continue
        assert record in (b"", RECORDS[service])


@both_moments
@pytest.mark.parametrize("n", PERSONALISING_AGAIN)
def test_a_kent_card_torn_away_from_the_desk_keeps_what_it_held(n: int, *, done: bool) -> None:
    card = kent_card({Service.LIBRARY: b"before"})
    tear(card, personalising(), n, done=done)
    held = contents(card)
    empty = dict.fromkeys(Service, b"")
    assert held in ({**empty, Service.LIBRARY: b"before"}, RECORDS)


@both_moments
@pytest.mark.parametrize("n", UPDATING)
def test_an_update_torn_away_leaves_the_old_records_or_the_new_ones(n: int, *, done: bool) -> None:
    card = kent_card()
    tear(card, updating(), n, done=done)
    committed = n == UPDATING[-1] and done
    assert contents(card) == ({**RECORDS, **NEW} if committed else RECORDS)
    run(updating(), card)
    assert contents(card) == {**RECORDS, **NEW}


def test_personalising_again_sends_no_key() -> None:
    channel = Recording(kent_card())
    run(personalising(), channel)
    change_key, create_application, create_file = 0xC4, 0xCA, 0xCB
    sent = {command[1] for command, _ in channel.pairs}
    assert not sent & {change_key, create_application, create_file}


@pytest.mark.parametrize(
    ("keys", "error"),
    [
        (keys_for(UID, issuer=b"essex"), CardRefused),
        (keys_for(UID, generation=2), CardHasOtherKeys),
    ],
    ids=["another-issuer", "another-generation"],
)
def test_other_keys_stop_the_desk_and_stay_as_they_are(
    keys: CardKeys, error: type[ReadersError]
) -> None:
    card = kent_card()
    before = card.dump()
    with pytest.raises(error):
        run(personalise(keys, RECORDS, random=token_bytes), card)
    assert card.dump() == before


def test_a_card_that_is_not_as_the_factory_left_it_stops_the_desk() -> None:
    card = VirtualCard(UID)
    session_key = run(authenticate_factory_des(random=token_bytes), card)
    run(replace_factory_key(session_key, KeyAt(bytes(16), 0)), card)
    with pytest.raises(CardRefused):
        run(personalising(), card)


def test_a_card_without_room_is_refused_and_told_so() -> None:
    card = VirtualCard(UID)
    run(create_application(None, b"OLD", key_settings=0x0F, key_count=1), card)
    run(select_application(b"OLD"), card)
    run(create_standard_file(None, 1, mode=CommMode.PLAIN, access=0xEEEE, size=3500), card)
    with pytest.raises(CardRefused) as refused:
        run(personalising(), card)
    assert refused.value.status == Status.OUT_OF_MEMORY
