"""A clerk pairs a reader with their browser and lets it go, and a colleague takes it over."""

from playwright.sync_api import Browser
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import pairing, terminals
from cardservice.models import Terminal
from cardservice.terminals import KnownTerminal
from identity.models import StaffRole
from readers.contract.wire import Purpose
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.desks import enrolled_desk
from tests.support.web import LiveServer


def code_of(live: LiveServer, name: str) -> str:
    """What the reader of that name shows when its button is pressed."""

    async def work(session: AsyncSession) -> str:
        known = {each.name: each for each in await terminals.all_terminals(session)}
        desk: Terminal = known.get(name) or await enrolled_desk(session, name, now=live.clock())
        asking = KnownTerminal(
            id=desk.id,
            name=desk.name,
            place=desk.place,
            authority=desk.authority,
            services=frozenset(),
            purposes=frozenset({Purpose.PERSONALISE}),
            revoked=False,
            last_seen_at=None,
        )
        return await pairing.offer_code(session, live.vault, asking, now=live.clock())

    return live.do(work)


def test_a_clerk_pairs_a_reader_and_a_colleague_takes_it_over(
    browser: Browser, live_server: LiveServer
) -> None:
    sam = Reader(browser, live_server.url)
    sign_in(sam.page, live_server)
    sam.page.get_by_role("link", name="Your readers").click()
    sam.check("Your readers")
    assert sam.says("No reader serves your browser.")
    sam.press("Pair this reader")
    sam.check("Error: Your readers")
    sam.page.get_by_label("Code on the reader’s screen").fill("AAA-AAA")
    sam.press("Pair this reader")
    assert sam.says("No reader shows this code now")
    sam.page.get_by_label("Code on the reader’s screen").fill(code_of(live_server, "Desk 4"))
    sam.press("Pair this reader")
    sam.check("Your readers")
    assert sam.says("Desk 4")
    assert sam.says("It serves your browser since")

    kim = Reader(browser, live_server.url, javascript=False)
    sign_in(kim.page, live_server, live_server.add_staff(StaffRole.ADVISER))
    kim.page.goto("/staff/readers")
    assert kim.says("No reader serves your browser.")
    kim.page.get_by_label("Code on the reader’s screen").fill(code_of(live_server, "Desk 4"))
    kim.press("Pair this reader")
    assert kim.says("Desk 4")
    sam.page.goto("/staff/readers")
    assert sam.says("No reader serves your browser.")
    kim.page.get_by_role("button", name="Let it go").click()
    assert kim.says("The reader serves nobody now")
    assert kim.says("No reader serves your browser.")
