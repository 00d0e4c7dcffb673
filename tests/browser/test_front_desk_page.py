"""The page on which a clerk waits for a card at their reader."""

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import front_desk, terminal_set_up
from cardservice.models import Terminal
from cardservice.terminals import KnownTerminal
from readers.contract.front_desk import BusPassSeen, DeskAnswer
from readers.contract.products import Product
from readers.contract.wire import Purpose
from tests.browser.test_pairing_pages import code_of
from tests.support.browser import Reader
from tests.support.bus_passes import DAY, ISRN
from tests.support.clerk import sign_in
from tests.support.people import CLERK, JEAN
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser


def lay_a_bus_pass(live: LiveServer) -> None:
    async def work(session: AsyncSession) -> None:
        now = live.clock()
        desk = (await session.scalars(select(Terminal))).one()
        await terminal_set_up.change(
            session, desk.id, product=Product.FRONT_DESK, settings={}, actor=CLERK, now=now
        )
        known = KnownTerminal(
            desk.id, desk.name, desk.place, desk.authority, frozenset(),
            frozenset({Purpose.VALIDATE}), revoked=False, last_seen_at=None,
        )  # fmt: skip
        seen = BusPassSeen(isrn=ISRN, expires_on=DAY, blocked=False)
        taken = await front_desk.take(session, live.vault, known, seen, now=now)
        assert taken is DeskAnswer.SHOWN

    live.do(work)


def test_a_clerk_waits_sees_the_bus_pass_that_was_read_and_links_it(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    account = live_server.register(JEAN)
    sign_in(page, live_server)
    page.goto("/staff/front-desk")
    reader.check("Wait for a card")
    assert reader.says("No reader serves your browser.")
    page.goto("/staff/readers")
    page.get_by_label("Code on the reader’s screen").fill(code_of(live_server, "Front desk 1"))
    reader.press("Pair this reader")
    lay_a_bus_pass(live_server)
    page.get_by_role("link", name="Wait for a card").click()
    reader.check("Wait for a card")
    assert reader.says("Waiting for a card at: Front desk 1.")
    assert reader.says("Read, not verified")
    page.goto(f"/staff/residents/{account}/bus-passes/new?reason=at-desk")
    reader.check("Link a bus pass")
    reader.press("Link this bus pass")
    assert reader.says("633597 0289 0100001 6")
    assert reader.says("Read, not verified")
