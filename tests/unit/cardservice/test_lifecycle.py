"""The table of a card's life: what it allows, to whom, and what each state does to the records."""

from datetime import UTC, datetime
from itertools import product
from uuid import UUID

import pytest

from cardservice.charge_causes import Cause
from cardservice.lifecycle import FINAL, MOVES, STATUS, may
from cardservice.models import COMING, LIVE, Card, CardState
from identity.actors import SYSTEM, Actor, ActorKind, resident_actor, staff_actor
from readers.contract.statuslist import Status

HOLDER = UUID("6a1f2c1e-5f10-4a52-8a57-52f5b1e0a001")
STRANGER = UUID("6a1f2c1e-5f10-4a52-8a57-52f5b1e0a002")
TERMINAL = Actor(ActorKind.TERMINAL, str(UUID(int=3)))


def _card() -> Card:
    moment = datetime(2026, 11, 22, tzinfo=UTC)
    return Card(account_id=HOLDER, created_at=moment, state_since=moment)


def test_replaced_and_destroyed_cards_go_nowhere() -> None:
    for end, to in product(FINAL, CardState):
        assert (end, to) not in MOVES
    assert {before for before, _ in MOVES} == set(CardState) - FINAL


def test_every_state_can_be_reached_from_an_order() -> None:
    reached = {CardState.ORDERED}
    while found := {to for before, to in MOVES if before in reached} - reached:
        reached |= found
    assert reached == set(CardState)


def test_what_is_invalid_never_becomes_anything_else() -> None:
    assert set(STATUS) == set(CardState)
    for before, to in MOVES:
        if STATUS[before] is Status.INVALID:
            assert STATUS[to] is Status.INVALID, (before, to)
    assert STATUS[CardState.LOST] is Status.SUSPENDED
    assert STATUS[CardState.REPLACED] is Status.INVALID


def test_only_a_card_in_use_is_accepted_of_those_that_carry_records() -> None:
    accepted = {state for state, effect in STATUS.items() if effect is Status.VALID}
    assert accepted == {CardState.ACTIVE, CardState.ORDERED}


def test_no_card_is_both_had_and_on_its_way_and_none_stays_so_for_ever() -> None:
    assert frozenset() == LIVE & COMING
    for state in LIVE | COMING:
        assert any(before is state and to not in LIVE | COMING for before, to in MOVES)


@pytest.mark.parametrize("cause", list(Cause))
def test_a_replacement_is_charged_for_by_what_happened_to_the_card(cause: Cause) -> None:
    charged = [(before, to) for (before, to), move in MOVES.items() if move.charge is cause]
    assert charged == [(CardState(cause.value), CardState.REPLACED)]


def test_whatever_puts_a_new_card_to_use_ends_the_old_one() -> None:
    for (before, to), move in MOVES.items():
        assert move.ends_other == (before in COMING and to is CardState.ACTIVE), (before, to)


def test_a_holder_reports_their_own_card_and_never_makes_or_suspends_one() -> None:
    holder, stranger = resident_actor(HOLDER, "123456789"), resident_actor(STRANGER, "223456789")
    theirs = {move for move, how in MOVES.items() if may(how, _card(), holder)}
    assert (CardState.ACTIVE, CardState.LOST) in theirs
    assert (CardState.DISPATCHED, CardState.ACTIVE) in theirs
    assert (CardState.STOLEN, CardState.ACTIVE) not in theirs
    for made in (CardState.PERSONALISED, CardState.DISPATCHED, CardState.SUSPENDED):
        assert not [move for move in theirs if made is move[1]]
    assert not any(may(how, _card(), stranger) for how in MOVES.values())


def test_partners_move_nothing_and_nobody_but_the_night_says_that_a_card_expired() -> None:
    card, clerk = _card(), staff_actor(UUID(int=9), "Priya Shah")
    partner = Actor(ActorKind.PARTNER, "p")
    for (before, to), how in MOVES.items():
        assert not may(how, card, partner), (before, to)
        assert may(how, card, SYSTEM), (before, to)
        if to is CardState.EXPIRED:
            assert not may(how, card, clerk), before
            assert not may(how, card, TERMINAL), before
