"""The page that says how every reader is: what needs a visit first, and never by colour alone."""

from datetime import timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import terminal_health, terminals
from cardservice.terminals import KnownTerminal, Role
from identity.models import StaffRole
from readers.contract.health import HealthReport, ReaderHealth, ReaderState
from readers.contract.services import Service
from readers.contract.wire import Purpose
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.desks import enrolled_desk
from tests.support.people import CLERK
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser

NAMES = ("Ashford kiosk", "Canterbury <b>front desk</b>", "Dover validator")


def prepare(live: LiveServer) -> None:
    """One in order, one without its reader, one silent, and one nobody has enrolled."""

    async def work(session: AsyncSession) -> None:
        now = live.clock()
        for number, name in enumerate(NAMES):
            made = await enrolled_desk(session, name, now=now)
            known = KnownTerminal(
                made.id, made.name, made.place, made.authority, frozenset(), frozenset(),
                revoked=False, last_seen_at=None,
            )  # fmt: skip
            at = now - timedelta(hours=2 * (number == 2))
            state = ReaderState.GONE if number == 1 else ReaderState.READY
            said = HealthReport(
                at=at, software="0.1.0", wire_version=1, product="front-desk", started_at=at,
                readers=[ReaderHealth(name="ACS ACR1252 Reader 00 00", state=state, since=at)],
                taps_waiting=number, bundle_at=at, lists_at=at,
            )  # fmt: skip
            await terminal_health.take(session, known, said, now=at)
        role = Role(
            name="Thanet kiosk", place="Margate library", services=(Service.LIBRARY,),
            purposes=(Purpose.VALIDATE,),
        )  # fmt: skip
        await terminals.create(session, role, actor=CLERK, now=now)

    live.do(work)


def test_the_page_puts_what_needs_a_visit_first_and_says_so_in_words(
    reader: Reader, live_server: LiveServer
) -> None:
    prepare(live_server)
    page = reader.page
    sign_in(page, live_server, live_server.add_staff(StaffRole.CARD_OFFICER, "tess"))
    page.get_by_role("link", name="All readers", exact=True).click()
    reader.check("All readers")
    heads = [
        " ".join(each.split()) for each in page.locator("h2.govuk-heading-m").all_inner_texts()
    ]
    assert heads == [
        "Canterbury <b>front desk</b> Needs a visit",
        "Dover validator Needs a visit",
        "Thanet kiosk Needs a look",
        "Ashford kiosk In order",
    ]
    assert reader.says("Not heard of since")
    assert reader.says("ACS ACR1252 Reader 00 00: Gone")
    assert reader.says("No machine has used its code yet.")


def test_an_adviser_is_not_shown_the_page(reader: Reader, live_server: LiveServer) -> None:
    page = reader.page
    sign_in(page, live_server, live_server.add_staff(StaffRole.ADVISER, "ned"))
    assert page.get_by_role("link", name="All readers", exact=True).count() == 0
    answer = page.goto("/staff/terminals")
    assert answer is not None
    assert answer.status == 403
