"""A database of an older version, with people, cards and taps in it, is brought up and goes on."""

from uuid import UUID

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, schema, taps
from cardservice.models import CardState, Tap
from identity import accounts
from identity.actors import Actor, ActorKind
from identity.audit_check import Intact, verify
from identity.keys import FileKeyStore
from readers.contract import wire
from readers.contract.services import Service
from tests.support.people import JEAN
from tests.support.server import World, tap, world, world_on

OLDER = ("0023", "0015", "0006")
"""Before the desk and terminals as products; before partners; before keys for each person."""


async def one_resident_with_a_card(served: World) -> UUID:
    """Fill it: a resident, a card, a kiosk and seven taps."""
    jean = await served.register()
    await served.issue(jean, await served.machine("Desk"))
    kiosk = await served.machine(
        "Kiosk", services=(Service.LIBRARY,), purposes=(wire.Purpose.VALIDATE,)
    )
    batch = wire.TapUpload(taps=[tap(number) for number in range(1, 8)])
    assert (await kiosk.post(wire.TAPS_PATH, batch)).status_code == 200
    return jean


@pytest.mark.parametrize("revision", OLDER)
async def test_people_cards_taps_and_the_trail_are_there_after_an_upgrade(
    database_url: str, keystore: FileKeyStore, revision: str
) -> None:
    async with world(database_url, keystore) as served:
        jean = await one_resident_with_a_card(served)
        url = served.settings.database_url
        await schema.downgrade(served.database.engine, revision)
        assert await schema.current(served.database.engine) == revision
        await schema.upgrade(served.database.engine)
        assert await schema.current(served.database.engine) == schema.head()
        async with world_on(url, keystore) as upgraded:
            await everything_is_there(upgraded, jean)


async def everything_is_there(served: World, jean: UUID) -> None:
    async with served.database.transaction() as session:
        person = await accounts.own_record(session, served.vault, jean, actor=_herself(jean))
        assert person.family_name == JEAN.family_name
        assert await session.scalar(select(func.count(Tap.sequence))) == 7
        [card] = await issuance.cards_of(session, jean)
        assert card.state is CardState.ACTIVE
    async with served.database.reading() as connection, AsyncSession(connection) as session:
        told = await verify(session, served.keystore, streams=[taps.STREAM])
    assert isinstance(told, Intact), told
    kiosk = await served.machine(
        "Another", services=(Service.LIBRARY,), purposes=(wire.Purpose.VALIDATE,)
    )
    batch = wire.TapUpload(taps=[tap(1)])
    assert (await kiosk.post(wire.TAPS_PATH, batch)).status_code == 200


def _herself(account_id: UUID) -> Actor:
    return Actor(ActorKind.RESIDENT, str(account_id))
