"""A tap at a Gateway front desk opens the holder's record for the clerk whose browser it serves.

Only for them: what is laid on a reader belongs to its pairing, and a pairing to one staff session.
The terminal is believed that the card was there; what it may have opened so is the record of
whoever's card it has, at the desk of a clerk who is signed in and sees it happen.
"""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import Select, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import pairing, terminal_set_up
from cardservice.errors import NotAFrontDesk, ServiceNotAllowed
from cardservice.front_desk_models import DeskTap
from cardservice.models import Card, CardState
from cardservice.pairing_models import Pairing
from cardservice.terminals import KnownTerminal
from entitlements.models import ServiceNumber, ServiceRecord
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.sessions import SignedInSession
from readers.card.itso import check_isrn
from readers.contract.front_desk import BusPassSeen, DeskAnswer, HolderSeen, Seen
from readers.contract.products import Product

OPENS_WITHIN: Final = timedelta(minutes=2)
"""A record opens for a tap this young: an older one is of somebody who may have gone."""
PRESENT_FOR: Final = timedelta(minutes=15)
"""How long a tap is a reason to look at its holder's record."""


class PassRead(msgspec.Struct, frozen=True):
    """A bus pass that was read at one of a clerk's readers.

    Attributes:
        tap_id: by which it is linked.
    """

    tap_id: UUID
    seen: BusPassSeen
    at: datetime


async def take(
    session: AsyncSession, vault: Vault, terminal: KnownTerminal, seen: Seen, *, now: datetime
) -> DeskAnswer:
    """Keep what was laid on the reader, for the clerk it serves.

    Raises:
        NotAFrontDesk: the server has not set this terminal up as one.
        ServiceNotAllowed: the terminal does not check that service.
        MalformedShell: no ISRN.
    """
    set_up = await terminal_set_up.of(session, terminal.id)
    if set_up.product is not Product.FRONT_DESK:
        raise NotAFrontDesk("This terminal is not set up as a front desk.")
    pairing_id = await pairing.of_terminal(session, terminal.id, now=now)
    if pairing_id is None:
        return DeskAnswer.NOBODY_THERE
    row = DeskTap(pairing_id=pairing_id, tapped_at=now)
    match seen:
        case HolderSeen():
            row.account_id = await _holder(session, terminal, seen)
            if row.account_id is None:
                return DeskAnswer.NOT_KNOWN
        case BusPassSeen():
            check_isrn(seen.isrn)
            plain = msgspec.json.encode(seen).decode()
            row.sealed_pass = vault.seal(DeskTap.__tablename__, "sealed_pass", row.id, plain)
    session.add(row)
    await session.flush()
    return DeskAnswer.SHOWN


async def to_open(session: AsyncSession, own: SignedInSession, *, now: datetime) -> UUID | None:
    """The account whose record opens now in this session; None when nobody has tapped.

    Each tap opens it once.
    """
    query = _taps_of(own).where(
        DeskTap.account_id.is_not(None),
        DeskTap.opened_at.is_(None),
        DeskTap.tapped_at > now - OPENS_WITHIN,
    )
    waiting = (await session.scalars(query.with_for_update(of=DeskTap))).all()
    for tap in waiting:  # of several cards the last is who stands there
        tap.opened_at = now
    return waiting[0].account_id if waiting else None


async def was_tapped(
    session: AsyncSession, own: SignedInSession, account_id: UUID, *, now: datetime
) -> bool:
    """Whether this resident's card was at one of this session's readers a short while ago."""
    query = _taps_of(own).where(
        DeskTap.account_id == account_id, DeskTap.tapped_at > now - PRESENT_FOR
    )
    return (await session.scalars(query.limit(1))).first() is not None


async def pass_read(
    session: AsyncSession, vault: Vault, own: SignedInSession, *, now: datetime
) -> PassRead | None:
    """The bus pass read last at one of this session's readers, a short while ago."""
    query = _taps_of(own).where(
        DeskTap.sealed_pass.is_not(None), DeskTap.tapped_at > now - PRESENT_FOR
    )
    tap = (await session.scalars(query.limit(1))).first()
    if tap is None or tap.sealed_pass is None:
        return None
    plain = vault.open(DeskTap.__tablename__, "sealed_pass", tap.id, tap.sealed_pass)
    return PassRead(tap.id, msgspec.json.decode(plain, type=BusPassSeen), tap.tapped_at)


def _taps_of(own: SignedInSession) -> Select[DeskTap]:
    """At the readers that serve a session, the newest first."""
    return (
        select(DeskTap)
        .join(Pairing, Pairing.id == DeskTap.pairing_id)
        .where(Pairing.session_id == own.session_id, Pairing.staff_id == own.subject_id)
        .order_by(DeskTap.tapped_at.desc(), DeskTap.id.desc())
    )


async def _holder(session: AsyncSession, terminal: KnownTerminal, seen: HolderSeen) -> UUID | None:
    """Whose record that is, on a card in use; None when it is nobody's."""
    if seen.service not in terminal.services:
        raise ServiceNotAllowed(f"This terminal does not check {seen.service}.")
    return await session.scalar(
        select(ServiceRecord.account_id)
        .join(Card, Card.id == ServiceRecord.carrier_id)
        .join(Account, Account.id == ServiceRecord.account_id)
        .join(
            ServiceNumber,
            (ServiceNumber.account_id == ServiceRecord.account_id)
            & (ServiceNumber.service == ServiceRecord.service),
        )
        .where(
            ServiceRecord.service == seen.service,
            ServiceRecord.status_index == seen.status_index,
            ServiceNumber.number == seen.number,
            Card.state == CardState.ACTIVE,
            Account.state == AccountState.ACTIVE,
        )
    )
