"""Every kind of evidence on its way: a clerk records it once, and it brings what the rules give."""

from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from entitlements import applications, grants
from identity import accounts
from identity.dates import london_date
from identity.details import NewResident
from identity.evidence import KINDS, DocumentShown, Proof
from identity.models import SightedDocument
from identity.personal import Vault
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW

YOUNGER = msgspec.structs.replace(JEAN, birth_date=date(1990, 7, 31), postcode="TN9 1BH", email="")
"""Of Tonbridge, and too young for an older person's pass."""
GIVEN_FOR = {Proof.BENEFIT: "leisure-tonbridge-and-malling", Proof.DISABILITY: "travel-disabled"}


async def _register(session: AsyncSession, vault: Vault, details: NewResident = YOUNGER) -> UUID:
    return (await accounts.register(session, vault, details, actor=CLERK, now=NOW)).id


async def _show(
    session: AsyncSession, vault: Vault, resident: UUID, shown: DocumentShown, proof: Proof
) -> set[str]:
    """Record a document and decide; what the resident holds then."""
    await accounts.sight_document(session, vault, resident, shown, proof, actor=CLERK, now=NOW)
    await applications.assess(session, vault, resident, actor=CLERK, now=NOW)
    return {each.scheme for each in await grants.current(session, resident, london_date(NOW))}


async def test_every_kind_a_clerk_records_as_evidence_brings_what_it_is_evidence_for(
    migrated: Database, vault: Vault
) -> None:
    shown = [
        (kind.kind, proof) for kind in KINDS.values() for proof in kind.proves & GIVEN_FOR.keys()
    ]
    assert {proof for _, proof in shown} == set(GIVEN_FOR)
    async with migrated.transaction() as session:
        for kind, proof in shown:
            resident = await _register(session, vault)
            document = DocumentShown(kind, london_date(NOW))
            held = await _show(session, vault, resident, document, proof)
            assert held == {"library", GIVEN_FOR[proof]}, kind


async def test_an_older_letter_that_says_how_long_it_holds_brings_the_travel_pass(
    migrated: Database, vault: Vault
) -> None:
    letter = DocumentShown("disability-d-walking", "10/01/2024", "30/06/2030")
    async with migrated.transaction() as session:
        resident = await _register(session, vault)
        assert "travel-disabled" in await _show(session, vault, resident, letter, Proof.DISABILITY)


async def test_what_shows_a_name_or_an_address_is_no_evidence(
    migrated: Database, vault: Vault
) -> None:
    async with migrated.transaction() as session:
        resident = await _register(session, vault)
        assert len(await accounts.documents(session, vault, resident)) == 2
        assert (await applications.gather_facts(session, vault, resident)).evidence == ()


async def test_evidence_is_sealed_and_the_log_does_not_name_it(
    migrated: Database, vault: Vault
) -> None:
    document = DocumentShown("driving-licence-refused", london_date(NOW))
    async with migrated.transaction() as session:
        await _show(session, vault, await _register(session, vault), document, Proof.DISABILITY)
    async with migrated.transaction() as session:
        kept = (await session.scalars(select(SightedDocument.sealed_particulars))).all()
        logged = (await session.scalars(select(AuditRow.detail))).all()
    assert len(kept) == 3
    assert b"driving" not in b"".join(kept)
    assert "driving" not in repr(logged)
