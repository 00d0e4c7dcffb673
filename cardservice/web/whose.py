"""Whose application or offer it is, on pages of residents and of staff who act for them."""

from uuid import UUID

import msgspec

from cardservice.web.owners import part_of
from cardservice.web.visitors import Part, VisitorRequest
from identity.actors import Actor


class Whose(msgspec.Struct, frozen=True):
    """The resident a page is about, and who is at the browser.

    Attributes:
        base: where their pages begin: `/account`, or the record of staff.
        by_staff: whether a member of staff acts for them.
    """

    account_id: UUID
    actor: Actor
    base: str
    by_staff: bool


def whose_of(request: VisitorRequest) -> Whose:
    """The visitor's own; of staff, the resident whose record the address names."""
    visitor = request.user
    if part_of(request) is Part.RESIDENT:
        return Whose(visitor.subject_id, visitor.actor, Part.RESIDENT.base, by_staff=False)
    account_id: UUID = request.path_params["account_id"]
    base = f"/staff/residents/{account_id}"
    return Whose(account_id, visitor.actor, base, by_staff=True)
