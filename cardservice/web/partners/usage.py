"""How often a partner was answered what, day by day."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.pages import page
from cardservice.web.partners.overview import SEES, own
from cardservice.web.visitors import VisitorRequest
from cardservice.web.words import gettext as _
from entitlements.partner_models import CredentialKind
from entitlements.redemption_models import PartnerUsage
from entitlements.usage import Used
from identity.dates import london_date

DAYS: Final = 31
WORDS: Final[Mapping[Used, str]] = {
    Used.CHECK_YES: _("Checks: yes"),
    Used.CHECK_NO: _("Checks: no"),
    Used.CHECK_UNKNOWN: _("Checks: unknown"),
    Used.REDEMPTIONS_HELD: _("Redemptions held"),
    Used.REDEMPTIONS_CONFIRMED: _("Confirmed"),
    Used.REDEMPTIONS_CANCELLED: _("Cancelled"),
    Used.REFUSED: _("Requests refused"),
}


@get("/usage", opt=SEES)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """The last days on which anything was asked, of each kind of credential."""
    await request.app.state.partners.write()  # what this process counted and has not written yet
    organisation, first = await own(request, session), london_date(now) - timedelta(days=DAYS - 1)
    counted = await session.scalars(
        select(PartnerUsage).where(
            PartnerUsage.organisation_id == organisation.id, PartnerUsage.day >= first
        )
    )
    days: dict[CredentialKind, dict[date, dict[Used, int]]] = {
        kind: defaultdict(dict) for kind in CredentialKind
    }
    for row in counted:
        days[row.kind][row.day][Used(row.what)] = row.times
    return page(
        request,
        "partners/usage.html",
        first=first,
        words=WORDS,
        kinds=[(kind.value, sorted(days[kind].items(), reverse=True)) for kind in CredentialKind],
    )
