"""Officers judge evidence and decide; residents have it looked at again by somebody else."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import func, select

from cardservice import retention
from cardservice.database import Database
from entitlements import (
    application_records,
    applying,
    claims,
    deciding,
    evidence_records,
    grants,
    judging,
    sending,
)
from entitlements.application_models import Application, ApplicationState
from entitlements.claims import Barred, HeldBy
from entitlements.cleaning.media import Clean, Media
from entitlements.deciding import NoReview, NotDecided, Outcome
from entitlements.errors import EvidenceJudged, NoSuchEvidence
from entitlements.evidence_models import ApplicationEvidence, EvidenceFile, EvidenceOutcome
from entitlements.sending import MOST_FILES, NotGiven
from entitlements.wanted import Said
from identity import accounts, assurance_records, outbox, person_keys
from identity.actors import Actor
from identity.errors import InvalidDetails, PersonErased
from identity.evidence import Proof
from identity.models import Account, OwnAccount, SightedDocument, StaffRole
from identity.personal import Vault
from identity.trail_models import AuditRow
from tests.support.applicants import (
    DATED,
    HOUR,
    KEEP,
    LETTER,
    PICTURE,
    SCHEME,
    applied,
    colleague,
    herself,
    sent,
)
from tests.support.people import NOW

REASON = "The letter does not say how far you can walk."


async def claimed(database: Database, vault: Vault, application_id: UUID, actor: Actor) -> None:
    async with database.transaction() as session:
        taken = await claims.claim(session, vault, application_id, life=HOUR, actor=actor, now=NOW)
        assert isinstance(taken, Application), taken


async def decided(
    database: Database,
    vault: Vault,
    application_id: UUID,
    outcome: Outcome,
    actor: Actor,
    reason: str = REASON,
) -> Application | NotDecided | Barred:
    async with database.transaction() as session:
        return await deciding.decide(
            session, vault, application_id, outcome, reason=reason, actor=actor, now=NOW
        )


async def accepted(
    database: Database, vault: Vault, application_id: UUID, evidence_id: UUID, actor: Actor
) -> Application:
    async with database.transaction() as session:
        row = await deciding.held(session, application_id, actor=actor, now=NOW)
        assert isinstance(row, Application), row
        await judging.accept(
            session, vault, row, evidence_id, DATED, keep=KEEP, actor=actor, now=NOW
        )
        await deciding.conclude_by_rule(session, vault, row, actor=actor, now=NOW)
        return row


async def loaded(database: Database, model: type[Any], row_id: UUID) -> Any:  # noqa: ANN401  (of any table)
    async with database.transaction() as session:
        return await session.get_one(model, row_id)


async def test_what_is_sent_waits_for_staff_and_is_sealed_with_the_persons_own_key(
    migrated: Database, vault: Vault
) -> None:
    account_id, application_id = await applied(migrated, vault)
    assert (await loaded(migrated, Application, application_id)).state == "evidence-wanted"
    evidence_id = await sent(migrated, vault, application_id)
    assert (await loaded(migrated, Application, application_id)).state == "submitted"
    officer = await colleague(migrated, "olga")
    async with migrated.transaction() as session:
        content = await session.scalar(select(EvidenceFile.content))
        assert content is not None
        assert PICTURE.content not in content
        row = await session.get_one(Application, application_id)
        shown = await evidence_records.open_file(
            session, vault, row, evidence_id, actor=officer, now=NOW
        )
        assert shown.content == PICTURE.content
    async with migrated.transaction() as session:
        await person_keys.destroy(session, account_id)
        with pytest.raises(PersonErased):
            await evidence_records.open_file(
                session, vault, row, evidence_id, actor=officer, now=NOW
            )
    async with migrated.transaction() as session:
        trail = await session.scalars(
            select(AuditRow.detail).where(AuditRow.action == "evidence-opened")
        )
        assert [set(each) for each in trail] == [{"application", "evidence"}]


async def test_evidence_that_is_accepted_completes_the_rule_and_serves_every_scheme(
    migrated: Database, vault: Vault
) -> None:
    account_id, application_id = await applied(migrated, vault)
    evidence_id = await sent(migrated, vault, application_id)
    officer = await colleague(migrated, "olga")
    await claimed(migrated, vault, application_id, officer)
    row = await accepted(migrated, vault, application_id, evidence_id, officer)
    assert row.state is ApplicationState.GRANTED
    assert row.claimed_by is None
    async with migrated.transaction() as session:
        held = await grants.current(session, account_id, NOW.date())
        assert SCHEME in {each.scheme for each in held}
        seen = await accounts.documents(session, vault, account_id)
        assert ("pip-moving-around", Proof.DISABILITY) in {(one.kind, one.proof) for one in seen}
        told = [each.kind for each in await outbox.messages(session, vault)]
        assert "application-decided" in told


async def test_a_file_is_deleted_some_days_after_its_check_and_the_finding_stays(
    migrated: Database, vault: Vault
) -> None:
    _, application_id = await applied(migrated, vault)
    evidence_id = await sent(migrated, vault, application_id)
    officer = await colleague(migrated, "olga")
    await claimed(migrated, vault, application_id, officer)
    await accepted(migrated, vault, application_id, evidence_id, officer)
    left = {}
    for after in (KEEP, KEEP + timedelta(seconds=1)):
        async for _ in retention.run(migrated.transaction, now=NOW + after):
            pass
        async with migrated.transaction() as session:
            left[after] = await session.scalar(select(func.count(EvidenceFile.id)))
    assert list(left.values()) == [1, 0]
    found = await loaded(migrated, ApplicationEvidence, evidence_id)
    assert (found.outcome, found.file_id) == (EvidenceOutcome.ACCEPTED, None)
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        with pytest.raises(NoSuchEvidence):
            await evidence_records.open_file(
                session, vault, row, evidence_id, actor=officer, now=NOW
            )


async def test_a_file_of_an_application_that_was_withdrawn_is_let_go_of(
    migrated: Database, vault: Vault
) -> None:
    account_id, application_id = await applied(migrated, vault)
    await sent(migrated, vault, application_id)
    async with migrated.transaction() as session:
        assert await evidence_records.let_go_of_decided(session, keep=KEEP, now=NOW) == 0
        row = await session.get_one(Application, application_id)
        own = herself(await session.get_one(Account, account_id))
        await applying.withdraw(session, vault, account_id, row.reference, actor=own, now=NOW)
        assert await evidence_records.let_go_of_decided(session, keep=KEEP, now=NOW) == 1
    async with migrated.transaction() as session:
        assert await session.scalar(select(EvidenceFile.kept_until)) == NOW + KEEP


async def test_a_copy_makes_nobody_surer_of_who_somebody_is(
    migrated: Database, vault: Vault
) -> None:
    account_id, application_id = await applied(migrated, vault)
    async with migrated.transaction() as session:
        before = (await assurance_records.of_account(session, vault, account_id)).found
    evidence_id = await sent(
        migrated, vault, application_id, Said("birth-certificate", Proof.IDENTITY)
    )
    officer = await colleague(migrated, "olga")
    await claimed(migrated, vault, application_id, officer)
    await accepted(migrated, vault, application_id, evidence_id, officer)
    async with migrated.transaction() as session:
        recorded = await assurance_records.of_account(session, vault, account_id)
    assert recorded.found == before
    assert ("copy-seen", 0) in {(check.how, check.score) for check in recorded.checks}


async def test_one_document_never_proves_both_who_and_where(
    migrated: Database, vault: Vault
) -> None:
    account_id, application_id = await applied(migrated, vault)
    address = Said("driving-licence", Proof.ADDRESS)
    await sent(migrated, vault, application_id, address)
    other = Clean(Media.JPEG, 1, b"another picture of it")
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        own = herself(await session.get_one(Account, account_id))

        async def send(said: Said, clean: Clean) -> ApplicationEvidence | NotGiven:
            return await sending.send_file(session, vault, row, clean, said, actor=own, now=NOW)

        assert await send(Said("driving-licence", Proof.IDENTITY), other) is NotGiven.SHOWS_BOTH
        # Nor does a file that says it is something else.
        assert await send(address, PICTURE) is NotGiven.SENT_BEFORE


async def test_the_same_file_is_kept_once_and_given_once(migrated: Database, vault: Vault) -> None:
    account_id, application_id = await applied(migrated, vault)
    await sent(migrated, vault, application_id)
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        own = herself(await session.get_one(Account, account_id))
        again = await sending.send_file(session, vault, row, PICTURE, LETTER, actor=own, now=NOW)
        assert again is NotGiven.SENT_BEFORE
        assert await session.scalar(select(func.count(EvidenceFile.id))) == 1


async def test_nobody_fills_the_store(migrated: Database, vault: Vault) -> None:
    account_id, application_id = await applied(migrated, vault)
    for number in range(MOST_FILES):
        clean = Clean(Media.JPEG, 1, b"picture %d" % number)
        await sent(migrated, vault, application_id, clean=clean)
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        own = herself(await session.get_one(Account, account_id))
        more = await sending.send_file(session, vault, row, PICTURE, LETTER, actor=own, now=NOW)
        assert more is NotGiven.TOO_MANY


async def test_of_two_who_claim_at_once_one_has_it_and_the_other_is_told(
    migrated: Database, vault: Vault
) -> None:
    _, application_id = await applied(migrated, vault)
    await sent(migrated, vault, application_id)
    officers = [await colleague(migrated, name) for name in ("olga", "omar")]

    async def one(actor: Actor) -> Application | HeldBy | Barred:
        async with migrated.transaction() as session:
            return await claims.claim(
                session, vault, application_id, life=HOUR, actor=actor, now=NOW
            )

    outcomes = await asyncio.gather(*(one(each) for each in officers))
    won = [each for each in outcomes if isinstance(each, Application)]
    lost = [each for each in outcomes if isinstance(each, HeldBy)]
    assert len(won) == len(lost) == 1
    assert lost[0].who == won[0].claimed_label
    assert lost[0].until == NOW + HOUR


async def test_a_claim_ends_by_itself_by_letting_go_and_by_handing_over(
    migrated: Database, vault: Vault
) -> None:
    _, application_id = await applied(migrated, vault)
    await sent(migrated, vault, application_id)
    olga, omar, alan = (
        await colleague(migrated, "olga"),
        await colleague(migrated, "omar"),
        await colleague(migrated, "alan", StaffRole.ADVISER),
    )
    await claimed(migrated, vault, application_id, olga)
    by = {"life": HOUR}
    async with migrated.transaction() as session:
        late = await claims.claim(session, vault, application_id, **by, actor=omar, now=NOW + HOUR)
        assert isinstance(late, Application)
        assert not await claims.release(session, vault, application_id, actor=olga, now=NOW)
        later = NOW + HOUR
        assert await claims.release(session, vault, application_id, actor=omar, now=later)
    await claimed(migrated, vault, application_id, olga)
    async with migrated.transaction() as session:
        to_alan = await claims.hand_over(
            session, vault, application_id, UUID(alan.id), **by, actor=olga, now=NOW
        )
        assert to_alan is Barred.NOT_A_COLLEAGUE
        moved = await claims.hand_over(
            session, vault, application_id, UUID(omar.id), **by, actor=olga, now=NOW
        )
        assert isinstance(moved, Application)
        assert claims.is_held_by(moved, omar, NOW)
    late_word = await decided(migrated, vault, application_id, Outcome.REFUSE, olga)
    assert late_word is NotDecided.NOT_CLAIMED


async def test_the_queue_is_oldest_first_and_knows_nobodys_name(
    migrated: Database, vault: Vault
) -> None:
    _, application_id = await applied(migrated, vault)
    async with migrated.transaction() as session:
        assert not await claims.queue(session)  # it waits for the resident, not for staff
    await sent(migrated, vault, application_id)
    async with migrated.transaction() as session:
        assert [one.row.id for one in await claims.queue(session)] == [application_id]
        assert await claims.waiting_by_scheme(session) == ((SCHEME, 1),)
        assert not await claims.queue(session, scheme="library")


async def test_an_officer_refuses_with_a_reason_that_the_resident_reads(
    migrated: Database, vault: Vault
) -> None:
    account_id, application_id = await applied(migrated, vault)
    await sent(migrated, vault, application_id)
    officer = await colleague(migrated, "olga")
    assert (
        await decided(migrated, vault, application_id, Outcome.REFUSE, officer)
        is NotDecided.NOT_CLAIMED
    )
    await claimed(migrated, vault, application_id, officer)
    with pytest.raises(InvalidDetails):
        await decided(migrated, vault, application_id, Outcome.REFUSE, officer, reason=" ")
    assert (
        await decided(migrated, vault, application_id, Outcome.GRANT, officer)
        is NotDecided.RULE_SAYS_OTHERWISE
    )
    row = await decided(migrated, vault, application_id, Outcome.REFUSE, officer)
    assert isinstance(row, Application)
    assert row.state is ApplicationState.REFUSED
    async with migrated.transaction() as session:
        personal = await person_keys.for_reading(session, vault, account_id)
        assert application_records.outcome_of(personal, row) == (REASON,)
        told = await outbox.messages(session, vault)
        assert [each.kind for each in told].count("application-decided") == 1
        assert all(REASON not in each.text for each in told)
    assert await decided(migrated, vault, application_id, Outcome.REFUSE, officer) is Barred.GONE


async def test_an_officer_asks_for_more_and_the_application_waits_for_the_resident(
    migrated: Database, vault: Vault
) -> None:
    _, application_id = await applied(migrated, vault)
    await sent(migrated, vault, application_id)
    officer = await colleague(migrated, "olga")
    await claimed(migrated, vault, application_id, officer)
    row = await decided(migrated, vault, application_id, Outcome.ASK_FOR_MORE, officer)
    assert isinstance(row, Application)
    assert (row.state, row.claimed_by) == (ApplicationState.EVIDENCE_WANTED, None)
    more = Clean(Media.JPEG, 1, b"the other page")
    await sent(migrated, vault, application_id, clean=more)
    assert (await loaded(migrated, Application, application_id)).state == "submitted"


async def test_nobody_decides_their_own_application(migrated: Database, vault: Vault) -> None:
    account_id, application_id = await applied(migrated, vault)
    await sent(migrated, vault, application_id)
    jean = await colleague(migrated, "jean")
    async with migrated.transaction() as session:
        session.add(OwnAccount(staff_id=UUID(jean.id), account_id=account_id))
    async with migrated.transaction() as session:
        taken = await claims.claim(session, vault, application_id, life=HOUR, actor=jean, now=NOW)
        assert taken is Barred.OWN_ACCOUNT
    omar = await colleague(migrated, "omar")
    await claimed(migrated, vault, application_id, omar)
    async with migrated.transaction() as session:
        moved = await claims.hand_over(
            session, vault, application_id, UUID(jean.id), life=HOUR, actor=omar, now=NOW
        )
        assert moved is Barred.OWN_ACCOUNT


async def test_a_piece_is_judged_once(migrated: Database, vault: Vault) -> None:
    account_id, application_id = await applied(migrated, vault)
    evidence_id = await sent(migrated, vault, application_id)
    officer = await colleague(migrated, "olga")
    await claimed(migrated, vault, application_id, officer)
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        why = "It is too dark to read"
        await judging.refuse(
            session, vault, row, evidence_id, why, keep=KEEP, actor=officer, now=NOW
        )
        with pytest.raises(EvidenceJudged):
            await judging.accept(
                session, vault, row, evidence_id, DATED, keep=KEEP, actor=officer, now=NOW
            )
        pieces = await evidence_records.of_application(session, vault, row)
        assert [(each.reason, each.row.outcome) for each in pieces] == [(why, "refused")]
        documents = select(func.count(SightedDocument.id)).where(
            SightedDocument.account_id == account_id
        )
        assert await session.scalar(documents) == 2  # those she registered with


async def test_who_gave_what_is_refused_is_told_by_a_message_that_names_nothing(
    migrated: Database, vault: Vault
) -> None:
    _, application_id = await applied(migrated, vault)
    evidence_id = await sent(migrated, vault, application_id)
    officer = await colleague(migrated, "olga")
    why = "The letter is about PIP for daily living"
    async with migrated.transaction() as session:
        row = await session.get_one(Application, application_id)
        await judging.refuse(
            session, vault, row, evidence_id, why, keep=KEEP, actor=officer, now=NOW
        )
        told = await outbox.messages(session, vault)
        (text,) = [each.text for each in told if each.kind == "evidence-refused"]
        assert row.reference in text
        assert "PIP" not in text
        assert "Your requests" in text


async def reviewed(
    database: Database, vault: Vault, account_id: UUID, application_id: UUID, *, days: int = 1
) -> Application | NoReview:
    async with database.transaction() as session:
        row = await session.get_one(Application, application_id)
        own = herself(await session.get_one(Account, account_id))
        return await deciding.ask_review(
            session,
            vault,
            account_id,
            row.reference,
            "Page 2 says it",
            within=KEEP,
            actor=own,
            now=NOW + timedelta(days=days),
        )


async def test_a_review_is_decided_by_somebody_else_once(migrated: Database, vault: Vault) -> None:
    account_id, application_id = await applied(migrated, vault)
    evidence_id = await sent(migrated, vault, application_id)
    first = await colleague(migrated, "sara", StaffRole.SUPERVISOR)
    second = await colleague(migrated, "sunil", StaffRole.SUPERVISOR)
    assert await reviewed(migrated, vault, account_id, application_id) is NoReview.NOT_REFUSED
    await claimed(migrated, vault, application_id, first)
    await decided(migrated, vault, application_id, Outcome.REFUSE, first)
    assert await reviewed(migrated, vault, account_id, application_id, days=29) is NoReview.TOO_LATE
    async with migrated.transaction() as session:
        await evidence_records.let_go_of_decided(session, keep=KEEP, now=NOW)
    row = await reviewed(migrated, vault, account_id, application_id)
    assert isinstance(row, Application)
    assert row.state is ApplicationState.REVIEW_ASKED
    async with migrated.transaction() as session:
        assert await session.scalar(select(EvidenceFile.kept_until)) is None
        again = await claims.claim(session, vault, application_id, life=HOUR, actor=first, now=NOW)
        assert again is Barred.FIRST_DECIDER
    await claimed(migrated, vault, application_id, second)
    done = await accepted(migrated, vault, application_id, evidence_id, second)
    assert done.state is ApplicationState.GRANTED


async def test_after_a_second_refusal_there_is_no_other_review(
    migrated: Database, vault: Vault
) -> None:
    account_id, application_id = await applied(migrated, vault)
    await sent(migrated, vault, application_id)
    for name in ("sara", "sunil"):
        actor = await colleague(migrated, name, StaffRole.SUPERVISOR)
        await claimed(migrated, vault, application_id, actor)
        done = await decided(migrated, vault, application_id, Outcome.REFUSE, actor)
        assert isinstance(done, Application)
        await reviewed(migrated, vault, account_id, application_id)
    asked = await reviewed(migrated, vault, account_id, application_id)
    assert asked is NoReview.REVIEWED
