"""A resident's record as it is shown, to themselves and to staff: one assembly for both."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.application_lines import ApplicationLine
from cardservice.web.assurance_lines import AssuranceLines, assurance_lines
from cardservice.web.bus_pass_lines import BusPassLine, bus_passes_of
from cardservice.web.card_lines import (
    CardLine,
    NumberLine,
    TapLine,
    cards_of,
    numbers_of,
    taps_of,
)
from cardservice.web.charge_lines import ChargeLine, charges_of
from cardservice.web.entitlement_lines import Line, lines
from cardservice.web.fact_lines import FactLine, fact_lines
from cardservice.web.grant_lines import GrantLine, grant_lines
from cardservice.web.read_lines import ReadLine, read_lines
from cardservice.web.renewal_lines import RenewalLine, renewals_of
from cardservice.web.request_lines import requests_of
from cardservice.web.request_words import KIND_WORDS, STATES
from cardservice.web.words import gettext as _
from entitlements import application_records as records
from entitlements import assessing, told
from identity import (
    accounts,
    addresses,
    assisted_reading,
    assurance_records,
    duplicates,
    four_eyes,
    guardians,
)
from identity.accounts import Person
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


class AskedLine(msgspec.Struct, frozen=True):
    """Something the resident asked for: what, when, and how far it is."""

    title: str
    asked_at: datetime
    state: str


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
    facts: tuple[FactLine, ...]
    assurance: AssuranceLines
    entitlements: tuple[Line, ...]
    given: tuple[GrantLine, ...]
    applications: tuple[ApplicationLine, ...]
    cards: tuple[CardLine, ...]
    renewals: tuple[RenewalLine, ...]
    charges: tuple[ChargeLine, ...]
    bus_passes: tuple[BusPassLine, ...]
    numbers: tuple[NumberLine, ...]
    taps: tuple[TapLine, ...]
    asked: tuple[AskedLine, ...]
    reads: tuple[ReadLine, ...]
    guardians: tuple[GuardianLine, ...]
    duplicates: tuple[str, ...]


async def record_of(
    session: AsyncSession, vault: Vault, person: Person, *, now: datetime
) -> Record:
    """Put together what is known about a person who was opened already.

    To whom a protected address is masked, the district is too: no scheme of one district alone and
    no place of a tap is told; nor what was given or applied for so far, which may tell it too.
    """
    on = london_date(now)
    account_id, masked = person.account_id, person.address_masked
    explained = await assessing.explain(session, vault, account_id, on=on)
    if masked:
        explained = [each for each in explained if not each.tells_district]
    return Record(
        person=person,
        district=DISTRICTS.get(person.district_code),
        addresses=() if masked else await addresses.history(session, vault, account_id),
        documents=tuple(DocumentLine(KINDS[seen.kind].name, seen) for seen in person.documents),
        facts=fact_lines(await told.of_account(session, vault, account_id)),
        assurance=assurance_lines(await assurance_records.of_account(session, vault, account_id)),
        entitlements=lines(
            explained, on=on, applications=await records.open_by_scheme(session, account_id)
        ),
        given=() if masked else await grant_lines(session, account_id),
        applications=() if masked else (await requests_of(session, account_id)).applications,
        renewals=await renewals_of(session, account_id),
        bus_passes=await bus_passes_of(session, vault, account_id),
        cards=await cards_of(session, account_id, now=now),
        charges=await charges_of(session, account_id),
        numbers=await numbers_of(session, account_id),
        taps=await taps_of(session, account_id, shows_place=not masked),
        asked=await asked_of(session, account_id),
        reads=await looks_at(session, vault, account_id),
        guardians=tuple(
            GuardianLine(each, BASIS_WORDS[each.basis])
            for each in await guardians.of(session, vault, account_id)
        ),
        duplicates=await duplicates.of_account(session, account_id),
    )


async def looks_at(session: AsyncSession, vault: Vault, account_id: UUID) -> tuple[ReadLine, ...]:
    """Who looked at a record, or acted for the resident, newest first."""
    assisted = await assisted_reading.of_account(session, vault, account_id)
    return read_lines(await accounts.reads_of(session, account_id), assisted)


async def asked_of(session: AsyncSession, account_id: UUID) -> tuple[AskedLine, ...]:
    """Corrections that were asked for, and how far they are."""
    made = await four_eyes.corrections_of(session, account_id)
    return tuple(AskedLine(KIND_WORDS[one.kind], one.asked_at, STATES[one.state]) for one in made)
