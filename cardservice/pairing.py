"""A terminal serves one browser session of a member of staff: its pairing.

The terminal shows a code that it asked the server for; whoever stands before it types the code at
their browser. So a reader is paired by who sees its screen, and by nobody from afar. The pairing
ends with the staff session, with the next pairing of the terminal, or when the clerk lets go.
What a reader does is told to the session it is paired with alone.
"""

import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import Select, delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.models import Terminal
from cardservice.pairing_models import Pairing, PairingCode
from cardservice.terminals import ALPHABET, KnownTerminal
from identity import audit, throttle
from identity.actors import Actor
from identity.models import StaffMember
from identity.personal import Vault
from identity.sessions import SignedInSession
from identity.signin_models import Session
from readers.contract.wire import Purpose

CODE_LASTS: Final = timedelta(minutes=2)
CODE_LETTERS: Final = 6
_FIELD: Final = "pairing-code"


class NotPaired(StrEnum):
    """Why a typed code pairs nothing."""

    WRONG_CODE = "wrong-code"
    TOO_MANY_TRIES = "too-many-tries"


class Paired(msgspec.Struct, frozen=True):
    """A terminal that serves somebody's session now.

    Attributes:
        id: of the pairing.
        name, place: of the terminal, as people know it.
        makes_cards: whether a blank card can be made there.
    """

    id: UUID
    terminal_id: UUID
    name: str
    place: str
    makes_cards: bool
    begun_at: datetime


async def offer_code(
    session: AsyncSession, vault: Vault, terminal: KnownTerminal, *, now: datetime
) -> str:
    """A code for a terminal's screen, good once and for two minutes; an earlier one stops."""
    code = "".join(secrets.choice(ALPHABET) for _ in range(CODE_LETTERS))
    await session.execute(select(Terminal.id).where(Terminal.id == terminal.id).with_for_update())
    await session.execute(delete(PairingCode).where(PairingCode.terminal_id == terminal.id))
    session.add(
        PairingCode(
            terminal_id=terminal.id,
            code_index=vault.blind(_FIELD, code),
            expires_at=now + CODE_LASTS,
        )
    )
    await session.flush()
    half = CODE_LETTERS // 2
    return f"{code[:half]}-{code[half:]}"


async def pair(
    session: AsyncSession, vault: Vault, typed: str, own: SignedInSession, *, now: datetime
) -> Paired | NotPaired:
    """Pair the terminal that shows this code with a staff session.

    Whoever had the terminal before has it no more. Wrong codes are counted for the member of
    staff: five are free, then each waits longer than the one before.
    """
    count = await throttle.locked_row(session, f"pairing\0{own.subject_id}")
    if not throttle.may_try(count, now):
        return NotPaired.TOO_MANY_TRIES
    using = (
        delete(PairingCode)
        .where(PairingCode.code_index.in_(vault.blinds(_FIELD, _plain(typed))))
        .where(PairingCode.expires_at > now)
        .returning(PairingCode.terminal_id)
    )
    terminal_id = await session.scalar(using)
    if terminal_id is None:
        throttle.count_failure(count, now)
        return NotPaired.WRONG_CODE
    throttle.forget(count)
    await _end(session, terminal_id, now=now)
    begun = Pairing(
        terminal_id=terminal_id, session_id=own.session_id, staff_id=own.subject_id, begun_at=now
    )
    session.add(begun)
    await session.flush()
    _audit(session, "terminal-paired", terminal_id, actor=own.actor, now=now)
    return _paired(begun, await session.get_one(Terminal, terminal_id))


async def let_go(
    session: AsyncSession, terminal_id: UUID, own: SignedInSession, *, now: datetime
) -> bool:
    """End a session's pairing with a terminal. False: it has none."""
    if all(each.terminal_id != terminal_id for each in await of_session(session, own, now=now)):
        return False
    await _end(session, terminal_id, now=now)
    _audit(session, "terminal-let-go", terminal_id, actor=own.actor, now=now)
    return True


async def of_session(
    session: AsyncSession, own: SignedInSession, *, now: datetime
) -> Sequence[Paired]:
    """The terminals that serve a staff session now, the one paired last first."""
    query = _lasting(now).where(Pairing.session_id == own.session_id)
    rows = await session.execute(query.order_by(Pairing.begun_at.desc(), Pairing.id))
    return tuple(_paired(*row) for row in rows)


async def desk_of(session: AsyncSession, own: SignedInSession, *, now: datetime) -> Paired | None:
    """The terminal at which this session's clerk makes cards; None while there is none."""
    paired = await of_session(session, own, now=now)
    return next((each for each in paired if each.makes_cards), None)


async def of_terminal(session: AsyncSession, terminal_id: UUID, *, now: datetime) -> UUID | None:
    """The id of a terminal's pairing that lasts; None of one that serves nobody now."""
    row = (await session.execute(_lasting(now).where(Terminal.id == terminal_id))).one_or_none()
    return row[0].id if row else None


def _lasting(now: datetime) -> Select[Pairing, Terminal]:
    """Pairings whose session could open a page now, with their terminals."""
    return (
        select(Pairing, Terminal)
        .join(Terminal, Terminal.id == Pairing.terminal_id)
        .join(Session, Session.id == Pairing.session_id)
        .join(StaffMember, StaffMember.id == Pairing.staff_id)
        .where(
            Pairing.ended_at.is_(None),
            Terminal.revoked_at.is_(None),
            Session.ended_at.is_(None),
            Session.idle_until > now,
            Session.absolute_until > now,
            StaffMember.active.is_(True),
        )
    )


async def _end(session: AsyncSession, terminal_id: UUID, *, now: datetime) -> None:
    ending = update(Pairing).where(Pairing.terminal_id == terminal_id, Pairing.ended_at.is_(None))
    await session.execute(ending.values(ended_at=now))


def _paired(row: Pairing, terminal: Terminal) -> Paired:
    return Paired(
        id=row.id,
        terminal_id=terminal.id,
        name=terminal.name,
        place=terminal.place,
        makes_cards=Purpose.PERSONALISE.value in terminal.purposes,
        begun_at=row.begun_at,
    )


def _plain(typed: str) -> str:
    """A code as people type it: case, spaces and hyphens do not matter."""
    return typed.upper().replace("-", "").replace(" ", "")[:64]


def _audit(
    session: AsyncSession, action: str, terminal_id: UUID, *, actor: Actor, now: datetime
) -> None:
    audit.record(session, action, audit.subject_of("terminal", terminal_id), actor=actor, now=now)
