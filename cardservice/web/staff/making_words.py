"""What a clerk reads while a card is made, and what to do when it does not go on."""

from collections.abc import Mapping
from typing import Final

import msgspec

from cardservice import card_sessions
from cardservice.card_sessions import Outcome
from cardservice.making import Making
from cardservice.progress import ORDER
from cardservice.progress_models import Progress, Stage
from cardservice.web.card_lines import tap_line
from cardservice.web.words import gettext as _
from readers.contract.wire import SessionResult

STAGES: Final[Mapping[Stage, str]] = {
    Stage.CARD_LAID: _("A card lies on the reader"),
    Stage.CHECKING: _("The card is checked"),
    Stage.APPLICATION: _("Room for Kent Card is made on it"),
    Stage.KEYS: _("Its keys are set"),
    Stage.FILES: _("Its files are made"),
    Stage.WRITING: _("What the holder may have is written"),
    Stage.CLOSING: _("It is closed and confirmed"),
}
_LAY_AGAIN: Final = _("Lay the same card on the reader again. It goes on where it stopped.")
FAULTS: Final[Mapping[SessionResult, tuple[str, str]]] = {
    SessionResult.BROKEN_OFF: (_("The card is not finished: it was taken away"), _LAY_AGAIN),
    SessionResult.TIMED_OUT: (_("The card is not finished: it took too long"), _LAY_AGAIN),
    SessionResult.REFUSED: (
        _("This card cannot be used"),
        _("It is somebody’s already, or it is being written elsewhere. Lay a blank card."),
    ),
    SessionResult.NO_ORDER: (
        _("Nothing waited to be made when this card was laid"),
        _("Lift the card and lay it again."),
    ),
    SessionResult.UNKNOWN_CARD: (_("This is no card of ours"), _("Lay a blank Kent Card.")),
}
"""How it ended -> what happened, and what to do; any other has the words of the reader's screen."""
CODES: Final[Mapping[str, tuple[str, str]]] = {
    "card-has-other-keys": (
        _("This card is not blank: it has keys of another issuer"),
        _("Put it aside and lay another blank card."),
    ),
    "foreign-card": (_("This is no card that can become a Kent Card"), _("Lay a blank card.")),
}
"""Code of an error -> the same, where it says more than the result."""


class Step(msgspec.Struct, frozen=True):
    """A stage on the page.

    Attributes:
        state: `done`, `now` or `later`.
    """

    words: str
    state: str


class MakingLines(msgspec.Struct, frozen=True, kw_only=True):
    """How far it is, in words.

    Attributes:
        title, advice: what happens now, or what to do.
        is_fault: whether it did not go on.
        answer: of the reader to the test tap; empty while there is none.
        answer_is_yes: whether it was a yes to this card.
    """

    title: str
    advice: str
    is_fault: bool
    steps: tuple[Step, ...]
    answer: str
    answer_is_yes: bool


def making_lines(making: Making) -> MakingLines:
    """What the page shows of an order."""
    title, advice, is_fault = _now(making)
    answer, is_yes = _answer(making)
    return MakingLines(
        title=title,
        advice=advice,
        is_fault=is_fault,
        steps=_steps(making),
        answer=answer,
        answer_is_yes=is_yes,
    )


def _now(making: Making) -> tuple[str, str, bool]:
    last = making.progress
    if making.is_made:
        return _("The card is made"), _("Lift it, then lay it again to test it."), False
    if making.order.closed_at is not None:
        return _("The order is cancelled"), _("Go back to the record."), True
    if last is None:
        return _("Lay a blank card on the reader"), _("Leave it there until it is made."), False
    if last.result is None:
        return _("Leave the card on the reader"), STAGES[last.stage], False
    return *_fault(last, last.result), True


def _fault(last: Progress, result: SessionResult) -> tuple[str, str]:
    if (words := CODES.get(last.code or "") or FAULTS.get(result)) is not None:
        return words
    said = card_sessions.ended(Outcome(result, last.code))
    return said.title, said.advice


def _steps(making: Making) -> tuple[Step, ...]:
    last = making.progress
    reached = ORDER.index(last.stage) if last else -1
    if making.is_made:
        reached = len(ORDER)
    return tuple(
        Step(STAGES[stage], "done" if place < reached else "now" if place == reached else "later")
        for place, stage in enumerate(ORDER)
    )


def _answer(making: Making) -> tuple[str, bool]:
    tested = making.tested
    if tested is None:
        return "", False
    line = tap_line(tested.tap)
    said = f"{line.service}: {line.answer}"
    if tested.of_this_card:
        return said, line.accepted
    return _("%(said)s. The reader could not tell that it was this card") % {"said": said}, False
