"""A resident's record as it is shown, to themselves and to staff: one assembly for both."""

from collections.abc import Sequence
from datetime import datetime

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
from entitlements import applications
from identity import accounts, addresses
from identity.accounts import Person, Read
from identity.addresses import PastAddress
from identity.dates import london_date
from identity.evidence import KINDS, SeenDocument
from identity.personal import Vault
from identity.places import DISTRICTS, District


class DocumentLine(msgspec.Struct, frozen=True):
    """A document on a page: its kind by name, and its dates."""

    name: str
    seen: SeenDocument


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a page shows of one resident."""

    person: Person
    district: District | None
    addresses: tuple[PastAddress, ...]
    documents: tuple[DocumentLine, ...]
    entitlements: tuple[Line, ...]
    cards: tuple[CardLine, ...]
    numbers: tuple[NumberLine, ...]
    taps: tuple[TapLine, ...]
    reads: Sequence[Read]


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
    )
