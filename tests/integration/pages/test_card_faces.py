"""Whoever makes cards sees what to print on one, and nobody else; each look is in the trail."""

from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance
from entitlements import carriers
from identity.models import StaffRole
from identity.trail_models import AuditRow
from tests.support.desks import enrolled_desk, make_ordered_card
from tests.support.people import CLERK, JEAN
from tests.support.visitor import Visitor
from tests.support.web import LiveServer


def test_the_number_and_code_are_shown_to_who_makes_cards_alone(live: LiveServer) -> None:
    jean = live.register(JEAN)

    async def make(session: AsyncSession) -> tuple[UUID, tuple[str, str]]:
        now = live.clock()
        desk = await enrolled_desk(session, "Card office", now=now)
        await issuance.order(session, live.vault, UUID(jean), desk.id, actor=CLERK, now=now)
        card = await make_ordered_card(session, live.vault, jean, now=now)
        await carriers.announce(
            session, live.vault, UUID(jean), card.id, institution="9999", now=now
        )
        printed = await carriers.printed(session, live.vault, card.id)
        assert printed is not None
        return card.id, printed

    card, (number, code) = live.do(make)
    face = f"/staff/residents/{jean}/cards/{card}/face?reason=at-desk"
    officer = Visitor(live)
    officer.sign_in_as(live.add_staff(StaffRole.CARD_OFFICER))
    said = officer.get(face).text
    assert code in said
    assert number in said.replace(" ", "")
    other = f"/staff/residents/{UUID(int=1)}/cards/{card}/face"
    assert officer.get(other).status_code == 404
    auditor = Visitor(live)
    auditor.sign_in_as(live.add_staff(StaffRole.AUDITOR))
    refused = auditor.get(face)
    assert refused.status_code == 403
    assert code not in refused.text

    async def looks(session: AsyncSession) -> int:
        rows = select(AuditRow).where(AuditRow.action == "card-face-shown")
        return len((await session.scalars(rows)).all())

    assert live.do(looks) == 1
