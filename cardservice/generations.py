"""Generations of card keys: which are written to cards, which cards still have which, which count.

A key is rotated in four steps, of which the third takes as long as the slowest holder: a new
generation is made, and terminals are given it; from its day on, cards are made with it and rolled
onto it at their next online tap; they come one by one; the old generation is retired.
"""

from collections import Counter
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import lifecycle
from cardservice.card_keys import FIRST, PURPOSES, READ_PURPOSES, Generations
from cardservice.errors import (
    GenerationInUse,
    GenerationNeeded,
    GenerationsUsedUp,
    NoSuchGeneration,
    NotACardKey,
)
from cardservice.key_models import KeyGeneration
from cardservice.models import Card
from identity import audit
from identity.actors import Actor
from identity.keys import KeyId, KeyStore, Purpose
from readers.card.keys import MAX_VERSION
from readers.contract.statuslist import Status
from readers.contract.wire import READ_KEYS_EVERY

READ_KEYS_AHEAD: Final = timedelta(days=7)
"""How long terminals have to fetch a new read key before the first card can be read by no other."""

READ_KEYS_SOONEST: Final = 2 * READ_KEYS_EVERY
"""How long they have in a hurry: every one that is online has asked by then."""

GONE: Final = tuple(each for each, said in lifecycle.STATUS.items() if said is Status.INVALID)
"""States of cards that nobody will ever use again, whatever keys they have."""

_NAMES: Final[Mapping[Purpose, str]] = {purpose: name for name, purpose in PURPOSES.items()}
_CHECKED: Final = bytes(16)
_CHECK_BYTES: Final = 3


class Standing(msgspec.Struct, frozen=True):
    """How a generation stands.

    Attributes:
        cards: how many cards were last confirmed to hold it.
        in_use: whether cards are made with it today.
        used_from: None for a first generation.
        retires_on: None if nobody said.
    """

    purpose: Purpose
    generation: int
    cards: int
    in_use: bool
    used_from: datetime | None
    retires_on: date | None


async def in_use(session: AsyncSession, *, now: datetime) -> Generations:
    """The generation of each key that cards are made with and rolled onto."""
    used = (
        select(KeyGeneration.purpose, func.max(KeyGeneration.generation))
        .where(KeyGeneration.used_from <= now)
        .group_by(KeyGeneration.purpose)
    )
    rows = (await session.execute(used)).all()
    return {**FIRST, **{_NAMES[Purpose(purpose)]: generation for purpose, generation in rows}}


def rolls_due(now: datetime) -> ColumnElement[int]:
    """What `Card.key_rolls` is of a card that has the newest keys."""
    latest = (
        select(func.max(KeyGeneration.generation).label("latest"))
        .where(KeyGeneration.used_from <= now)
        .group_by(KeyGeneration.purpose)
        .subquery()
    )
    return select(func.coalesce(func.sum(latest.c.latest - 1), 0)).scalar_subquery()


async def behind(session: AsyncSession, card: Card, *, now: datetime) -> tuple[str, ...]:
    """Names of the keys that a card has of an older generation than is in use."""
    has = card.key_generations or {}
    wanted = await in_use(session, now=now)
    return tuple(name for name in PURPOSES if name in has and has[name] < wanted[name])


def note(card: Card, confirmed: Generations) -> None:
    """The chip was shown to hold these generations; of other keys it holds what it held."""
    has = {**(card.key_generations or {}), **confirmed}
    card.key_generations = has
    card.key_rolls = sum(has.values()) - len(has)


async def retired(session: AsyncSession, *, on: date) -> frozenset[KeyId]:
    """Keys that no longer count: no terminal is given them, and no card is written under them."""
    query = select(KeyGeneration).where(KeyGeneration.retires_on <= on)
    return frozenset(
        KeyId(Purpose(row.purpose), row.generation) for row in await session.scalars(query)
    )


async def add(
    session: AsyncSession,
    keystore: KeyStore,
    purpose: Purpose,
    *,
    used_from: datetime | None = None,
    actor: Actor,
    now: datetime,
    given: bytes | None = None,
) -> KeyGeneration:
    """Make a generation of a card key; it is used from its day on, and then for every card.

    A generation that waited for a later day is skipped over.

    Args:
        session: whose transaction it is.
        keystore: makes and keeps the key.
        purpose: of a card key.
        used_from: when cards are first made with it; by default at once, and a read key after
            `READ_KEYS_AHEAD`. A moment that is over means at once, and of a read key after
            `READ_KEYS_SOONEST`.
        actor: who does it.
        now: when.
        given: the key, where custodians made it.

    Raises:
        NotACardKey: the key is on no card.
        GenerationsUsedUp: a card could not tell this generation.
    """
    _check_card_key(purpose)
    if keystore.current(purpose).generation >= MAX_VERSION:
        raise GenerationsUsedUp(f"{purpose} has had {MAX_VERSION} generations.")
    terminals_have_it = purpose in READ_PURPOSES.values()
    ahead, least = (READ_KEYS_AHEAD, READ_KEYS_SOONEST) if terminals_have_it else (timedelta(),) * 2
    begins = max(now + least, used_from or now + ahead)
    waiting = (KeyGeneration.purpose == purpose.value, KeyGeneration.used_from > begins)
    await session.execute(update(KeyGeneration).where(*waiting).values(used_from=begins))
    key = keystore.rotate(purpose, now=now, given=given)
    made = KeyGeneration(
        purpose=purpose.value,
        generation=key.generation,
        made_at=now,
        used_from=begins,
        check_value=check_value(keystore, key),
    )
    session.add(made)
    detail: audit.Detail = {"used_from": begins.isoformat(), "check_value": made.check_value}
    _audit(session, "card-key-made", key, detail, actor=actor, now=now)
    await session.flush()
    return made


async def retire(
    session: AsyncSession,
    keystore: KeyStore,
    key: KeyId,
    *,
    on: date,
    even_though: int | None = None,
    actor: Actor,
    now: datetime,
) -> int:
    """From a day on a generation counts no more, nor does any before it.

    Args:
        session: whose transaction it is.
        keystore: has the key.
        key: the last generation that shall not count.
        on: the first day on which it does not.
        even_though: how many cards still need one of them and will have to be replaced.
        actor: who does it.
        now: when.

    Returns:
        How many cards still need one of them.

    Raises:
        NotACardKey, NoSuchGeneration: there is nothing to retire.
        GenerationInUse: cards are made with it.
        GenerationNeeded: that many cards need one of them, and `even_though` does not say so.
    """
    _check_card_key(key.purpose)
    if key not in keystore.generations(key.purpose):
        raise NoSuchGeneration(f"There is no {key.wire.decode()}.")
    if key.generation >= (await in_use(session, now=now))[_NAMES[key.purpose]]:
        raise GenerationInUse(f"Cards are made with {key.wire.decode()}. Rotate the key first.")
    cards = await _needing(session, key)
    if cards and even_though != cards:
        raise GenerationNeeded(
            f"{cards} cards still need {key.wire.decode()} or a generation before it. They would "
            f"be refused everywhere, and have to be replaced. If so, say --even-though {cards}.",
            cards,
        )
    for generation in range(1, key.generation + 1):
        await _ends(session, KeyId(key.purpose, generation), on, now)
    detail: audit.Detail = {"on": on.isoformat(), "cards": cards}
    _audit(session, "card-key-retired", key, detail, actor=actor, now=now)
    await session.flush()
    return cards


async def standings(
    session: AsyncSession, keystore: KeyStore, *, now: datetime
) -> tuple[Standing, ...]:
    """Every generation of every card key, and how many cards were last confirmed to hold it."""
    held, used = await _held(session), await in_use(session, now=now)
    rows = {(row.purpose, row.generation): row for row in await session.scalars(_ALL)}
    return tuple(
        _standing(key, held[name, key.generation], used[name], rows.get((purpose, key.generation)))
        for name, purpose in PURPOSES.items()
        for key in keystore.generations(purpose)
    )


async def remaining(session: AsyncSession, *, now: datetime) -> int:
    """How many cards were not confirmed to hold the newest keys that are in use."""
    query = select(func.count()).where(
        Card.uid_index.is_not(None), Card.state.not_in(GONE), Card.key_rolls < rolls_due(now)
    )
    return await session.scalar(query) or 0


def check_value(keystore: KeyStore, key: KeyId) -> str:
    """Six hexadecimal digits that tell whether two people have the same AES key, and not the key.

    Source: ANSI X9.24-1:2017 annex A: of an AES key, the first bytes of its CMAC over a block of
    zeros.
    """
    return keystore.cmac(key, _CHECKED)[:_CHECK_BYTES].hex().upper()


_ALL: Final = select(KeyGeneration)


def _standing(key: KeyId, cards: int, used: int, row: KeyGeneration | None) -> Standing:
    return Standing(
        purpose=key.purpose,
        generation=key.generation,
        cards=cards,
        in_use=key.generation == used,
        used_from=row.used_from if row and key.generation > 1 else None,
        retires_on=row.retires_on if row else None,
    )


async def _held(session: AsyncSession) -> Counter[tuple[str, int]]:
    """(name of the key, generation) -> cards."""
    query = (
        select(Card.key_generations, func.count())
        .where(Card.key_generations.is_not(None), Card.state.not_in(GONE))
        .group_by(Card.key_generations)
    )
    held: Counter[tuple[str, int]] = Counter()
    for has, cards in (await session.execute(query)).all():
        for name, generation in (has or {}).items():
            held[name, generation] += cards
    return held


async def _needing(session: AsyncSession, key: KeyId) -> int:
    held = await _held(session)
    return sum(held[_NAMES[key.purpose], each] for each in range(1, key.generation + 1))


async def _ends(session: AsyncSession, key: KeyId, on: date, now: datetime) -> None:
    row = await session.get(KeyGeneration, (key.purpose.value, key.generation))
    if row is None:
        row = KeyGeneration(
            purpose=key.purpose.value, generation=key.generation, made_at=now, used_from=now
        )
        session.add(row)
    row.retires_on = min(on, row.retires_on or on)


def _check_card_key(purpose: Purpose) -> None:
    if purpose not in _NAMES:
        raise NotACardKey(f"{purpose} is on no card.")


def _audit(
    session: AsyncSession,
    action: str,
    key: KeyId,
    detail: audit.Detail,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    subject = audit.subject_of("key", key.wire.decode())
    audit.record(session, action, subject, actor=actor, now=now, detail=detail)
