"""What becomes of a card, and why staff say so, in the words of a page."""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

import msgspec

from cardservice.lifecycle import MOVES
from cardservice.models import CardState
from cardservice.web.words import gettext as _
from identity.roles import Act

TO_WORDS: Final = {
    CardState.ACTIVE: _("It can be used (again)"),
    CardState.SUSPENDED: _("It is suspended"),
    CardState.LOST: _("It is lost"),
    CardState.STOLEN: _("It was stolen"),
    CardState.DAMAGED: _("It is damaged"),
    CardState.FAULTY: _("It is faulty, and nobody damaged it"),
    CardState.RETURNED: _("It was handed in, or came back in the post"),
    CardState.DISPATCHED: _("It was posted"),
    CardState.DESTROYED: _("It was destroyed, or never arrived"),
}
"""What a card becomes by a word of staff alone; what else follows has a form of its own."""


class Why(StrEnum):
    """Why a member of staff says what became of a card."""

    HOLDER_SAID = "holder-said"
    IN_HAND = "in-hand"
    HANDED_IN = "handed-in"
    BY_POST = "by-post"
    MISUSE = "misuse"
    OUR_MISTAKE = "our-mistake"


WHY_WORDS: Final = {
    Why.HOLDER_SAID: _("The resident said so"),
    Why.IN_HAND: _("I have the card in my hand and looked at it"),
    Why.HANDED_IN: _("Somebody handed it in"),
    Why.BY_POST: _("It was sent, or came back, in the post"),
    Why.MISUSE: _("Somebody else may be using it"),
    Why.OUR_MISTAKE: _("It was recorded wrongly"),
}


class MoveLine(msgspec.Struct, frozen=True):
    """Something that can become of a card, and who of the staff may say so."""

    to: str
    words: str
    act: Act


def moves_of(state: CardState) -> tuple[MoveLine, ...]:
    """What can become of a card in a state, by a word of staff."""
    return tuple(
        MoveLine(to.value, TO_WORDS[to], move.act)
        for (before, to), move in MOVES.items()
        if before is state and state is not CardState.ORDERED and move.act and to in TO_WORDS
    )


def allowed(state: CardState, may: Callable[[Act], bool]) -> list[tuple[str, str]]:
    """The same for who may do some acts, as choices of a form."""
    return [(each.to, each.words) for each in moves_of(state) if may(each.act)]
