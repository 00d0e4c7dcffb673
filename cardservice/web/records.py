"""A resident's record as it is shown, to themselves and to staff: one assembly for both."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.card_lines import (
    CardLine,
    NumberLine,
    TapLine,
    cards_of,
    numbers_of,
    taps_of,
)
from cardservice.web.entitlement_lines import Line, lines
from cardservice.web.words import gettext as _
from entitlements import applications
from identity import accounts, addresses, duplicates, guardians
from identity.accounts import Person, Read
from identity.addresses import PastAddress
from identity.dates import london_date
from identity.evidence import KINDS, SeenDocument
from identity.guardians import Basis, GuardianOf
from identity.personal import Vault
from identity.places import DISTRICTS, District

BASIS_WORDS: Final = {
    Basis.PARENT: _("parent"),
    Basis.GUARDIAN: _("guardian appointed by a court or by a will"),
    Basis.SPECIAL_GUARDIAN: _("special guardian"),
    Basis.FOSTER_CARER: _("foster carer"),
    Basis.LOCAL_AUTHORITY: _("social worker of the council that has the care"),
}


class DocumentLine(msgspec.Struct, frozen=True):
    """A document on a page: its kind by name, and its dates."""

    name: str
    seen: SeenDocument


class GuardianLine(msgspec.Struct, frozen=True):
    """A guardian on a page, and what makes them one."""

    guardian: GuardianOf
    basis: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a page shows of one resident.

    `duplicates` are numbers of accounts that may be the same person's; only staff are shown them.
    """

    person: Person
    district: District | None
    addresses: tuple[PastAddress, ...]
    documents: tuple[DocumentLine, ...]
    entitlements: tuple[Line, ...]
    cards: tuple[CardLine, ...]
    numbers: tuple[NumberLine, ...]
    taps: tuple[TapLine, ...]
    reads: Sequence[Read]
    guardians: tuple[GuardianLine, ...]
    duplicates: tuple[str, ...]


async def record_of(
    session: AsyncSession, vault: Vault, person: Person, *, now: datetime
) -> Record:
    """Put together what is known about a person who was opened already."""
    on = london_date(now)
    explained = await applications.explain(session, vault, person.account_id, on=on)
    return Record(
        person=person,
        district=DISTRICTS.get(person.district_code),
        addresses=()
        if person.address_masked
        else await addresses.history(session, vault, person.account_id),
        documents=tuple(DocumentLine(KINDS[seen.kind].name, seen) for seen in person.documents),
        entitlements=lines(explained, on=on),
        cards=await cards_of(session, person.account_id),
        numbers=await numbers_of(session, person.account_id),
        taps=await taps_of(session, person.account_id),
        reads=await accounts.reads_of(session, person.account_id),
        guardians=tuple(
            GuardianLine(each, BASIS_WORDS[each.basis])
            for each in await guardians.of(session, vault, person.account_id)
        ),
        duplicates=await duplicates.of_account(session, person.account_id),
    )
