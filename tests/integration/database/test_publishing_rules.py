"""Rules change when two people agree, and what was decided before can be decided again."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import msgspec
import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import IntegrityError

from cardservice import reassessing
from cardservice.database import Database
from entitlements import (
    assessing,
    feeds,
    gathering,
    grants,
    previews,
    publishing,
    replays,
    rulebooks,
)
from entitlements.assessing import Explained
from entitlements.decision import Eligible, NeedsFacts
from entitlements.errors import (
    NotAnotherPerson,
    PublicationBackdated,
    PublicationDecided,
    PublicationUnchanged,
    PublicationUncounted,
    PublicationWaits,
    SchemesFaulty,
    UnknownFact,
)
from entitlements.facts import Fed
from entitlements.models import Assessment, Publication
from entitlements.previews import Effect
from entitlements.publishing import Consequences
from entitlements.replays import Replayed
from entitlements.schemes.batch import YES, compile_numpy
from entitlements.schemes.columns import columns_of
from identity import accounts, person_keys
from identity.actors import staff_actor
from identity.details import NewResident
from identity.errors import InvalidDetails
from identity.personal import Vault
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW
from tests.support.reorganised import AREA
from tests.support.rule_changes import (
    NEW_SCHEME,
    library_from_2027,
    library_without_charges_for_children,
    text_of,
)

SECOND = staff_actor(uuid4(), "Sam Okoro")
IN_DECEMBER = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
CHILD = msgspec.structs.replace(JEAN, birth_date=date(2015, 5, 5), email="")

OTHER_CHILD = msgspec.structs.replace(CHILD, given_names="Ann", birth_date=date(2016, 6, 6))


async def register(database: Database, vault: Vault, details: NewResident = JEAN) -> UUID:
    async with database.transaction() as session:
        account = await accounts.register(session, vault, details, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
    return account.id


async def ask(
    database: Database, vault: Vault, file: str, text: str, *, backdated: bool = False
) -> tuple[UUID, Consequences]:
    async with database.transaction() as session:
        row = await publishing.ask(
            session, file, text, "The council decided so", backdated=backdated, actor=CLERK, now=NOW
        )
        return row.id, await publishing.count(session, vault, row.id, now=NOW)


async def publish(
    database: Database, vault: Vault, file: str, text: str, *, now: datetime = NOW
) -> None:
    asked, _ = await ask(database, vault, file, text)
    async with database.transaction() as session:
        await publishing.approve(session, asked, actor=SECOND, now=now)


async def explained(
    database: Database, vault: Vault, resident: UUID, on: date
) -> Mapping[str, Explained]:
    async with database.transaction() as session:
        found = await assessing.explain(session, vault, resident, on=on)
    return {each.decision.scheme: each for each in found}


async def test_a_new_scheme_is_one_file_that_pages_batch_and_grants_know_at_once(
    migrated: Database, vault: Vault
) -> None:
    resident = await register(migrated, vault)
    await publish(migrated, vault, "leisure-swimming.toml", NEW_SCHEME)
    shown = (await explained(migrated, vault, resident, IN_DECEMBER.date()))["leisure-swimming"]
    assert isinstance(shown.decision, Eligible)
    assert shown.title == "Swimming for new residents of Maidstone"
    assert shown.notes == ("Bring your own towel.",)
    async with migrated.transaction() as session:
        book = await rulebooks.in_force(session)
        gathered = await gathering.gather(session, vault, resident)
    batch = compile_numpy(book.schemes["leisure-swimming"])
    assert batch(columns_of([gathered.facts]), IN_DECEMBER.date()).outcome.tolist() == [YES]
    run = [each async for each in reassessing.reassess_everybody(migrated, vault, now=IN_DECEMBER)]
    assert run[-1].finished
    async with migrated.transaction() as session:
        held = await grants.current(session, resident, IN_DECEMBER.date())
    assert "leisure-swimming" in {each.scheme for each in held}


async def test_nothing_changes_until_another_person_approves(
    migrated: Database, vault: Vault
) -> None:
    resident = await register(migrated, vault)
    asked, _ = await ask(migrated, vault, "leisure-swimming.toml", NEW_SCHEME)
    assert "leisure-swimming" not in await explained(migrated, vault, resident, NOW.date())
    async with migrated.transaction() as session:
        with pytest.raises(NotAnotherPerson):
            await publishing.approve(session, asked, actor=CLERK, now=NOW)
        with pytest.raises(NotAnotherPerson):
            await publishing.refuse(session, asked, "No", actor=CLERK, now=NOW)
        await publishing.approve(session, asked, actor=SECOND, now=NOW)
    async with migrated.transaction() as session:
        with pytest.raises(PublicationDecided):
            await publishing.refuse(session, asked, "Too late", actor=SECOND, now=NOW)
        [row] = await publishing.published(session)
        assert (row.number, row.decided_by_label) == (1, "Sam Okoro")
        actions = set(await session.scalars(select(AuditRow.action)))
    assert {"rules-publication-asked", "rules-published"} <= actions


async def test_the_database_itself_holds_the_two_persons_apart(
    migrated: Database, vault: Vault
) -> None:
    asked, _ = await ask(migrated, vault, "leisure-swimming.toml", NEW_SCHEME)
    with pytest.raises(IntegrityError):
        async with migrated.transaction() as session:
            await session.execute(
                update(Publication)
                .where(Publication.id == asked)
                .values(state="approved", number=1, decided_by_id=CLERK.id)
            )


async def test_what_is_refused_is_never_in_force_and_says_why(
    migrated: Database, vault: Vault
) -> None:
    asked, _ = await ask(migrated, vault, "leisure-swimming.toml", NEW_SCHEME)
    async with migrated.transaction() as session:
        with pytest.raises(InvalidDetails):
            await publishing.refuse(session, asked, " ", actor=SECOND, now=NOW)
        await publishing.refuse(session, asked, "The decision was put off", actor=SECOND, now=NOW)
    async with migrated.transaction() as session:
        assert (await session.get_one(Publication, asked)).refusal == "The decision was put off"
        assert "leisure-swimming" not in (await rulebooks.in_force(session)).schemes
        assert await publishing.waiting(session) == []


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("library.toml", "id = ", "library.toml, line 1, column 1: not TOML"),
        ("leisure-swimming.toml", NEW_SCHEME.replace('"kent"', '"surrey"'), "no area 'surrey'"),
        ("../library.toml", NEW_SCHEME, "a rule file is called like its scheme"),
        ("engine.py", "import os", "a rule file is called like its scheme"),
        ("Library.toml", NEW_SCHEME, "a rule file is called like its scheme"),
        ("library.toml", "#" * 200_001, "longer than"),
    ],
)
async def test_what_has_faults_cannot_be_asked_for(
    migrated: Database, vault: Vault, file: str, text: str, fault: str
) -> None:
    with pytest.raises(SchemesFaulty, match=fault):
        await ask(migrated, vault, file, text)


async def test_one_change_of_a_file_waits_at_a_time_and_no_change_is_none(
    migrated: Database, vault: Vault
) -> None:
    await ask(migrated, vault, "leisure-swimming.toml", NEW_SCHEME)
    with pytest.raises(PublicationWaits):
        await ask(migrated, vault, "leisure-swimming.toml", NEW_SCHEME + "\n")
    with pytest.raises(PublicationUnchanged):
        await ask(migrated, vault, "library.toml", text_of("library.toml"))


async def test_nobody_approves_what_nobody_was_shown_the_consequences_of(
    migrated: Database, vault: Vault
) -> None:
    async with migrated.transaction() as session:
        row = await publishing.ask(
            session,
            "x.toml",
            NEW_SCHEME.replace("leisure-swimming", "x"),
            "Why",
            backdated=False,
            actor=CLERK,
            now=NOW,
        )
        with pytest.raises(PublicationUncounted):
            await publishing.approve(session, row.id, actor=SECOND, now=NOW)
    assert await reassessing.count_consequences(migrated, vault, now=NOW) == 1
    assert await reassessing.count_consequences(migrated, vault, now=NOW) == 0


async def test_a_change_of_days_that_have_passed_is_refused_unless_asked_for_as_such(
    migrated: Database, vault: Vault
) -> None:
    await register(migrated, vault)
    text = library_without_charges_for_children()
    with pytest.raises(PublicationBackdated, match="1 April 2012"):
        await ask(migrated, vault, "library.toml", text)
    asked, shown = await ask(migrated, vault, "library.toml", text, backdated=True)
    assert shown.decided_since == 1
    async with migrated.transaction() as session:
        before = (await session.scalars(select(Assessment.id))).all()
        row = await publishing.approve(session, asked, actor=SECOND, now=NOW)
        assert row.backdated
        assert row.first_day == date(2012, 4, 1)
        assert (await session.scalars(select(Assessment.id))).all() == before


async def test_what_was_in_time_when_asked_is_refused_when_it_is_approved_too_late(
    migrated: Database, vault: Vault
) -> None:
    asked, _ = await ask(migrated, vault, "leisure-swimming.toml", NEW_SCHEME)
    async with migrated.transaction() as session:
        too_late = IN_DECEMBER + timedelta(days=1)
        with pytest.raises(PublicationBackdated, match="1 December 2026"):
            await publishing.approve(session, asked, actor=SECOND, now=too_late)


async def test_the_preview_counts_who_gains_on_the_first_day_that_changes(
    migrated: Database, vault: Vault
) -> None:
    await register(migrated, vault, CHILD)
    await register(migrated, vault)
    _, shown = await ask(migrated, vault, "library.toml", library_from_2027())
    assert shown.preview is not None
    assert shown.preview.on == shown.preview.first_day == date(2027, 1, 1)
    assert (shown.preview.residents, shown.preview.unreadable) == (2, 0)
    assert shown.preview.counts == {"library": {"gains": 1}}
    assert shown.preview.touched == 1
    assert shown.decided_since == 0


@pytest.mark.parametrize(("most_touched", "most_looked_at"), [(200, 5_000), (1, 5_000), (200, 1)])
async def test_whoever_is_touched_is_on_one_page_and_no_page_looks_at_everybody(
    migrated: Database,
    vault: Vault,
    monkeypatch: pytest.MonkeyPatch,
    most_touched: int,
    most_looked_at: int,
) -> None:
    monkeypatch.setattr(previews, "MOST_TOUCHED", most_touched)
    monkeypatch.setattr(previews, "MOST_LOOKED_AT", most_looked_at)
    children = [await register(migrated, vault, each) for each in (CHILD, OTHER_CHILD)]
    await register(migrated, vault)
    found: list[previews.Touched] = []
    since = None
    async with migrated.transaction() as session:
        before = await rulebooks.in_force(session)
        after = publishing.proposed(before, "library.toml", library_from_2027())
        while not found or since is not None:
            found.append(
                await previews.page_of_touched(
                    session, vault, before, after, on=date(2027, 1, 1), since=since
                )
            )
            since = found[-1].last
    assert sum(each.looked_at for each in found) == 3
    assert max(each.looked_at for each in found) <= most_looked_at
    assert max(len(each.residents) for each in found) <= most_touched
    touched = [looked for each in found for looked in each.residents]
    assert [looked.account_id for looked in touched] == sorted(children)
    assert all(looked.effects == {"library": Effect.GAINS} for looked in touched)


async def test_authorities_change_on_1_april_2028_by_publishing_them(
    migrated: Database, vault: Vault
) -> None:
    dartford = msgspec.structs.replace(JEAN, postcode="DA1 1DR", birth_date=date(1950, 1, 1))
    resident = await register(migrated, vault, dartford)
    until = "from = 1974-04-01\nuntil = 2028-03-31\n"
    ended = text_of("authorities.toml").replace("from = 1974-04-01\n", until)
    _, shown = await ask(migrated, vault, "authorities.toml", ended + AREA)
    assert shown.preview is not None
    assert shown.preview.first_day == date(2028, 4, 1)
    assert shown.preview.counts["travel-older"] == {"loses": 1}
    async with migrated.transaction() as session:
        [row] = await publishing.waiting(session)
        await publishing.approve(session, row.id, actor=SECOND, now=NOW)
    last = (await explained(migrated, vault, resident, date(2028, 3, 31)))["travel-older"]
    first = (await explained(migrated, vault, resident, date(2028, 4, 1)))["travel-older"]
    assert isinstance(last.decision, Eligible)
    assert not isinstance(first.decision, Eligible)


async def replayed(database: Database, vault: Vault) -> set[Replayed]:
    async with database.transaction() as session:
        return {each.outcome async for each in replays.replay_all(session, vault)}


async def test_every_decision_comes_out_the_same_when_it_is_made_again(
    migrated: Database, vault: Vault
) -> None:
    child, jean = await register(migrated, vault, CHILD), await register(migrated, vault)
    await publish(migrated, vault, "library.toml", library_from_2027())
    async with migrated.transaction() as session:
        await feeds.tell(
            session, vault, child, "guarantor", value=True, actor=CLERK, now=IN_DECEMBER
        )
        for resident in (child, jean):
            await assessing.assess(session, vault, resident, actor=CLERK, now=IN_DECEMBER)
    async with migrated.transaction() as session:
        books = set(await session.scalars(select(Assessment.book)))
    assert len(books) == 2
    assert await replayed(migrated, vault) == {Replayed.SAME}


async def test_a_decision_that_was_tampered_with_or_has_no_facts_is_told_apart(
    migrated: Database, vault: Vault
) -> None:
    await register(migrated, vault)
    async with migrated.transaction() as session:
        await session.execute(
            update(Assessment)
            .where(Assessment.scheme == "library")
            .values(decided_on=date(1990, 1, 1))
        )
        await session.execute(
            update(Assessment)
            .where(Assessment.scheme == "travel-older")
            .values(sealed_facts=None, book=None)
        )
    assert await replayed(migrated, vault) == set(Replayed)


async def test_the_stored_facts_say_which_row_each_is_from(
    migrated: Database, vault: Vault
) -> None:
    resident = await register(migrated, vault)
    async with migrated.transaction() as session:
        await feeds.tell(session, vault, resident, "library_debt", value=1, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, resident, actor=CLERK, now=NOW)
        query = select(Assessment).where(
            Assessment.scheme == "library", Assessment.superseded_at.is_(None)
        )
        row = (await session.scalars(query)).one()
        personal = await person_keys.for_reading(session, vault, resident)
        kept = assessing.stored_facts(personal, row)
    assert kept is not None
    assert kept.facts.fed == {"library_debt": 1}
    assert set(kept.versions) == {
        *("birth_date", "district", "deceased", "evidence", "fed.library_debt")
    }


async def test_a_debt_above_five_pounds_is_a_new_answer_and_no_end_of_membership(
    migrated: Database, vault: Vault
) -> None:
    resident = await register(migrated, vault)
    uses = {}
    for pence in (500, 501):
        async with migrated.transaction() as session:
            for new in (True, False):
                told = await feeds.tell(
                    session, vault, resident, "library_debt", value=pence, actor=CLERK, now=NOW
                )
                assert told is new
            await assessing.assess(session, vault, resident, actor=CLERK, now=NOW)
        library = (await explained(migrated, vault, resident, NOW.date()))["library"]
        assert isinstance(library.decision, Eligible)
        assert library.held is not None
        uses[pence] = str(library.decision.uses[0].outcome)
    assert uses == {500: "yes", 501: "no"}
    async with migrated.transaction() as session:
        count = select(func.count()).select_from(Assessment).where(Assessment.scheme == "library")
        assert await session.scalar(count) == 3


async def test_a_fact_that_is_forgotten_is_unknown_again(migrated: Database, vault: Vault) -> None:
    child = await register(migrated, vault, CHILD)
    for value, expected in ((True, Eligible), (None, NeedsFacts)):
        async with migrated.transaction() as session:
            await feeds.tell(session, vault, child, "guarantor", value=value, actor=CLERK, now=NOW)
        library = (await explained(migrated, vault, child, NOW.date()))["library"]
        assert isinstance(library.decision, expected)


@pytest.mark.parametrize(
    ("name", "value"), [("no-such", True), ("guarantor", 1), ("library_debt", True)]
)
async def test_a_fact_nobody_knows_or_of_another_kind_is_refused(
    migrated: Database, vault: Vault, name: str, value: Fed
) -> None:
    resident = await register(migrated, vault)
    async with migrated.transaction() as session:
        with pytest.raises(UnknownFact):
            await feeds.tell(session, vault, resident, name, value=value, actor=CLERK, now=NOW)
