"""A record that gave more than the one a card was last written with was put back, and is known."""

import msgspec
from sqlalchemy import update

from cardservice import hotlist
from entitlements.models import ServiceRecord
from entitlements.status import minima
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.wire import Purpose
from tests.support.server import World


async def test_a_lessened_record_has_a_lowest_sequence_once_the_card_was_written(
    served: World,
) -> None:
    desk = await served.machine()
    resident = await served.register()
    card = await served.issue(resident, desk)
    kiosk = await served.machine("Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))
    record = served.read(card, Service.LIBRARY)
    assert record is not None
    seen = wire.SeenRecord(
        number=record.number, status_index=record.status_index, record_sequence=record.sequence
    )
    asked = wire.CheckRequest(service=Service.LIBRARY, uid=card.uid, record=seen)

    async def lowest() -> tuple[int | None, dict[int, int]]:
        answer = await kiosk.post(wire.CHECKS_PATH, asked)
        known = msgspec.json.decode(answer.content, type=wire.CheckAnswer).least_sequence
        return known, await served.do(lambda session: minima(session, Service.LIBRARY))

    assert await lowest() == (None, {})

    async def lessen(written: int) -> None:
        own = update(ServiceRecord).where(
            ServiceRecord.service == Service.LIBRARY,
            ServiceRecord.status_index == record.status_index,
        )
        lessened = record.sequence + 1
        values = {"sequence": lessened, "lessened_at_sequence": lessened}
        await served.do(
            lambda session: session.execute(own.values(**values, written_sequence=written))
        )

    await lessen(record.sequence)
    assert await lowest() == (None, {}), "the card still honestly carries the older one"
    await lessen(record.sequence + 1)
    least = record.sequence + 1
    assert await lowest() == (least, {record.status_index: least})
    assert hotlist.POLICIES[Service.LIBRARY].pass_back_seconds == wire.PASS_BACK_SECONDS
