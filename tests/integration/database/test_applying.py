"""Residents apply: only the unknown is asked, and what the rule settles is decided at once."""

import asyncio
from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.database import Database
from entitlements import application_records as records
from entitlements import applying, assessing, conclusions, feeds, gathering, grants
from entitlements.application_models import Application, ApplicationState, Happened
from entitlements.applying import Changed, NotOpen
from entitlements.errors import (
    ApplicationClosed,
    NoSuchApplication,
    UnknownFact,
    UnknownScheme,
)
from entitlements.grant_states import GrantState
from entitlements.grants import EndReason
from entitlements.models import FedFact, Standing
from entitlements.questions import Wanted
from identity import accounts, deaths, outbox, person_keys
from identity.addresses import AddressChange
from identity.details import NewAddress, NewResident, SelfAsserted
from identity.errors import NoSuchAccount
from identity.evidence import DocumentShown, Proof
from identity.models import Account
from identity.personal import Vault
from tests.support.people import CLERK, COUNCIL_TAX, JEAN, NOW

CARER = "leisure-your-leisure-carer"
FACT = "carer_of_member"
LATER = NOW + timedelta(hours=1)
ON = NOW.date()
SAM = msgspec.structs.replace(
    JEAN, birth_date=date(1990, 7, 31), postcode="CT10 1AA", email="sam@example.com"
)
"""Of Thanet, where the operator of the carer's subscription has its centres."""
CHILD = msgspec.structs.replace(JEAN, birth_date=date(2012, 7, 31), email="")
LETTER = DocumentShown("carers-allowance", dated_on=date(2026, 11, 1))


async def _register(
    database: Database, vault: Vault, who: NewResident = SAM, *letters: DocumentShown
) -> UUID:
    async with database.transaction() as session:
        resident = (await accounts.register(session, vault, who, actor=CLERK, now=NOW)).id
        for letter in letters:
            await accounts.sight_document(
                session, vault, resident, letter, Proof.BENEFIT, actor=CLERK, now=NOW
            )
        await assessing.assess(session, vault, resident, actor=CLERK, now=NOW)
    return resident


async def _start(database: Database, vault: Vault, resident: UUID, scheme: str = CARER) -> str:
    async with database.transaction() as session:
        row = await applying.start(session, vault, resident, scheme, actor=CLERK, now=NOW)
        assert isinstance(row, Application)
        return row.reference


async def _answer(
    database: Database,
    vault: Vault,
    resident: UUID,
    reference: str,
    value: bool | None,  # noqa: FBT001  (what was answered)
    fact: str = FACT,
) -> None:
    async with database.transaction() as session:
        await applying.save(session, vault, resident, reference, fact, value, actor=CLERK, now=NOW)


async def _send(
    database: Database, vault: Vault, resident: UUID, reference: str, now: datetime = NOW
) -> ApplicationState:
    async with database.transaction() as session:
        sent = await applying.submit(session, vault, resident, reference, actor=CLERK, now=now)
        assert isinstance(sent, Application)
        return sent.state


async def _told(database: Database, vault: Vault, resident: UUID, reference: str) -> str:
    async with database.transaction() as session:
        personal = await person_keys.for_reading(session, vault, resident)
        row = await records.own(session, resident, reference)
        return " ".join(records.outcome_of(personal, row))


async def _state_of(session: AsyncSession, resident: UUID, scheme: str = CARER) -> GrantState:
    return (await grants.open_by_scheme(session, resident))[scheme].state


async def test_only_what_is_unknown_is_asked_and_a_yes_by_rule_is_granted_at_once(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault, SAM, LETTER)
    reference = await _start(migrated, vault, resident)
    async with migrated.transaction() as session:
        sitting = await applying.sitting(session, vault, resident, reference, on=ON)
    assert sitting.asks is not None
    assert sitting.asks.words == "Tell us whether you look after a member of the leisure centre"
    await _answer(migrated, vault, resident, reference, value=True)
    async with migrated.transaction() as session:
        sitting = await applying.sitting(session, vault, resident, reference, on=ON)
        assert (sitting.asks, sitting.sent.wanted) == (None, None)
        # What is not sent is not known: it gives nobody anything.
        assert CARER not in await grants.open_by_scheme(session, resident)
    assert await _send(migrated, vault, resident, reference) is ApplicationState.GRANTED
    assert "We have seen a letter that shows you are a carer." in await _told(
        migrated, vault, resident, reference
    )
    async with migrated.transaction() as session:
        assert await _state_of(session, resident) is GrantState.GRANTED
        fact = await session.scalar(select(FedFact).where(FedFact.name == FACT))
        assert fact is not None
        assert fact.standing is Standing.OWN_WORD
        sent = [m for m in await outbox.messages(session, vault) if m.kind.startswith("applic")]
    assert [message.to for message in sent] == [SAM.email]
    assert reference in sent[0].text
    assert "carer" not in sent[0].text.lower()


async def test_what_was_answered_once_is_not_asked_again(migrated: Database, vault: Vault) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    await _answer(migrated, vault, resident, reference, value=True)
    waits = await _send(migrated, vault, resident, reference)
    assert waits is ApplicationState.EVIDENCE_WANTED
    async with migrated.transaction() as session:
        await applying.withdraw(session, vault, resident, reference, actor=CLERK, now=NOW)
        ended = [each for each in await grants.history(session, resident) if each.scheme == CARER]
    assert [each.ended_reason for each in ended] == [EndReason.WITHDRAWN]
    again = await _start(migrated, vault, resident)
    assert again != reference
    async with migrated.transaction() as session:
        sitting = await applying.sitting(session, vault, resident, again, on=ON)
    assert sitting.asks is None
    assert sitting.answers == {}


async def test_a_no_by_the_residents_own_word_is_told_at_once_with_its_reason(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    await _answer(migrated, vault, resident, reference, value=False)
    assert await _send(migrated, vault, resident, reference) is ApplicationState.REFUSED
    told = await _told(migrated, vault, resident, reference)
    assert told == "The subscription is for those who look after a member."


async def test_a_no_until_a_birthday_says_from_when(migrated: Database, vault: Vault) -> None:
    resident = await _register(migrated, vault, JEAN)
    reference = await _start(migrated, vault, resident, "travel-older")
    assert await _send(migrated, vault, resident, reference) is ApplicationState.REFUSED
    told = await _told(migrated, vault, resident, reference)
    assert "If nothing else changes, you can have it from 30 November 2026." in told


async def test_a_letter_seen_afterwards_decides_the_application_that_waits_for_it(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    await _answer(migrated, vault, resident, reference, value=True)
    await _send(migrated, vault, resident, reference)
    async with migrated.transaction() as session:
        assert await _state_of(session, resident) is GrantState.APPLIED
        assert [
            each.scheme
            for each in await grants.current(session, resident, ON)
            if each.scheme == CARER
        ] == []
        await accounts.sight_document(
            session, vault, resident, LETTER, Proof.BENEFIT, actor=CLERK, now=LATER
        )
        await assessing.assess(session, vault, resident, actor=CLERK, now=LATER)
        row = await records.own(session, resident, reference)
        assert (row.state, row.closed_at) == (ApplicationState.GRANTED, LATER)
        assert await _state_of(session, resident) is GrantState.GRANTED
        moves = (await grants.moves_of(session, resident))[row.grant_id or UUID(int=0)]
    assert [each.now_is for each in moves] == [GrantState.APPLIED, GrantState.GRANTED]


async def test_what_an_officer_has_to_confirm_is_no_yes_however_it_is_answered(
    migrated: Database, vault: Vault
) -> None:
    child = await _register(migrated, vault, CHILD)
    reference = await _start(migrated, vault, child, "library")
    await _answer(migrated, vault, child, reference, value=True, fact="guarantor")
    assert await _send(migrated, vault, child, reference) is ApplicationState.SUBMITTED
    async with migrated.transaction() as session:
        known = await gathering.gather_stated(session, vault, child)
        assert known.proved.facts.fed == {}
        assert known.stated.fed == {"guarantor": True}
        assert await grants.current(session, child, ON) == []
        # The library says so: now it is known, and the application is decided.
        await feeds.tell(session, vault, child, "guarantor", value=True, actor=CLERK, now=LATER)
        await assessing.assess(session, vault, child, actor=CLERK, now=LATER)
        row = await records.own(session, child, reference)
        assert row.state is ApplicationState.GRANTED


async def test_what_others_told_us_is_neither_asked_nor_unsaid(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    await _answer(migrated, vault, resident, reference, value=True)
    async with migrated.transaction() as session:
        await feeds.tell(session, vault, resident, FACT, value=False, actor=CLERK, now=NOW)
    assert await _send(migrated, vault, resident, reference) is ApplicationState.REFUSED
    async with migrated.transaction() as session:
        gathered = await gathering.gather(session, vault, resident)
    assert gathered.facts.fed == {FACT: False}


async def test_not_knowing_is_an_answer_and_goes_to_an_officer(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault, SAM, LETTER)
    reference = await _start(migrated, vault, resident)
    await _answer(migrated, vault, resident, reference, value=None)
    assert await _send(migrated, vault, resident, reference) is ApplicationState.SUBMITTED
    async with migrated.transaction() as session:
        assert await session.scalar(select(func.count()).select_from(FedFact)) == 0


async def test_nothing_is_sent_while_something_is_still_to_be_asked(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    async with migrated.transaction() as session:
        sent = await applying.submit(session, vault, resident, reference, actor=CLERK, now=NOW)
        assert isinstance(sent, Changed)
        assert sent.sitting.asks is not None
        assert (await records.own(session, resident, reference)).submitted_at is None


async def test_who_moved_after_looking_at_the_answers_looks_again_and_is_decided_where_they_live(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    await _answer(migrated, vault, resident, reference, value=True)
    moved = AddressChange(
        address=NewAddress(address_lines=("3 Hopfield Gardens", "Tonbridge"), postcode="TN9 1BH"),
        moved_on=ON,
        document=COUNCIL_TAX,
    )
    async with migrated.transaction() as session:
        seen = (await applying.sitting(session, vault, resident, reference, on=ON)).seen
        await assessing.move_home(session, vault, resident, moved, actor=CLERK, now=NOW)
    async with migrated.transaction() as session:
        looked = await applying.submit(
            session, vault, resident, reference, seen=seen, actor=CLERK, now=NOW
        )
        assert isinstance(looked, Changed)
        seen = looked.sitting.seen
    async with migrated.transaction() as session:
        sent = await applying.submit(
            session, vault, resident, reference, seen=seen, actor=CLERK, now=NOW
        )
        assert isinstance(sent, Application)
        assert sent.state is ApplicationState.REFUSED
    assert "not in Thanet or Dover" in await _told(migrated, vault, resident, reference)


async def test_somebody_whose_home_nobody_has_seen_shown_is_asked_for_a_document_not_again(
    migrated: Database, vault: Vault
) -> None:
    async with migrated.transaction() as session:
        said = SelfAsserted(
            given_names="Mina",
            family_name="Weald",
            birth_date="1990-07-31",
            address_lines=("1 Example Street", "Maidstone"),
            postcode="ME14 1XQ",
            email="mina@example.com",
        )
        made = await accounts.register_self(session, vault, said, now=NOW)
        assert isinstance(made, Account)
        alone = made.id
        await assessing.assess(session, vault, alone, actor=CLERK, now=NOW)
    reference = await _start(migrated, vault, alone, "travel-disabled")
    async with migrated.transaction() as session:
        sitting = await applying.sitting(session, vault, alone, reference, on=ON)
    assert (sitting.asks, sitting.sent.wanted) == (None, Wanted.EVIDENCE)
    assert sitting.facts.birth_date == date(1990, 7, 31)
    assert await _send(migrated, vault, alone, reference) is ApplicationState.EVIDENCE_WANTED


async def test_sending_twice_is_sending_once_also_at_the_same_moment(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault, SAM, LETTER)
    reference = await _start(migrated, vault, resident)
    await _answer(migrated, vault, resident, reference, value=True)
    both = await asyncio.gather(*(_send(migrated, vault, resident, reference) for _ in range(2)))
    assert both == [ApplicationState.GRANTED, ApplicationState.GRANTED]
    async with migrated.transaction() as session:
        given = [each for each in await grants.history(session, resident) if each.scheme == CARER]
        row = await records.own(session, resident, reference)
        events = [each.what for each in await records.events_of(session, row.id)]
    assert len(given) == 1
    assert events.count(Happened.SUBMITTED) == 1


async def test_starting_twice_in_two_tabs_is_one_application(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    both = await asyncio.gather(*(_start(migrated, vault, resident) for _ in range(2)))
    assert both[0] == both[1]


async def test_what_is_held_or_given_elsewhere_cannot_be_applied_for(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    async with migrated.transaction() as session:
        for scheme, why in (("library", NotOpen.HELD), ("blue-badge", NotOpen.ELSEWHERE)):
            answered = await applying.start(session, vault, resident, scheme, actor=CLERK, now=NOW)
            assert answered is why
        with pytest.raises(UnknownScheme):
            await applying.start(session, vault, resident, "no-such", actor=CLERK, now=NOW)
        with pytest.raises(NoSuchAccount):
            await applying.start(session, vault, UUID(int=1), CARER, actor=CLERK, now=NOW)


async def test_another_residents_application_is_nobodys(migrated: Database, vault: Vault) -> None:
    resident = await _register(migrated, vault)
    stranger = await _register(migrated, vault, JEAN)
    reference = await _start(migrated, vault, resident)
    async with migrated.transaction() as session:
        who = {"actor": CLERK, "now": NOW}
        with pytest.raises(NoSuchApplication):
            await applying.sitting(session, vault, stranger, reference, on=ON)
        with pytest.raises(NoSuchApplication):
            await applying.save(session, vault, stranger, reference, FACT, value=True, **who)  # type: ignore[arg-type]  # two keywords
        with pytest.raises(NoSuchApplication):
            await applying.submit(session, vault, stranger, reference, **who)  # type: ignore[arg-type]  # likewise
        with pytest.raises(NoSuchApplication):
            await applying.withdraw(session, vault, stranger, reference, **who)  # type: ignore[arg-type]  # likewise


async def test_an_answer_that_cannot_be_is_not_kept(migrated: Database, vault: Vault) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    for fact, value in ((FACT, 7), ("library_debt", 100), ("companion_agreed", True), ("x", True)):
        async with migrated.transaction() as session:
            with pytest.raises(UnknownFact):
                await applying.save(
                    session, vault, resident, reference, fact, value, actor=CLERK, now=NOW
                )
    async with migrated.transaction() as session:
        assert (await records.own(session, resident, reference)).saves == 0


async def test_what_was_sent_or_withdrawn_takes_no_answer_any_more(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    async with migrated.transaction() as session:
        await applying.withdraw(session, vault, resident, reference, actor=CLERK, now=NOW)
    async with migrated.transaction() as session:
        with pytest.raises(ApplicationClosed):
            await applying.save(
                session, vault, resident, reference, FACT, value=True, actor=CLERK, now=NOW
            )
        with pytest.raises(ApplicationClosed):
            await applying.submit(session, vault, resident, reference, actor=CLERK, now=NOW)
        with pytest.raises(ApplicationClosed):
            await applying.withdraw(session, vault, resident, reference, actor=CLERK, now=NOW)
        row = await records.own(session, resident, reference)
        with pytest.raises(ApplicationClosed):
            await conclusions.refuse(session, vault, row, ["No"], actor=CLERK, now=NOW)


async def test_the_dead_are_refused_what_they_applied_for_and_nobody_writes_to_them(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    await _answer(migrated, vault, resident, reference, value=True)
    await _send(migrated, vault, resident, reference)
    async with migrated.transaction() as session:
        await deaths.close(session, vault, resident, actor=CLERK, now=LATER)
        before = len(await outbox.messages(session, vault))
        await assessing.assess(session, vault, resident, actor=CLERK, now=LATER)
        row = await records.own(session, resident, reference)
        assert row.state is ApplicationState.REFUSED
        assert len(await outbox.messages(session, vault)) == before
        closed = await applying.start(session, vault, resident, CARER, actor=CLERK, now=LATER)
        assert closed is NotOpen.DIED


async def test_a_move_out_of_the_area_refuses_the_application_that_waits(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident)
    await _answer(migrated, vault, resident, reference, value=True)
    await _send(migrated, vault, resident, reference)
    moved = AddressChange(
        address=NewAddress(address_lines=("3 Hopfield Gardens", "Tonbridge"), postcode="TN9 1BH"),
        moved_on=ON,
        document=COUNCIL_TAX,
    )
    async with migrated.transaction() as session:
        await assessing.move_home(session, vault, resident, moved, actor=CLERK, now=LATER)
        assert (await records.own(session, resident, reference)).state is ApplicationState.REFUSED
        assert CARER not in await grants.open_by_scheme(session, resident)


async def test_on_a_border_the_district_that_a_clerk_confirmed_decides(
    migrated: Database, vault: Vault
) -> None:
    """The postcode is in no table, so that a clerk says in which district the home is."""
    homes = {"E07000114": ApplicationState.EVIDENCE_WANTED, "E07000106": ApplicationState.REFUSED}
    for district, expected in homes.items():
        who = msgspec.structs.replace(
            SAM,
            postcode="CT7 0ZZ",
            email="",
            confirmed_district=district,
            confirmation_reason="New estate",
        )
        resident = await _register(migrated, vault, who)
        reference = await _start(migrated, vault, resident)
        await _answer(migrated, vault, resident, reference, value=True)
        assert await _send(migrated, vault, resident, reference) is expected


async def test_of_two_addresses_the_one_lived_at_decides(migrated: Database, vault: Vault) -> None:
    resident = await _register(migrated, vault, msgspec.structs.replace(SAM, postcode="TN9 1BH"))
    moved = AddressChange(
        address=NewAddress(address_lines=("3 Quay", "Broadstairs"), postcode="CT10 1AA"),
        moved_on=ON,
        document=COUNCIL_TAX,
    )
    async with migrated.transaction() as session:
        await assessing.move_home(session, vault, resident, moved, actor=CLERK, now=NOW)
    reference = await _start(migrated, vault, resident)
    async with migrated.transaction() as session:
        sitting = await applying.sitting(session, vault, resident, reference, on=ON)
    assert sitting.facts.district == "E07000114"
    assert sitting.asks is not None


async def test_what_needs_a_document_says_so_before_it_is_sent(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault)
    reference = await _start(migrated, vault, resident, "travel-disabled")
    async with migrated.transaction() as session:
        sitting = await applying.sitting(session, vault, resident, reference, on=ON)
        assert (sitting.asks, sitting.sent.wanted) == (None, Wanted.EVIDENCE)
