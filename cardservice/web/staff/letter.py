"""The letter that a card is given or posted with."""

import asyncio
from datetime import datetime
from typing import Final
from uuid import UUID

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.params import FromPath, FromQuery
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import letters, printing
from cardservice.letters import Letter
from cardservice.models import Card, CardState
from cardservice.settings import Settings
from cardservice.web.entitlement_lines import Standing, lines
from cardservice.web.errors import NoSuchPage
from cardservice.web.staff.resident import Look
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements import assessing
from identity import accounts
from identity.accounts import Person
from identity.dates import london_date
from identity.personal import Vault
from identity.roles import Act

SENDER: Final = "Kent Card"
READY: Final = _("The card works now: hold it flat on a reader until you see the light.")
LOST: Final = _("If you lose it, tell us at once at %(address)s or at a desk. The card then stops.")
TO_ACTIVATE: Final = _("Before its first use say that it has come: sign in at %(address)s.")
NOT_A_PERMIT: Final = _("It is not an English National Concessionary Travel Scheme pass.")


@get(
    "/residents/{account_id:uuid}/cards/{card_id:uuid}/letter",
    opt={ACT: Act.MAKE_CARD},
)
async def show(
    request: VisitorRequest,
    account_id: FromPath[UUID],
    card_id: FromPath[UUID],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    settings: NamedDependency[Settings],
    now: NamedDependency[datetime],
    reason: FromQuery[str] = "",
) -> Response[bytes]:
    """The letter as a PDF, to be saved and printed; the look at the record is recorded.

    Raises:
        NoSuchPage: the resident has no such card, it is not made, or nobody said why.
    """
    look = Look(request.user.actor, account_id, reason, now)
    card = await session.get(Card, card_id)
    if card is None or card.account_id != account_id or card.uid_index is None or not look.why:
        raise NoSuchPage("There is no letter for this card.")
    person = await accounts.person(
        session,
        vault,
        account_id,
        actor=look.actor,
        reason=look.why,
        now=now,
        sees_protected=request.user.may(Act.SEE_PROTECTED_ADDRESS),
    )
    if not letters.can_write(" ".join((person.full_name, *person.address_lines))):
        raise NoSuchPage("A letter cannot set this name as it is written.")
    face = await printing.face_of(session, vault, card, person.full_name, actor=look.actor, now=now)
    held = await _held(session, vault, account_id, now)
    letter = _letter(card, person, face, held, settings.base_url, now)
    made = await asyncio.to_thread(letters.as_pdf, letter)
    return Response(
        made,
        media_type="application/pdf",
        headers={"content-disposition": f'attachment; filename="letter-{person.number}.pdf"'},
    )


async def _held(
    session: AsyncSession, vault: Vault, account_id: UUID, now: datetime
) -> tuple[str, ...]:
    on = london_date(now)
    explained = await assessing.explain(session, vault, account_id, on=on)
    return tuple(line.title for line in lines(explained, on=on) if line.standing is Standing.HELD)


def _letter(
    card: Card, person: Person, face: str, held: tuple[str, ...], url: str, now: datetime
) -> Letter:
    address = {"address": f"{url}/account"}
    first = READY if card.state is CardState.ACTIVE else TO_ACTIVATE % address
    return Letter(
        sender=SENDER,
        written_on=london_date(now),
        name=person.full_name,
        address=(*person.address_lines, person.postcode) if not person.address_masked else (),
        card=printing.product_of(card).name,
        face=face,
        good_for=held,
        what_to_do=(first, LOST % address, NOT_A_PERMIT),
    )
