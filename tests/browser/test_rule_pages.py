"""Two members of staff change a rule in the browser, and a resident's page knows the new scheme."""

from collections.abc import Awaitable, Callable

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import publishing
from identity.models import StaffRole
from tests.support.browser import Reader
from tests.support.clerk import sign_in
from tests.support.people import JEAN, NOW
from tests.support.rule_changes import NEW_SCHEME
from tests.support.web import LiveServer

pytestmark = pytest.mark.browser
FIRST_PAGE = "Find a resident"


def counted(live: LiveServer) -> Callable[[AsyncSession], Awaitable[None]]:
    """What the worker does between two visits."""

    async def work(session: AsyncSession) -> None:
        for row in await publishing.waiting(session):
            await publishing.count(session, live.vault, row.id, now=NOW)

    return work


def test_one_asks_another_approves_and_everybody_has_the_new_scheme(
    reader_without_scripts: Reader, live_server: LiveServer
) -> None:
    reader, page = reader_without_scripts, reader_without_scripts.page
    live_server.register(JEAN)
    first, second = (live_server.add_staff(StaffRole.SUPERVISOR, name) for name in ("ana", "ben"))
    sign_in(page, live_server, first, FIRST_PAGE)
    page.get_by_role("link", name="Rules", exact=True).click()
    page.get_by_role("link", name="Ask for a new scheme").click()
    page.get_by_label("File", exact=True).fill("leisure-swimming.toml")
    page.get_by_label("Text of the file").fill(NEW_SCHEME.replace('"kent"', '"surrey"'))
    page.get_by_label("Why, for the person who decides").fill("Decided on 1 November")
    reader.press("Check it and ask")
    assert reader.says("leisure-swimming.toml, line 21, column 1: there is no area 'surrey'")
    page.get_by_label("Text of the file").fill(NEW_SCHEME)
    reader.press("Check it and ask")
    assert reader.says("Asked. Another person decides")
    assert reader.says("You asked for this yourself. Another person must decide.")
    live_server.do(counted(live_server))
    page.reload()
    assert reader.says("leisure-swimming: 1 gain it")
    reader.press("Sign out")
    sign_in(page, live_server, second, FIRST_PAGE)
    page.goto("/staff/rules/changes")
    assert reader.says('+title = "Swimming for new residents of Maidstone"')
    page.get_by_role("link", name="See whom it touches").click()
    assert reader.says("It touches 1 resident.")
    page.go_back()
    reader.press("Approve")
    assert reader.says("It is published, and everybody is decided for anew")
    assert reader.says("1: leisure-swimming.toml")
    page.goto("/staff/rules")
    assert reader.says("Swimming for new residents of Maidstone")


def test_the_rule_pages_are_fit_to_be_used(reader: Reader, live_server: LiveServer) -> None:
    page = reader.page
    sign_in(page, live_server, live_server.add_staff(StaffRole.SUPERVISOR, "cat"), FIRST_PAGE)
    page.goto("/staff/rules")
    reader.check("Rules")
    page.get_by_role("link", name="Library membership").click()
    reader.check("Library membership")
    assert reader.says("You cannot reserve books while you owe more than £5.")
    page.get_by_label("Text of the file").fill("id =")
    reader.press("Check it and ask")
    reader.check("Error: Library membership")
    page.goto("/staff/rules/new")
    page.get_by_label("File", exact=True).fill("offer-tea.toml")
    text = NEW_SCHEME.replace("leisure-swimming", "offer-tea")
    page.get_by_label("Text of the file").fill(text)
    page.get_by_label("Why, for the person who decides").fill("A partner joined")
    reader.press("Check it and ask")
    reader.check("Changes of the rules")
    live_server.do(counted(live_server))
    page.get_by_role("link", name="Rules", exact=True).click()
    page.get_by_role("link", name="waits for a second person").click()
    page.get_by_role("link", name="See whom it touches").click()
    reader.check("Whom the change touches")


def test_an_adviser_reads_the_rules_and_is_offered_no_change(
    reader: Reader, live_server: LiveServer
) -> None:
    sign_in(reader.page, live_server, live_server.add_staff(StaffRole.ADVISER, "dan"), FIRST_PAGE)
    reader.page.goto("/staff/rules/files/travel-older.toml")
    reader.check("Older person’s bus pass")
    assert reader.says("You reach the qualifying age on {date}.")
    assert reader.page.get_by_role("button", name="Check it and ask").count() == 0
