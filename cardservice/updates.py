"""All that a card is owed, as one list in the order in which it is done.

The list is made here, from the database alone, and worked through by `card_sessions` at the next
tap on any terminal that may update cards and is online. Its order is one in which it may be broken
off anywhere:

1. A card that readers must refuse is owed a block and nothing else: whoever found or stole it gets
   nothing new, and the longer the card stays in the field the more likely it is taken away.
2. What takes away comes before what gives: broken off between the two, a card says less than its
   holder has, which the next tap mends, and never more.
3. New keys come last. They take longest, change nothing for the holder, and need a card whose
   records are right already if they are broken off.

The records of 1 and 2 are written in one transaction of the chip, all of them or none, so that
today a tear can only fall before that step or after it.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import ClassVar, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, and_, case, exists, false, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from cardservice import generations, lifecycle
from cardservice.errors import MoveNotAllowed
from cardservice.models import Card, CardState
from entitlements import issuing
from entitlements.models import Holder, ServiceRecord
from identity import audit
from identity.actors import Actor
from readers.contract.services import Service
from readers.contract.wire import UpdateKind

NOTHING_KNOWN: Final = -1
"""Version of a card of which it is not known what it carries: all of it is written."""


class Block(msgspec.Struct, frozen=True):
    """Every record shall say of itself that it must be refused."""

    kind: ClassVar[UpdateKind] = UpdateKind.BLOCK


class Remove(msgspec.Struct, frozen=True):
    """The service is not held any more: its file is emptied."""

    service: Service
    kind: ClassVar[UpdateKind] = UpdateKind.REMOVE


class Change(msgspec.Struct, frozen=True):
    """The service's record shall say something else, or is not known to be there as it was."""

    service: Service
    kind: ClassVar[UpdateKind] = UpdateKind.CHANGE


class Unblock(msgspec.Struct, frozen=True):
    """The records shall say again that they may be used."""

    kind: ClassVar[UpdateKind] = UpdateKind.UNBLOCK


class Add(msgspec.Struct, frozen=True):
    """The service is new on the card."""

    service: Service
    kind: ClassVar[UpdateKind] = UpdateKind.ADD


class RollKeys(msgspec.Struct, frozen=True):
    """The chip shall hold keys of newer generations, by the names of `Card.key_generations`."""

    names: tuple[str, ...]
    kind: ClassVar[UpdateKind] = UpdateKind.ROLL_KEYS


Update = Block | Remove | Change | Unblock | Add | RollKeys
_OF_A_SERVICE: Final = {each.kind: each for each in (Remove, Change, Add)}
_OF_THE_CARD: Final = {each.kind: each() for each in (Block, Unblock)}
_ORDER: Final = tuple(UpdateKind)


def ordered(
    records: Mapping[Service, UpdateKind], keys: RollKeys | None = None
) -> tuple[Update, ...]:
    """What is done to records and keys, as one list in the order that the module explains.

    Args:
        records: what is done to the record of each service that is touched.
        keys: what is done to keys; a card that is blocked keeps those it has.
    """
    found: set[Update] = {_update(service, kind) for service, kind in records.items()}
    if keys is not None and Block() not in found:
        found.add(keys)
    return tuple(sorted(found, key=_place))


def kinds(updates: Sequence[Update]) -> tuple[UpdateKind, ...]:
    """The kinds among ``updates``, each once, in order."""
    return tuple(dict.fromkeys(each.kind for each in updates))


async def owed(session: AsyncSession, card: Card, *, now: datetime) -> tuple[Update, ...]:
    """All that a card is owed today; empty if the next tap shall leave it as it is."""
    if not await waits(session, card, now=now):
        return ()
    everything = card.written_version == NOTHING_KNOWN
    dues = await issuing.due(
        session,
        card.account_id,
        card.id,
        last=card.expires_on,
        everything=everything,
        now=now,
    )
    records = {service: each.kind for service, each in dues.items()}
    return ordered(records, await keys_due(session, card, now=now))


async def keys_due(session: AsyncSession, card: Card, *, now: datetime) -> RollKeys | None:
    """The keys that a card in use shall have anew; None if it has the newest."""
    if card.state is not CardState.ACTIVE:
        return None
    names = await generations.behind(session, card, now=now)
    return RollKeys(names) if names else None


def is_owed(now: datetime) -> ColumnElement[bool]:
    """Whether the next online tap shall write the card: over `Card` joined with its `Holder`.

    A card that is refused is owed a block whatever its state; one that is in use what changed since
    it was written, and keys that came into use since.
    """
    record = aliased(ServiceRecord)
    of_card, said = record.carrier_id == Card.id, issuing.otherwise(record)
    stopped = exists().where(of_card, said.is_stopped)
    unsaid = exists().where(of_card, said.is_not_known_to_say_so)
    in_use = Card.state == CardState.ACTIVE
    changed, due = Holder.version > Card.written_version, generations.rolls_due(now)
    return case(
        (Card.state.in_(UNTOUCHED), false()),
        (stopped, unsaid),
        else_=and_(in_use, or_(changed, unsaid, Card.key_rolls < due)),
    )


UNTOUCHED: Final = (CardState.ORDERED, CardState.DESTROYED)
"""Cards that are made or made anew at a desk, and by nothing else."""


async def waits(session: AsyncSession, card: Card, *, now: datetime) -> bool:
    """Whether the next online tap shall write the card."""
    await session.flush()
    asked = (
        select(is_owed(now))
        .select_from(Card)
        .join(Holder, Holder.account_id == Card.account_id)
        .where(Card.id == card.id)
    )
    return bool(await session.scalar(asked))


async def rewrite(session: AsyncSession, card_id: UUID, *, actor: Actor, now: datetime) -> None:
    """Have a whole card written again at its next online tap, whatever it is known to carry.

    Raises:
        NoSuchCard: no card with that id.
        MoveNotAllowed: it is not in use.
    """
    card = await lifecycle.locked(session, card_id)
    if card.state is not CardState.ACTIVE:
        raise MoveNotAllowed("Only a card in use can be written again.")
    card.written_version = NOTHING_KNOWN
    subject = audit.subject_of("card", card.id)
    audit.record(session, "card-rewrite-asked", subject, actor=actor, now=now)


def _update(service: Service, kind: UpdateKind) -> Update:
    if kind in _OF_THE_CARD:
        return _OF_THE_CARD[kind]
    return _OF_A_SERVICE[kind](service)


def _place(update: Update) -> tuple[int, str]:
    service = update.service.value if isinstance(update, Remove | Change | Add) else ""
    return _ORDER.index(update.kind), service
