"""A resident's linked bus passes in the words of a page."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import bus_passes
from cardservice.front_desk import PassRead
from cardservice.web.environment import day
from cardservice.web.words import gettext as _
from identity.dates import london_date
from identity.personal import Vault
from readers.card.itso import NOT_VERIFIED, in_groups

_BLOCKED: Final = {
    True: _("Marked as blocked"),
    False: _("Not marked as blocked"),
    None: _("Does not tell whether it is blocked"),
}
TYPED: Final = _("Number typed, not verified")


class BusPassLine(msgspec.Struct, frozen=True):
    """One pass: its number in groups, and what is known of it."""

    id: UUID
    number: str
    standing: str
    since: datetime


class PassReadLine(msgspec.Struct, frozen=True):
    """A pass that was read at the clerk's desk and may be linked."""

    tap_id: UUID
    number: str
    end: str
    mark: str
    standing: str
    at: datetime


def pass_line(read: PassRead) -> PassReadLine:
    """What was read, in words."""
    seen = read.seen
    end = _("It does not expire")
    if seen.expires_on is not None:
        words = (
            _("Expires on %(day)s")
            if seen.expires_on >= london_date(read.at)
            else _("Expired on %(day)s")
        )
        end = words % {"day": day(seen.expires_on)}
    return PassReadLine(
        read.tap_id, in_groups(seen.isrn), end, _BLOCKED[seen.blocked], NOT_VERIFIED, read.at
    )


async def bus_passes_of(
    session: AsyncSession, vault: Vault, account_id: UUID
) -> tuple[BusPassLine, ...]:
    """The passes that are linked to an account, the first linked first."""
    return tuple(
        BusPassLine(
            each.id, in_groups(each.isrn), NOT_VERIFIED if each.read else TYPED, each.linked_at
        )
        for each in await bus_passes.of_account(session, vault, account_id)
    )
