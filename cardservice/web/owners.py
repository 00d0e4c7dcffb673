"""Whose page it is, for pages that residents and staff have alike."""

from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.visitors import Part, VisitorRequest
from identity.devices import Owner
from identity.errors import NoSuchAccount
from identity.models import Account, StaffMember


async def owner_of(request: VisitorRequest, session: AsyncSession) -> Owner:
    """Whoever is signed in.

    Raises:
        NoSuchAccount: they are gone.
    """
    model: type[Account | StaffMember]
    model = Account if part_of(request) is Part.RESIDENT else StaffMember
    owner = await session.get(model, request.user.subject_id)
    if not isinstance(owner, Account | StaffMember):
        raise NoSuchAccount("Whoever a session belongs to is gone.")
    return owner


def part_of(request: VisitorRequest) -> Part:
    """The part of the site the page is in."""
    part: Part = request.scope["route_handler"].opt["part"]
    return part
