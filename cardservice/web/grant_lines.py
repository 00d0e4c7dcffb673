"""What became of everything a resident was given, in the words of a page."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.words import gettext as _
from entitlements import grants, rulebooks
from entitlements.grant_models import GrantMove
from entitlements.grant_states import MOVES, GrantState
from entitlements.grants import EndReason, SuspendReason
from entitlements.models import Grant
from identity.actors import ActorKind

MOVE_WORDS: Final[Mapping[GrantState, str]] = {
    GrantState.OFFERED: _("Offered"),
    GrantState.DECLINED: _("Declined"),
    GrantState.APPLIED: _("Applied for"),
    GrantState.GRANTED: _("Granted"),
    GrantState.SUSPENDED: _("Suspended"),
    GrantState.ENDED: _("Ended"),
}
END_WORDS: Final[Mapping[EndReason, str]] = {
    EndReason.EXPIRED: _("it ran out"),
    EndReason.CHANGED: _("another took its place"),
    EndReason.NOT_ELIGIBLE: _("the conditions were no longer met"),
    EndReason.ERASED: _("the record was erased"),
    EndReason.REFUSED: _("the application was refused"),
    EndReason.WITHDRAWN: _("the application was withdrawn"),
}
SUSPEND_WORDS: Final[Mapping[SuspendReason, str]] = {
    SuspendReason.ASKED: _("Its holder asked for it"),
    SuspendReason.MISUSED: _("It was misused"),
    SuspendReason.ENQUIRY: _("It is being looked into"),
}
RESUME_WORDS: Final[Mapping[SuspendReason, str]] = {
    SuspendReason.SETTLED: _("What it was suspended for is settled"),
    SuspendReason.MISTAKE: _("It was suspended by mistake"),
}
_REASONS: Final[Mapping[str, str]] = {
    reason.value: words for reason, words in (*SUSPEND_WORDS.items(), *RESUME_WORDS.items())
} | {reason.value: words for reason, words in END_WORDS.items()}


class MoveLine(msgspec.Struct, frozen=True):
    """One move: what, when, why, and who where staff did it."""

    what: str
    at: datetime
    why: str
    who: str


class GrantLine(msgspec.Struct, frozen=True, kw_only=True):
    """One grant from its beginning, the newest move last.

    Attributes:
        was_given: whether the days are those of something that was given.
        can_suspend, can_resume: what staff may do with it.
    """

    id: UUID
    title: str
    valid_from: date
    valid_until: date
    was_given: bool
    can_suspend: bool
    can_resume: bool
    moves: tuple[MoveLine, ...]


async def grant_lines(session: AsyncSession, account_id: UUID) -> tuple[GrantLine, ...]:
    """Everything a resident was ever given, offered or applied for, newest first."""
    schemes = (await rulebooks.in_force(session)).schemes
    moves = await grants.moves_of(session, account_id)
    return tuple(
        _line(
            given,
            schemes[given.scheme].title if given.scheme in schemes else given.scheme,
            [_move(each) for each in _in_order(moves.get(given.id, ()))] or _before_moves(given),
        )
        for given in await grants.history(session, account_id)
    )


def _line(given: Grant, title: str, moves: list[MoveLine]) -> GrantLine:
    state = given.state
    return GrantLine(
        id=given.id,
        title=title,
        valid_from=given.valid_from,
        valid_until=given.valid_until,
        was_given=any(each.what == MOVE_WORDS[GrantState.GRANTED] for each in moves),
        can_suspend=GrantState.SUSPENDED in MOVES[state],
        can_resume=state is GrantState.SUSPENDED,
        moves=tuple(moves),
    )


def _in_order(moves: Sequence[GrantMove]) -> Sequence[GrantMove]:
    """By time; of one moment in the order in which a grant goes on."""
    states = list(GrantState)
    return sorted(moves, key=lambda each: (each.at, states.index(each.now_is)))


def _move(row: GrantMove) -> MoveLine:
    return MoveLine(
        MOVE_WORDS[row.now_is],
        row.at,
        _REASONS.get(row.reason or "", ""),
        row.by_label if row.by_kind is ActorKind.STAFF else "",
    )


def _before_moves(given: Grant) -> list[MoveLine]:
    """Of a grant from before its moves were kept: when it was given and when it ended."""
    lines = [MoveLine(MOVE_WORDS[GrantState.GRANTED], given.granted_at, "", "")]
    if given.ended_at is not None:
        why = _REASONS.get(given.ended_reason or "", "")
        lines.append(MoveLine(MOVE_WORDS[GrantState.ENDED], given.ended_at, why, ""))
    return lines
