"""Somebody who applies for a bus pass, and the staff who decide."""

from datetime import timedelta
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from entitlements import applying, sending
from entitlements.application_models import Application
from entitlements.applying import NotOpen
from entitlements.cleaning.media import Clean, Media
from entitlements.evidence_models import ApplicationEvidence
from entitlements.wanted import Said
from identity import accounts, staff
from identity.actors import Actor, resident_actor, staff_actor
from identity.details import NewResident
from identity.evidence import DocumentShown, Proof
from identity.models import Account, StaffRole
from identity.personal import Vault
from tests.support.people import CLERK, JEAN, NOW

SCHEME = "travel-disabled"
LETTER = Said("pip-moving-around", Proof.DISABILITY)
DATED = DocumentShown("", dated_on=NOW.date() - timedelta(days=10))
PICTURE = Clean(Media.JPEG, 1, b"\xff\xd8 a letter about Jean \xff\xd9")
HOUR = timedelta(hours=1)
KEEP = timedelta(days=28)


async def registered(session: AsyncSession, vault: Vault, who: NewResident = JEAN) -> Account:
    return await accounts.register(session, vault, who, actor=CLERK, now=NOW)


def herself(account: Account) -> Actor:
    return resident_actor(account.id, account.number)


async def applied(
    database: Database, vault: Vault, who: NewResident = JEAN, scheme: str = SCHEME
) -> tuple[UUID, UUID]:
    """Register somebody who applies and sends it: their account's id, and the application's."""
    async with database.transaction() as session:
        account = await registered(session, vault, who)
        own = herself(account)
        row = await applying.start(session, vault, account.id, scheme, actor=own, now=NOW)
        assert not isinstance(row, NotOpen)
        await applying.submit(session, vault, account.id, row.reference, actor=own, now=NOW)
        return account.id, row.id


async def sent(
    database: Database,
    vault: Vault,
    application_id: UUID,
    said: Said = LETTER,
    clean: Clean = PICTURE,
) -> UUID:
    """Their letter is sent with it; the id of the evidence."""
    async with database.transaction() as session:
        row = await session.get_one(Application, application_id)
        account = await session.get_one(Account, row.account_id)
        given = await sending.send_file(
            session, vault, row, clean, said, actor=herself(account), now=NOW
        )
        assert isinstance(given, ApplicationEvidence), given
        return given.id


async def colleague(
    database: Database, name: str, role: StaffRole = StaffRole.CARD_OFFICER
) -> Actor:
    async with database.transaction() as session:
        one = await staff.add(
            session, name, name.title(), role, "turnip lantern oxbow river", actor=CLERK, now=NOW
        )
        return staff_actor(one.id, one.name)
