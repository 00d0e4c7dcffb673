"""The first page of a partner's people: their organisation and what it may ask."""

from datetime import datetime
from typing import Final

from litestar import Response, get
from litestar.di import NamedDependency
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.pages import page
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from entitlements import members, organisations, rulebooks
from entitlements.partner_models import Organisation
from identity.roles import Act

SEES: Final = {ACT: Act.WORK_FOR_PARTNER}
CHANGES: Final = {ACT: Act.CHANGE_PARTNER_KEYS}
"""Before these somebody shows again who they are."""


async def own(request: VisitorRequest, session: AsyncSession) -> Organisation:
    """The visitor's organisation: the only one that these pages ever show or change.

    Raises:
        NoSuchOrganisation: they sign in for none.
    """
    return await members.organisation_of(session, request.user.subject_id)


@get("/", opt=SEES)
async def show(
    request: VisitorRequest,
    session: NamedDependency[AsyncSession],
    now: NamedDependency[datetime],
) -> Response[str]:
    """What the organisation may ask, how it proves who it is, and who signs in for it."""
    organisation = await own(request, session)
    partner = await organisations.shown(session, organisation.id)
    schemes = (await rulebooks.in_force(session)).schemes
    return page(
        request,
        "partners/overview.html",
        organisation=organisation,
        agreed=[
            (schemes[each.scheme].title if each.scheme in schemes else each.scheme, each)
            for each in partner.agreed
        ],
        in_use=[
            each for each in partner.credentials if not organisations.is_stopped(each, now=now)
        ],
        people=await members.listed(session, organisation.id),
    )
