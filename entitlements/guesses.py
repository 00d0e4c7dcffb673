"""Slowing down whoever guesses the codes that are printed on cards.

Counted twice: for one card at one organisation, as wrong passwords are (five tries, then waits that
double, and no more after a hundred), and for the organisation over all cards, as a network's are.
One organisation's guesses keep no other from the card. Numbers nobody has are counted like others.
"""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.partner_errors import TooManyGuesses
from identity import network_limit, throttle
from identity.personal import Vault

_WHAT: Final = "card-code"


class Counted(msgspec.Struct, frozen=True):
    """Under what guesses are counted: keys of the two tables of identity."""

    card: bytes
    organisation: bytes


def counted_as(vault: Vault, organisation_id: UUID, number: str) -> Counted:
    """Under what guesses of a card's code are counted."""
    return Counted(
        throttle.hash_of(_subject(organisation_id, number)),
        vault.blind("network", f"{_WHAT}:{organisation_id}"),
    )


def may_try(failures: int | None, retry_at: datetime | None, *, now: datetime) -> bool:
    """Whether a code for the card is looked at; no count is no failure."""
    return throttle.is_allowed(failures or 0, retry_at, now)


def refuse_full(empty_at: datetime | None, *, now: datetime) -> None:
    """Keep an organisation waiting that guessed too often.

    Raises:
        TooManyGuesses: with how long to wait.
    """
    later = network_limit.next_try(empty_at, now=now)
    if later is not None:
        raise TooManyGuesses(later - now)


async def count(
    session: AsyncSession, vault: Vault, organisation_id: UUID, number: str, *, now: datetime
) -> None:
    """Count a wrong number or code.

    Raises:
        TooManyGuesses: the organisation has to wait; nothing is counted.
    """
    source = counted_as(vault, organisation_id, number).organisation
    later = await network_limit.may_try_at(session, source, now=now)
    if later is not None:
        raise TooManyGuesses(later - now)
    await network_limit.count(session, source, now=now)
    row = await throttle.locked_row(session, _subject(organisation_id, number))
    if throttle.may_try(row, now):
        throttle.count_failure(row, now)


async def forget(session: AsyncSession, organisation_id: UUID, number: str) -> None:
    """The right code was sent: the card's count begins anew."""
    throttle.forget(await throttle.locked_row(session, _subject(organisation_id, number)))


def _subject(organisation_id: UUID, number: str) -> str:
    return f"{_WHAT}:{organisation_id}:{number}"
