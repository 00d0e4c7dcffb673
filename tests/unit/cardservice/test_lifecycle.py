"""The table of a card's life: what it allows, and what each move does to the records."""

from itertools import product

from cardservice.lifecycle import LIVE, MOVES
from cardservice.models import CardState
from readers.contract.statuslist import Status


def test_replaced_and_failed_cards_go_nowhere() -> None:
    for end, to in product((CardState.REPLACED, CardState.FAILED), CardState):
        assert (end, to) not in MOVES


def test_leaving_use_for_good_makes_records_invalid_and_for_now_suspends_them() -> None:
    for (before, to), effect in MOVES.items():
        if to in {CardState.REPLACED, CardState.FAILED}:
            assert effect is Status.INVALID, (before, to)
    assert MOVES[CardState.ACTIVE, CardState.LOST] is Status.SUSPENDED
    assert MOVES[CardState.LOST, CardState.ACTIVE] is Status.VALID


def test_a_live_card_can_always_leave() -> None:
    for state in LIVE:
        assert any(before is state and to not in LIVE for before, to in MOVES)
