"""Who is acting: every service function is told, and every audit row says so."""

from enum import StrEnum
from uuid import UUID

import msgspec

from identity.numbers import spoken


class ActorKind(StrEnum):
    """The five sorts of actor."""

    RESIDENT = "resident"
    STAFF = "staff"
    TERMINAL = "terminal"
    PARTNER = "partner"
    SYSTEM = "system"


class Basis(msgspec.Struct, frozen=True):
    """On what footing a member of staff acts for a resident: an assisted session.

    Attributes:
        assisted_id: of the assisted session.
        account_id: the resident it is for.
        reason: why, a code of `trail_models.AssistReason`.
        presence: how the resident is present, a code of `trail_models.Presence`.
    """

    assisted_id: UUID
    account_id: UUID
    reason: str
    presence: str


class Actor(msgspec.Struct, frozen=True):
    """Somebody or something that acts.

    Attributes:
        kind: what sort of actor.
        id: their permanent id (an account's or staff member's UUID as text, a terminal's id).
        label: what a resident may be shown as "who": a staff member's name, a place. Never the
            name of a resident.
        basis: of a member of staff who acts for a resident; every row they cause carries it.
    """

    kind: ActorKind
    id: str
    label: str = ""
    basis: Basis | None = None


SYSTEM = Actor(ActorKind.SYSTEM, "system", "Kent Card")


def resident_actor(account_id: UUID, number: str) -> Actor:
    """A resident acting for themselves; the label is their account number, not their name."""
    return Actor(ActorKind.RESIDENT, str(account_id), f"Account {spoken(number)}")


def staff_actor(staff_id: UUID, name: str) -> Actor:
    """A member of staff; residents they serve may see their name."""
    return Actor(ActorKind.STAFF, str(staff_id), name)
