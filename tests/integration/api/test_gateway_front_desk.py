"""A tap at a front desk opens the holder's record for the clerk it is paired with, and no other."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import select

from cardservice import bus_passes, front_desk, pairing, replacement, terminal_set_up
from cardservice.front_desk_models import DeskTap
from cardservice.models import Terminal
from cardservice.pairing import Paired
from identity import sessions
from identity.sessions import SignedInSession
from identity.trail_models import RecordRead
from readers.contract.front_desk import FRONT_DESK_PATH, BusPassSeen, HolderSeen
from readers.contract.products import Product
from readers.contract.services import Service
from readers.contract.wire import Purpose
from readers.virtual.card import VirtualCard
from tests.support.bus_passes import ISRN, bus_pass, directory_of, shell_of
from tests.support.kiosk import Kiosk, kiosk
from tests.support.lives import WILL
from tests.support.pairs import paired, signed_in_clerk
from tests.support.people import CLERK, JEAN
from tests.support.server import Machine, World
from tests.support.visitor import STAFF_COOKIE

LIBRARY: Final = (Service.LIBRARY,)
WHY: Final = "The holder was present, by tap"


class Clerk:
    """Somebody at the staff console."""

    def __init__(self, world: World, token: str, own: SignedInSession) -> None:
        self.own = own
        self._world = world
        self._cookie = {"cookie": f"{STAFF_COOKIE}={token}"}

    async def opens(self, path: str = "/staff/front-desk") -> httpx.Response:
        async with httpx.AsyncClient(base_url=self._world.url, trust_env=False) as http:
            return await http.get(path, headers=self._cookie)

    async def pairs(self, desk: Kiosk) -> None:
        code = await desk.press()
        async with self._world.database.transaction() as session:
            now = self._world.clock()
            found = await pairing.pair(session, self._world.vault, code, self.own, now=now)
        assert isinstance(found, Paired)


async def clerk(world: World, name: str) -> Clerk:
    async with world.database.transaction() as session:
        return Clerk(world, *await signed_in_clerk(session, name, now=world.clock()))


async def set_up(world: World, desk: Kiosk, product: Product) -> None:
    """By the server, and the desk has its new bundle."""
    async with world.database.transaction() as session:
        row = (await session.scalars(select(Terminal).where(Terminal.name != "Desk"))).one()
        await terminal_set_up.change(
            session, row.id, product=product, settings={}, actor=CLERK, now=world.clock()
        )
    desk.terminal.sync.online = False
    await asyncio.to_thread(desk.terminal.sync.once)


@asynccontextmanager
async def front(world: World, directory: Path) -> AsyncIterator[Kiosk]:
    async with kiosk(world, directory) as desk:
        await set_up(world, desk, Product.FRONT_DESK)
        yield desk


async def paired_desk(world: World) -> Machine:
    """A front desk without a reader, for messages by hand."""
    machine = await world.machine("Other", services=LIBRARY, purposes=(Purpose.VALIDATE,))
    async with world.database.transaction() as session:
        await terminal_set_up.change(
            session, machine.id, product=Product.FRONT_DESK, settings={}, actor=CLERK,
            now=world.clock(),
        )  # fmt: skip
    await paired(world, machine, (await clerk(world, "sam")).own)
    return machine


def record_of(answer: httpx.Response) -> str:
    """Where the waiting page leads; empty when it goes on waiting."""
    assert answer.status_code in (200, 303), answer.text
    return str(answer.headers.get("location", ""))


async def reads(world: World, account_id: UUID) -> list[tuple[str, str]]:
    async with world.database.transaction() as session:
        found = await session.scalars(select(RecordRead).where(RecordRead.account_id == account_id))
        return [(each.actor_label, each.reason) for each in found]


async def test_a_tap_opens_the_record_at_the_paired_clerk_alone_and_is_logged(
    served: World, tmp_path: Path
) -> None:
    resident = await served.register()
    card = await served.issue(resident, await served.machine())
    sam, kim = await clerk(served, "sam"), await clerk(served, "kim")
    async with front(served, tmp_path) as desk:
        await sam.pairs(desk)
        waiting = await sam.opens()
        assert "Waiting for a card at:" in waiting.text
        assert waiting.headers["refresh"] == "2"
        await desk.tap(card)
        assert desk.terminal.board.look()[1].advice == "A member of staff now sees your record."
        assert record_of(await kim.opens()) == ""
        where = record_of(await sam.opens())
        assert where == f"/staff/residents/{resident}?reason=tapped&done="
        opened = await sam.opens(where)
        assert opened.status_code == 200
        assert JEAN.email in opened.text
        assert await reads(served, resident) == [("Clerk sam", WHY)]
        assert record_of(await sam.opens()) == "", "each tap opens it once"
        refused = await kim.opens(where)
        assert "Why do you need" in refused.text or JEAN.email not in refused.text
        assert len(await reads(served, resident)) == 1


async def test_nobody_says_by_hand_that_a_holder_was_present_by_tap(served: World) -> None:
    resident = await served.register()
    sam = await clerk(served, "sam")
    asked = await sam.opens(f"/staff/residents/{resident}?reason=tapped")
    assert asked.status_code == 200
    assert JEAN.email not in asked.text
    assert await reads(served, resident) == []


async def test_the_tap_is_a_reason_for_a_quarter_of_an_hour(served: World, tmp_path: Path) -> None:
    resident = await served.register()
    card = await served.issue(resident, await served.machine())
    sam = await clerk(served, "sam")
    async with front(served, tmp_path) as desk:
        await sam.pairs(desk)
        await desk.tap(card)
        where = record_of(await sam.opens())
        served.clock.move(minutes=10)
        assert JEAN.email in (await sam.opens(where)).text
        served.clock.move(minutes=5)
        assert JEAN.email not in (await sam.opens(where)).text


async def test_a_tap_nobody_was_there_for_opens_nothing_later(
    served: World, tmp_path: Path
) -> None:
    card = await served.issue(await served.register(), await served.machine())
    sam = await clerk(served, "sam")
    async with front(served, tmp_path) as desk:
        await desk.tap(card)
        assert desk.terminal.board.look()[1].title == "Nobody is at this desk"
        await sam.pairs(desk)
        assert record_of(await sam.opens()) == ""
        served.clock.move(seconds=20)
        await desk.tap(card)
        served.clock.move(minutes=2)
        assert record_of(await sam.opens()) == "", "who tapped may have gone"


async def test_the_next_clerk_at_the_desk_is_not_shown_who_was_there_before(
    served: World, tmp_path: Path
) -> None:
    resident = await served.register()
    card = await served.issue(resident, await served.machine())
    sam, kim = await clerk(served, "sam"), await clerk(served, "kim")
    async with front(served, tmp_path) as desk:
        await sam.pairs(desk)
        await desk.tap(card)
        await kim.pairs(desk)
        assert record_of(await kim.opens()) == ""
        where = f"/staff/residents/{resident}?reason=tapped"
        assert JEAN.email not in (await kim.opens(where)).text


async def test_who_signed_out_is_shown_nothing_and_the_desk_says_nobody_is_there(
    served: World, tmp_path: Path
) -> None:
    card = await served.issue(await served.register(), await served.machine())
    sam = await clerk(served, "sam")
    async with front(served, tmp_path) as desk:
        await sam.pairs(desk)
        async with served.database.transaction() as session:
            kind, own = sam.own.kind, sam.own
            await sessions.end_all(
                session, own.subject_id, kind, actor=own.actor, now=served.clock()
            )
        await desk.tap(card)
        assert desk.terminal.board.look()[1].title == "Nobody is at this desk"
        assert (await sam.opens()).status_code == 403


async def test_a_page_that_waits_by_itself_keeps_nobody_signed_in(
    served: World, tmp_path: Path
) -> None:
    sam = await clerk(served, "sam")
    async with front(served, tmp_path) as desk:
        await sam.pairs(desk)
        for _ in range(7):
            served.clock.move(minutes=2)
            assert (await sam.opens()).status_code == 200
        served.clock.move(minutes=2)
        assert (await sam.opens()).status_code == 403


async def test_a_terminal_that_the_server_did_not_make_a_front_desk_opens_nothing(
    served: World,
) -> None:
    machine = await served.machine("Other", services=LIBRARY, purposes=(Purpose.VALIDATE,))
    seen = HolderSeen(service=Service.LIBRARY, number=1, status_index=1)
    answer = await machine.post(FRONT_DESK_PATH, seen)
    assert (answer.status_code, answer.json()["code"]) == (403, "not-a-front-desk")


async def test_a_record_nobody_has_or_of_a_lost_card_or_another_service_opens_nothing(
    served: World,
) -> None:
    resident = await served.register()
    card = await served.issue(resident, await served.machine())
    record = served.read(card, Service.LIBRARY)
    assert record is not None
    machine = await paired_desk(served)

    async def told(**changes: object) -> str:
        seen = HolderSeen(
            service=Service.LIBRARY, number=record.number, status_index=record.status_index
        )
        answer = await machine.post(FRONT_DESK_PATH, msgspec.structs.replace(seen, **changes))
        return str(answer.json().get("answer") or answer.json()["code"])

    assert await told(number=record.number + 1) == "not-known"
    assert await told(status_index=record.status_index + 1) == "not-known"
    assert await told(service=Service.TRAVEL) == "service-not-allowed"
    assert await told() == "shown"
    card_id = await served.card_id(resident)
    await served.do(
        lambda session: replacement.report_lost(session, card_id, actor=CLERK, now=served.clock())
    )
    assert await told() == "not-known"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"type": "holder"},
        {"type": "nobody"},
        {"type": "bus-pass", "isrn": "12"},
        {"type": "bus-pass", "isrn": "6" * 5000},
        {"type": "bus-pass", "isrn": ISRN[:-1] + "7"},
        {"type": "bus-pass", "isrn": ISRN, "expires_on": "soon"},
    ],
)
async def test_what_is_no_message_is_refused(served: World, body: dict[str, object]) -> None:
    machine = await paired_desk(served)
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as http:
        answer = await http.post(FRONT_DESK_PATH, headers=machine.header(), json=body)
    assert answer.status_code in (400, 422), answer.text
    async with served.database.transaction() as session:
        assert (await session.scalars(select(DeskTap))).all() == []


async def test_a_bus_pass_at_the_desk_is_read_shown_to_the_clerk_and_linked_by_them(
    served: World, tmp_path: Path
) -> None:
    resident = await served.register(WILL)
    sam, kim = await clerk(served, "sam"), await clerk(served, "kim")
    async with front(served, tmp_path) as desk:
        await sam.pairs(desk)
        await desk.tap(bus_pass(shell_of(), directory_of(blocked=True)))
        assert desk.terminal.board.look()[1].title == "Bus pass read, not verified"
        assert desk.terminal.journal.counts().taps == 0, "nothing was asked, nothing decided"
    page = (await sam.opens()).text
    for words in (
        "633597 0289 0100001 6", "Read, not verified", "Expires on 31 March 2028",
        "Marked as blocked",
    ):  # fmt: skip
        assert words in page
    assert "633597" not in (await kim.opens()).text
    form = f"/staff/residents/{resident}/bus-passes/new?reason=at-desk"
    assert "Link this bus pass" in (await sam.opens(form)).text
    assert "Link this bus pass" not in (await kim.opens(form)).text
    async with served.database.transaction() as session:
        read = await front_desk.pass_read(session, served.vault, sam.own, now=served.clock())
        assert read is not None
        assert read.seen == BusPassSeen(isrn=ISRN, expires_on=read.seen.expires_on, blocked=True)
        rows = (await session.scalars(select(DeskTap))).all()
        assert all(ISRN.encode() not in (row.sealed_pass or b"") for row in rows)
        assert await bus_passes.of_account(session, served.vault, resident) == ()


async def test_a_card_that_is_neither_is_refused_as_anywhere_else(
    served: World, tmp_path: Path
) -> None:
    sam = await clerk(served, "sam")
    async with front(served, tmp_path) as desk:
        await sam.pairs(desk)
        await desk.tap(VirtualCard(bytes(range(4, 11))), "refused")
        assert desk.terminal.board.look()[1].reason == "foreign-card"
        assert desk.terminal.journal.counts().taps == 1
        misread = bytearray(shell_of())
        misread[20] ^= 1
        await desk.tap(bus_pass(bytes(misread)), "try-again")


async def test_without_the_network_a_tap_is_decided_and_the_holder_sent_to_staff(
    served: World, tmp_path: Path
) -> None:
    card = await served.issue(await served.register(), await served.machine())
    async with front(served, tmp_path) as desk:
        desk.terminal.network.cut(yes=True)
        await desk.tap(card)
        shown = desk.terminal.board.look()[1]
        assert (shown.title, shown.state) == ("We cannot open your record now", "fault")
        assert desk.terminal.journal.counts().taps == 1
