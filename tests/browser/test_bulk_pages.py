"""Cards in bulk at the browser: a batch that two people send, its results, and a renewal."""

from datetime import date
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import bureaus, issuance, lifecycle, renewing
from cardservice.database import Database
from cardservice.models import Card, CardState
from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.bureau import CardWorks, dispatched, failed
from tests.support.clerk import open_record, sign_in
from tests.support.people import CLERK, JEAN
from tests.support.web import LiveServer, aside

pytestmark = pytest.mark.browser
FIRST_PAGE = "Find a resident"
PEOPLE = ("Ann", "Bea")


def orders(live: LiveServer, works: CardWorks) -> list[str]:
    """A bureau, and residents who wait for a card of it; answers their ids."""
    residents = [
        live.register(
            msgspec.structs.replace(JEAN, given_names=name, email=f"{name}@example.com".lower())
        )
        for name in PEOPLE
    ]

    async def work(session: AsyncSession) -> None:
        await bureaus.add(session, "Card Works", works.keys(), actor=CLERK, now=live.clock())
        for resident in residents:
            await issuance.order(
                session, live.vault, UUID(resident), None, actor=CLERK, now=live.clock()
            )

    live.do(work)
    return residents


def test_a_batch_is_made_released_sent_and_answered(
    reader: Reader, live_server: LiveServer, tmp_path: Path
) -> None:
    works, page = CardWorks(), reader.page
    first = live_server.add_staff(StaffRole.CARD_OFFICER, "ana")
    second = live_server.add_staff(StaffRole.SUPERVISOR, "ben")
    orders(live_server, works)
    sign_in(page, live_server, first, FIRST_PAGE)
    page.get_by_role("link", name="Cards for a bureau").click()
    reader.check("Cards for a bureau")
    assert reader.says("2 orders can be sent to a bureau.")
    reader.press("Make a batch")
    assert reader.says("Another person must release it before it leaves the house")
    assert reader.says("You made this batch yourself. Another person must release it.")
    address = page.url.partition("?")[0]
    reader.press("Sign out")
    sign_in(page, live_server, second, FIRST_PAGE)
    page.goto(address)
    reader.check("Batch of Kent Card")
    reader.press("Release it")
    assert reader.says("The batch is released")
    with page.expect_download() as coming:
        page.get_by_role("button", name="Download it", exact=True).click()
    head, rows = works.opened(Path(coming.value.path()).read_bytes(), live_server.keystore)
    assert {row["name"] for row in rows} == {"Ann O'Malley", "Bea O'Malley"}
    page.goto(address)
    assert reader.says("With the bureau")
    reader.press("Take the results")
    assert reader.says("Select the file of results that the bureau sent")
    batch = UUID(head["batch"])
    swapped = works.answer(batch, [failed(1), dispatched(2, bytes(7))])
    give(reader, tmp_path, swapped)
    assert reader.says("Nothing was taken from this file. Line 3: Row 2:")
    reader.check("Error: Batch of Kent Card")
    give(reader, tmp_path, works.answer(batch, [failed(1, "data"), failed(2, "print")]))
    assert reader.says("0 posted, 1 ordered again, 1 to look at")
    reader.check("Batch of Kent Card")
    assert reader.says("Row 2: print. It was ordered again.")
    assert page.get_by_role("link", name="Open the record").count() == 1


def give(reader: Reader, directory: Path, data: bytes) -> None:
    """Hand in a file of results."""
    path = directory / "made.jws"
    path.write_bytes(data)
    reader.page.get_by_label("File of results").set_input_files(path)
    reader.press("Take the results")


def test_a_renewal_is_previewed_begun_and_answered_without_scripts(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    reader, page = reader_without_scripts, reader_without_scripts.page
    jean = live_server.register(JEAN)
    ends = date(2028, 3, 31)

    async def hold(session: AsyncSession) -> None:
        now = live_server.clock()
        card = Card(
            account_id=UUID(jean),
            created_at=now,
            state_since=now,
            state=CardState.ACTIVE,
            sealed_uid=b"sealed",
            uid_index=b"found",
            expires_on=ends,
        )
        session.add(card)

    live_server.do(hold)
    sign_in(page, live_server, live_server.add_staff(StaffRole.SUPERVISOR), FIRST_PAGE)
    page.get_by_role("link", name="Renewing cards").click()
    assert reader.says("Cards that end on 31 March 2028")
    reader.press("Count what a run would do")
    aside(worker(live_server))
    page.reload()
    assert reader.says("1: holder asked first")
    page.get_by_text("Why", exact=False).first.click()
    assert reader.says("1: no use of the card is recorded, which does not mean it is not used")
    reader.press("Begin: order cards and write to residents")
    aside(worker(live_server))
    page.goto("/staff/renewals")
    assert reader.says("1 card was looked at.")
    assert reader.says("1: holder asked, no answer that is enough yet")
    open_record(page, JEAN.postcode, "Jean O'Malley")
    assert reader.says("the resident is asked first.")
    page.locator("#renewal").scroll_into_view_if_needed()
    reader.press("Sign out")
    sign_in_resident(reader, live_server)
    assert reader.says("Your card ends on 31 March 2028.")
    page.get_by_role("link", name="Renew your card").click()
    assert reader.says("We have no record of when you last used it.")
    assert reader.says(f"We would post it to: {JEAN.address_lines[0]}")
    reader.press("Keep my card")
    assert reader.says("Say whether this is where you live")
    page.get_by_label("This is where I live").check()
    reader.press("Keep my card")
    assert reader.says("We are making you another card and will post it to you")

    async def coming(session: AsyncSession) -> date | None:
        card = await lifecycle.coming_card(session, UUID(jean))
        return None if card is None else card.expires_on

    assert live_server.do(coming) == date(2033, 3, 31)


def test_the_pages_of_a_renewal_are_fit_for_everybody(
    reader: Reader, live_server: LiveServer
) -> None:
    page = reader.page
    sign_in(page, live_server, live_server.add_staff(StaffRole.SUPERVISOR), FIRST_PAGE)
    page.goto("/staff/renewals")
    reader.check("Renewing cards")
    assert reader.says("No card in use has a last day.")
    reader.press("Sign out")
    live_server.register(JEAN)
    sign_in_resident(reader, live_server)
    page.goto("/account/renewal")
    reader.check("Renew your card")


async def worker(live: LiveServer) -> None:
    """What the worker does meanwhile."""
    database = Database(live.settings.database_url)
    try:
        await renewing.count_previews(database, live.vault, now=live.clock())
        for day in await renewing.under_way(database):
            async for _each in renewing.go_on(database, live.vault, day, now=live.clock()):
                pass
    finally:
        await database.close()


def sign_in_resident(reader: Reader, live: LiveServer) -> None:
    """With a code from the messages."""
    page = reader.page
    page.goto("/sign-in")
    page.get_by_label("E-mail address").fill(JEAN.email)
    reader.press("Send me a code")
    page.get_by_label("Code").fill(live.newest_code())
    reader.press("Sign in")
