"""What a resident is charged for cards, in the words of a page."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import charges
from cardservice.charge_causes import Cause, Relief
from cardservice.charge_models import Charge, ChargeState, Method
from cardservice.charges import price_of
from cardservice.web.words import gettext as _
from entitlements.schemes.notes import money

CAUSES: Final = {
    Cause.LOST: _("Another card, for one that was lost"),
    Cause.STOLEN: _("Another card, for one that was stolen"),
    Cause.DAMAGED: _("Another card, for one that was damaged"),
    Cause.FAULTY: _("Another card, for one that was faulty"),
}
STATES: Final = {
    ChargeState.DUE: (_("To be paid"), "yellow"),
    ChargeState.PAID: (_("Paid"), "green"),
    ChargeState.WAIVED: (_("Nothing to pay"), "grey"),
    ChargeState.REFUNDED: (_("Refunded"), "blue"),
}
"""State of a charge -> what a page calls it, and the colour of its tag."""
RELIEFS: Final = {
    Relief.CRIME_REFERENCE: _("the police gave a crime reference"),
    Relief.FAULTY: _("the card was faulty"),
    Relief.OUR_MISTAKE: _("the council made a mistake"),
    Relief.HARDSHIP: _("it would have been too hard to pay"),
    Relief.NOT_WANTED: _("the card was not made"),
}
METHODS: Final = {Method.DESK: _("at a desk"), Method.GOVUK_PAY: _("with GOV.UK Pay")}


class ChargeLine(msgspec.Struct, frozen=True, kw_only=True):
    """One charge.

    Attributes:
        sum: as people write it.
        how: by what it was paid; empty if it was not.
        because: why it was waived or refunded; empty if it was not.
    """

    id: UUID
    card_id: UUID
    state: ChargeState
    what: str
    sum: str
    tag: str
    colour: str
    due_at: datetime
    settled_at: datetime | None
    refunded_at: datetime | None
    how: str
    because: str


def price_words(cause: Cause | None, *, has_crime_reference: bool, on: date) -> str:
    """What another card costs, said before it is asked for."""
    if cause is None:
        return _("Another card costs nothing.")
    cost, relief = price_of(cause, has_crime_reference=has_crime_reference, on=on)
    if cost is None:
        return _("Another card costs nothing.")
    if relief is not None:
        return _("Another card costs nothing, because %(why)s.") % {"why": RELIEFS[relief]}
    words = _("Another card costs %(sum)s.") % {"sum": money(cost.pence)}
    if cost.free_for is Relief.CRIME_REFERENCE:
        return words + " " + _("With a crime reference from the police it costs nothing.")
    return words


async def charges_of(session: AsyncSession, account_id: UUID) -> tuple[ChargeLine, ...]:
    """A resident's charges, newest first."""
    return tuple(charge_line(each) for each in await charges.of_account(session, account_id))


def charge_line(charge: Charge) -> ChargeLine:
    """One charge in words."""
    tag, colour = STATES[charge.state]
    return ChargeLine(
        id=charge.id,
        card_id=charge.card_id,
        state=charge.state,
        what=CAUSES[charge.cause],
        sum=money(charge.pence),
        tag=tag,
        colour=colour,
        due_at=charge.due_at,
        settled_at=charge.settled_at,
        refunded_at=charge.refunded_at,
        how=METHODS[charge.method] if charge.method else "",
        because=RELIEFS[charge.relief] if charge.relief else "",
    )
