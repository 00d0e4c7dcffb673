"""A leisure pass runs out: nobody does anything, and the card is emptied of it at its next tap."""

from datetime import UTC, date, datetime

import msgspec

from cardservice import reassessing
from entitlements import grants
from entitlements.grants import EndReason
from identity import accounts
from identity.evidence import DocumentShown, Proof
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.wire import Purpose, SessionResult
from readers.virtual.card import VirtualCard
from tests.support.people import CLERK, JEAN
from tests.support.server import Machine, World

AWARD = DocumentShown("universal-credit", dated_on=date(2026, 11, 1))
YOUNG = msgspec.structs.replace(JEAN, birth_date=date(1990, 7, 31), postcode="TN9 1BH")
LAST_MORNING = datetime(2028, 5, 21, 8, 0, tzinfo=UTC)
DAY_AFTER = datetime(2028, 5, 22, 8, 0, tzinfo=UTC)


async def _work(served: World, now: datetime) -> int:
    """Let the worker run at a moment; for how many residents it decided."""
    served.clock.moment = now
    done = await reassessing.reassess_due(served.database, served.vault, now=now)
    assert done.failed == 0
    return done.decided


async def _update_owed(served: World, reader: Machine, card: VirtualCard) -> bool:
    record = served.read(card, Service.LEISURE)
    assert record is not None
    seen = wire.SeenRecord(
        number=record.number, status_index=record.status_index, record_sequence=record.sequence
    )
    question = wire.CheckRequest(service=Service.LEISURE, uid=card.uid, record=seen)
    answer = await reader.post(wire.CHECKS_PATH, question)
    assert answer.status_code == 200, answer.text
    return msgspec.json.decode(answer.content, type=wire.CheckAnswer).update_owed


async def _update(reader: Machine, card: VirtualCard) -> SessionResult:
    card.reset()
    ended = await reader.card_session(Purpose.UPDATE, card)
    assert ended is not None
    return ended.result


async def test_a_leisure_pass_that_ran_out_leaves_the_card_at_the_next_tap(served: World) -> None:
    desk = await served.machine()
    reader = await served.machine(
        "Larkfield Leisure Centre",
        services=(Service.LEISURE,),
        purposes=(Purpose.VALIDATE, Purpose.UPDATE),
    )
    resident = await served.register(YOUNG)
    await served.do(
        lambda session: accounts.sight_document(
            session, served.vault, resident, AWARD, Proof.BENEFIT, actor=CLERK, now=served.clock()
        )
    )
    await served.assess(resident)
    card = await served.issue(resident, desk)
    given = served.read(card, Service.LEISURE)
    assert given is not None
    # The pass goes on until May; the card that carries it ends before. London's midnight.
    assert given.valid_until == datetime(2028, 3, 31, 23, 0, tzinfo=UTC)

    # In February the award is too old to be given a pass on; the pass that was given goes on.
    assert await _work(served, datetime(2027, 2, 2, 8, 0, tzinfo=UTC)) == 1
    assert await _work(served, LAST_MORNING) == 0
    assert not await _update_owed(served, reader, card)

    assert await _work(served, DAY_AFTER) == 1
    assert await _work(served, DAY_AFTER) == 0
    assert given.valid_until < DAY_AFTER  # and so every reader refuses it from what it says
    async with served.database.transaction() as session:
        (ended,) = [
            each for each in await grants.history(session, resident) if each.ended_at is not None
        ]
    assert (ended.service, ended.ended_reason) == (Service.LEISURE, EndReason.EXPIRED)
    assert await _update_owed(served, reader, card)
    assert await _update(reader, card) is SessionResult.DONE
    assert served.read(card, Service.LEISURE) is None
    assert served.read(card, Service.LIBRARY) is not None
    assert await _update(reader, card) is SessionResult.NOTHING_OWED
