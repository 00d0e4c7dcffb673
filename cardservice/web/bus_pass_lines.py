"""A resident's linked bus passes in the words of a page."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import bus_passes
from cardservice.web.words import gettext as _
from identity.personal import Vault
from readers.card.itso import NOT_VERIFIED, in_groups

TYPED: Final = _("Number typed, not verified")


class BusPassLine(msgspec.Struct, frozen=True):
    """One pass: its number in groups, and what is known of it."""

    id: UUID
    number: str
    standing: str
    since: datetime


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
