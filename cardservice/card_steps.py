"""The steps of a card session: one procedure each, with the keys and records it needs."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import assert_never

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import generations, updates
from cardservice.card_keys import candidates, card_keys
from cardservice.models import Card
from cardservice.updates import RollKeys, Update
from entitlements.issuing import Issued
from identity.keys import KeyStore
from readers.card.apdu import Procedure
from readers.card.layout import MASTER_KEY, WRITE_KEY
from readers.card.personalise import CardKeys, personalise, update_under
from readers.card.rolling import PICC, Candidates, roll
from readers.contract.services import Service
from readers.contract.wire import UpdateKind

Records = Mapping[Service, Issued]


class ToPersonalise(msgspec.Struct, frozen=True):
    """Keys and records for a new card."""

    keys: CardKeys
    records: Records


class ToUpdate(msgspec.Struct, frozen=True):
    """What is written on a card in use, all of it or nothing, under the key it may have for it."""

    write_keys: Candidates
    records: Records


class ToRoll(msgspec.Struct, frozen=True):
    """New keys for a card in use, by their names in `Card.key_generations`."""

    keys: Mapping[str, Candidates]


Step = ToPersonalise | ToUpdate | ToRoll


def making(keystore: KeyStore, uid: bytes, card: Card, records: Records) -> tuple[Step, ...]:
    """The one step that makes a card."""
    return (ToPersonalise(card_keys(keystore, uid, card.key_generations or {}), records),)


async def updating(
    session: AsyncSession,
    keystore: KeyStore,
    uid: bytes,
    card: Card,
    records: Records,
    owed: Sequence[Update],
    *,
    now: datetime,
) -> tuple[Step, ...]:
    """The steps that do what a card in use is owed: its records, and then its keys.

    Its keys may be newer than we were told: a roll that was broken off may have gone further.
    """
    has, wanted = card.key_generations or {}, await generations.in_use(session, now=now)

    def may_have(name: str) -> Candidates:
        return candidates(keystore, uid, name, range(has[name], wanted[name] + 1))

    steps: list[Step] = []
    if records:
        steps.append(ToUpdate(may_have(str(WRITE_KEY)), records))
    steps.extend(
        ToRoll({name: may_have(name) for name in _with_master(each.names)})
        for each in owed
        if isinstance(each, RollKeys)
    )
    return tuple(steps)


def procedure(step: Step, confirmed: dict[str, int]) -> Procedure[None]:
    """What is done at the card; ``confirmed`` is told the keys it was shown to hold."""
    match step:
        case ToPersonalise(keys, records):
            return personalise(keys, _data(records), random=secrets.token_bytes)
        case ToUpdate(write_keys, records):
            return update_under(write_keys, _data(records), random=secrets.token_bytes)
        case ToRoll(keys):
            return roll(keys, random=secrets.token_bytes, confirmed=confirmed.__setitem__)
        case never:
            assert_never(never)


def doing(step: Step) -> Sequence[UpdateKind]:
    """What the terminal is told of a step."""
    match step:
        case ToPersonalise():
            return ()
        case ToRoll():
            return (UpdateKind.ROLL_KEYS,)
        case ToUpdate(records=records):
            return updates.kinds(updates.ordered(kinds(records)))
        case never:
            assert_never(never)


def kinds(records: Records) -> Mapping[Service, UpdateKind]:
    """What is done to each record."""
    return {service: issued.kind for service, issued in records.items()}


def _with_master(names: Sequence[str]) -> Sequence[str]:
    """The application's master changes its keys, also where it stays."""
    master = [str(MASTER_KEY)] if set(names) != {PICC} else []
    return tuple(dict.fromkeys((*names, *master)))


def _data(records: Records) -> Mapping[Service, bytes]:
    return {service: issued.data for service, issued in records.items()}
