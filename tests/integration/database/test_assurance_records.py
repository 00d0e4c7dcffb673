"""Checks of who somebody is: recorded once, with who, when, how and by what."""

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import select

from cardservice.database import Database
from entitlements import assessing
from identity import accounts, assurance_checks, assurance_records, corrections
from identity.actors import Actor, Basis
from identity.assurance import AssuranceLevel
from identity.assurance_checks import CheckMade
from identity.assurance_records import Recorded
from identity.corrections import Correction
from identity.errors import InvalidDetails, NoSuchAccount
from identity.evidence import DocumentShown, Proof
from identity.models import AssurancePart, AssuranceScore, ChangeRequest
from identity.personal import Vault
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW

CHECKED = DocumentShown("passport", examined="features-checked", photo_matched=True)
LATER = NOW + timedelta(days=1)


async def registered(database: Database, vault: Vault, shown: DocumentShown) -> UUID:
    details = msgspec.structs.replace(JEAN, identity_document=shown)
    async with database.transaction() as session:
        account = await accounts.register(session, vault, details, actor=CLERK, now=NOW)
        return account.id


async def recorded(database: Database, vault: Vault, account_id: UUID) -> Recorded:
    async with database.transaction() as session:
        return await assurance_records.of_account(session, vault, account_id)


async def checked(
    database: Database, vault: Vault, account_id: UUID, part: str, score: str
) -> None:
    made = CheckMade(part=part, score=score, source="Counter-fraud team", how="Asked the register")
    async with database.transaction() as session:
        await assurance_checks.record(session, vault, account_id, made, actor=CLERK, now=LATER)


async def test_what_a_clerk_did_with_a_passport_at_registration_is_the_evidence(
    migrated: Database, vault: Vault
) -> None:
    found = await recorded(migrated, vault, await registered(migrated, vault, CHECKED))
    assert found.found.level is AssuranceLevel.SEEN_AT_GATEWAY
    assert found.found.profile is not None
    assert found.found.profile.name == "L1B"
    assert {(check.part, check.score, check.how) for check in found.checks} == {
        (AssurancePart.STRENGTH, 3, "kind"),
        (AssurancePart.VALIDITY, 2, "features-checked"),
        (AssurancePart.VERIFICATION, 2, "photo-compared"),
    }
    assert {(check.who, check.at, check.source) for check in found.checks} == {
        ("Priya Shah", NOW, "passport")
    }


async def test_a_document_that_was_only_looked_at_shows_too_little(
    migrated: Database, vault: Vault
) -> None:
    account_id = await registered(migrated, vault, DocumentShown("passport"))
    found = await recorded(migrated, vault, account_id)
    assert found.found.level is AssuranceLevel.SELF_ASSERTED
    async with migrated.transaction() as session:
        await accounts.sight_document(
            session, vault, account_id, CHECKED, Proof.IDENTITY, actor=CLERK, now=LATER
        )
    found = await recorded(migrated, vault, account_id)
    assert found.found.level is AssuranceLevel.SEEN_AT_GATEWAY


async def test_what_shows_an_address_or_a_benefit_is_no_evidence_of_identity(
    migrated: Database, vault: Vault
) -> None:
    account_id = await registered(migrated, vault, DocumentShown("passport"))
    before = await recorded(migrated, vault, account_id)
    licence = DocumentShown(
        "driving-licence",
        expires_on="1/1/2030",
        examined="features-checked",
        photo_matched=True,
    )
    async with migrated.transaction() as session:
        await accounts.sight_document(
            session, vault, account_id, licence, Proof.ADDRESS, actor=CLERK, now=LATER
        )
    assert await recorded(migrated, vault, account_id) == before


async def test_history_and_fraud_come_from_elsewhere_and_the_newest_counts(
    migrated: Database, vault: Vault
) -> None:
    account_id = await registered(migrated, vault, CHECKED)
    await checked(migrated, vault, account_id, "activity", "1")
    await checked(migrated, vault, account_id, "fraud", "2")
    found = (await recorded(migrated, vault, account_id)).found
    assert found.profile is not None
    assert found.profile.name == "M1B"
    async with migrated.transaction() as session:
        made = CheckMade(part="fraud", score="0", source="Police", how="Reported stolen")
        await assurance_checks.record(
            session, vault, account_id, made, actor=CLERK, now=LATER + timedelta(days=1)
        )
    found = (await recorded(migrated, vault, account_id)).found
    assert found.profile is not None
    assert found.profile.name == "L1B"
    async with migrated.transaction() as session:
        rows = await session.scalars(
            select(AuditRow).where(AuditRow.action == "assurance-check-recorded")
        )
        details = [row.detail for row in rows]
        sealed = (await session.scalars(select(AssuranceScore.sealed_basis))).all()
    assert {"part": "fraud", "score": 0} in details
    assert all(b"Police" not in each for each in sealed)


@pytest.mark.parametrize(
    ("made", "fields"),
    [
        (CheckMade(part="", score="", source="", how=" "), {"part", "score", "source", "how"}),
        (CheckMade(part="strength", score="5", source="x", how="y"), {"part", "score"}),
        (
            CheckMade(part="fraud", score="-1", source="x" * 101, how="a\u202eb"),
            {"score", "source", "how"},
        ),
    ],
)
async def test_a_check_with_faults_is_not_recorded(
    migrated: Database, vault: Vault, made: CheckMade, fields: set[str]
) -> None:
    account_id = await registered(migrated, vault, CHECKED)
    async with migrated.transaction() as session:
        with pytest.raises(InvalidDetails) as refused:
            await assurance_checks.record(session, vault, account_id, made, actor=CLERK, now=NOW)
    assert set(refused.value.faults) == fields
    assert len((await recorded(migrated, vault, account_id)).checks) == 3


async def test_nobody_is_checked_who_is_not_there(migrated: Database, vault: Vault) -> None:
    with pytest.raises(NoSuchAccount):
        await checked(migrated, vault, uuid4(), "fraud", "1")


def away(account_id: UUID) -> Actor:
    basis = Basis(uuid4(), account_id, "details", "telephone")
    return msgspec.structs.replace(CLERK, basis=basis)


async def test_nobody_on_the_telephone_was_compared_with_a_photo(
    migrated: Database, vault: Vault
) -> None:
    account_id = await registered(migrated, vault, DocumentShown("passport"))
    actor = away(account_id)
    renamed = Correction(
        given_names="Jean", family_name="Weald", birth_date="31/7/1960", document=CHECKED
    )
    async with migrated.transaction() as session:
        with pytest.raises(InvalidDetails, match="photo"):
            await accounts.sight_document(
                session, vault, account_id, CHECKED, Proof.IDENTITY, actor=actor, now=NOW
            )
        with pytest.raises(InvalidDetails, match=r"document\.photo"):
            await corrections.request(session, vault, account_id, renamed, actor=actor, now=NOW)
    async with migrated.transaction() as session:
        assert (await session.scalars(select(ChangeRequest))).all() == []
    assert len((await recorded(migrated, vault, account_id)).checks) == 3


async def test_a_document_from_before_it_was_asked_scores_nothing(
    migrated: Database, vault: Vault
) -> None:
    account_id = await registered(migrated, vault, CHECKED)
    async with migrated.transaction() as session:
        for row in await session.scalars(select(AssuranceScore)):
            await session.delete(row)
    found = await recorded(migrated, vault, account_id)
    assert found.checks == ()
    assert found.found.level is AssuranceLevel.SELF_ASSERTED
    async with migrated.transaction() as session:
        await assessing.assess(session, vault, account_id, actor=CLERK, now=NOW)
