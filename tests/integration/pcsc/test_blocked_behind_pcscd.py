"""A lost card on a real reader stack: blocked and unblocked, torn away at every command."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from cardservice import replacement
from identity.keys import FileKeyStore
from readers.contract import wire
from readers.contract.record import RecordStatus
from readers.contract.services import Service
from readers.contract.wire import Broken, Ended, Purpose, SessionResult
from readers.pcsc.channel import connect
from readers.terminal.relay import run_card_session
from readers.terminal.server import Network
from readers.virtual.card import VirtualCard
from readers.virtual.pcscd import Pcscd
from tests.support.pcsc import laid
from tests.support.people import CLERK
from tests.support.server import Machine, World, world

pytestmark = pytest.mark.pcsc

ENDLESS = 60


@pytest.fixture
async def served(database_url: str, keystore: FileKeyStore) -> AsyncIterator[World]:
    async with world(database_url, keystore) as started:
        yield started


async def test_a_lost_card_is_blocked_and_a_found_one_unblocked_wherever_it_was_torn(
    served: World, pcscd: Pcscd
) -> None:
    desk = await served.machine()
    resident = await served.register()
    card = await served.issue(resident, desk)
    card_id = await served.card_id(resident)
    reader = await served.machine(
        "Library", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE, Purpose.UPDATE)
    )
    for change, wanted in (
        (replacement.report_lost, RecordStatus.BLOCKED),
        (replacement.found, RecordStatus.ACTIVE),
    ):
        async with served.database.transaction() as session:
            await change(session, card_id, actor=CLERK, now=served.clock())
        before = _status(served, card)
        assert before is not wanted
        for torn_at in range(1, ENDLESS):
            card.tear_after(torn_at, done=False)
            ended = await asyncio.to_thread(_session, served, pcscd, reader, card)
            card = VirtualCard.load(card.dump())  # as it is, and not to be torn any more
            if isinstance(ended, Ended):
                assert (ended.result, torn_at > 4) == (SessionResult.DONE, True)
                break
            assert _status(served, card) is before, torn_at
        assert _status(served, card) is wanted


def _session(served: World, pcscd: Pcscd, machine: Machine, card: VirtualCard) -> Ended | Broken:
    name = pcscd.readers[0]
    with laid(pcscd, name, card), connect(name) as channel:
        return run_card_session(
            served.url,
            wire.Hello(purpose=Purpose.UPDATE, uid=card.uid),
            channel,
            authorization=machine.header()["authorization"],
            network=Network(),
        )


def _status(served: World, card: VirtualCard) -> RecordStatus:
    card.reset()
    record = served.read(card, Service.LIBRARY)
    assert record is not None
    card.reset()
    return record.status
