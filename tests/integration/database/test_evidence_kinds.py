"""Every kind of evidence on its way: a clerk records it once, and it brings what the rules give."""

from collections import defaultdict
from datetime import date
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from entitlements import assessing, feeds, gathering, grants
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
EVIDENCE = frozenset({Proof.BENEFIT, Proof.DISABILITY})
HOMES = {
    "full-time-student": "CT1 1AA",
    "cared-for-attendance-allowance": "CT10 1AA",
    "cared-for-disability-living-allowance": "CT10 1AA",
}
"""Kinds that only an operator of another district takes: Canterbury, Thanet."""
NEXT_YEAR = date(2027, 11, 1)


async def _register(session: AsyncSession, vault: Vault, details: NewResident = YOUNGER) -> UUID:
    return (await accounts.register(session, vault, details, actor=CLERK, now=NOW)).id


async def _show(
    session: AsyncSession, vault: Vault, resident: UUID, shown: DocumentShown, proof: Proof
) -> set[str]:
    """Record a document and decide; what the resident holds then."""
    await accounts.sight_document(session, vault, resident, shown, proof, actor=CLERK, now=NOW)
    await assessing.assess(session, vault, resident, actor=CLERK, now=NOW)
    return {each.scheme for each in await grants.current(session, resident, london_date(NOW))}


async def test_every_kind_a_clerk_records_as_evidence_brings_what_it_is_evidence_for(
    migrated: Database, vault: Vault
) -> None:
    shown = [(kind, proof) for kind in KINDS.values() for proof in kind.proves & EVIDENCE]
    assert {proof for _, proof in shown} == EVIDENCE
    async with migrated.transaction() as session:
        for kind, proof in shown:
            home = HOMES.get(kind.kind, YOUNGER.postcode)
            details = msgspec.structs.replace(YOUNGER, postcode=home)
            resident = await _register(session, vault, details)
            carer = "carer_of_member"
            await feeds.tell(session, vault, resident, carer, value=True, actor=CLERK, now=NOW)
            before = await _open(session, vault, resident)
            expires = NEXT_YEAR if kind.must_state_expiry else ""
            document = DocumentShown(kind.kind, london_date(NOW), expires)
            await _show(session, vault, resident, document, proof)
            after = await _open(session, vault, resident)
            newly = after["eligible"] - before["eligible"]
            assert newly, kind.kind
            assert newly <= before["needs-evidence"] | before["needs-facts"], kind.kind


async def _open(session: AsyncSession, vault: Vault, resident: UUID) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for each in await assessing.explain(session, vault, resident, on=london_date(NOW)):
        found[assessing.outcome_of(each.decision)].add(each.decision.scheme)
    return found


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
        assert (await gathering.gather(session, vault, resident)).facts.evidence == ()


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
