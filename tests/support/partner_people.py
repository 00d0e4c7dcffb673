"""A partner's person at the browser."""

from uuid import UUID

from playwright.sync_api import Page
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from entitlements import members, webhook_deliveries, webhook_sending
from entitlements.webhook_deliveries import Turn
from entitlements.webhook_sending import Way
from identity.actors import SYSTEM
from tests.support import hooks
from tests.support.clerk import sign_in
from tests.support.web import CLERK_PASSWORD, LiveServer, aside, set_app_up

PERSON = "tess"


def partner_with_person(
    live: LiveServer, name: str = "Example Theatre", user: str = PERSON
) -> UUID:
    """An organisation and somebody who signs in for it, with an app."""
    now = live.clock()

    async def work(session: AsyncSession) -> UUID:
        organisation = await hooks.organisation(session, name)
        await members.add(
            session,
            organisation,
            user,
            f"Person {user}",
            CLERK_PASSWORD,
            actor=SYSTEM,
            now=now,
        )
        live.know_app(user, await set_app_up(session, live.vault, user, CLERK_PASSWORD, now=now))
        return organisation

    return live.do(work)


def sign_in_for_partner(page: Page, live: LiveServer, user: str = PERSON) -> None:
    """Sign in and arrive at the organisation's page."""
    sign_in(page, live, user, "Your organisation")


def worker_turn(live: LiveServer) -> Turn:
    """What the worker does about messages to partners."""

    async def work() -> Turn:
        database = Database(live.settings.database_url)
        try:
            async with webhook_sending.connections() as http:
                way = Way(http, loopback=True, seconds=5)
                return await webhook_deliveries.deliver(
                    database.transaction, live.vault, way, now=live.clock()
                )
        finally:
            await database.close()

    return aside(work())
