"""What somebody became entitled to is added or offered, as they choose, and never twice."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from cardservice.database import Database
from cardservice.reassessing import reassess_due
from entitlements import accepting, assessing, grants, offers, reassessment
from entitlements.decision import Eligible, NeedsEvidence
from entitlements.errors import NoSuchOffer
from entitlements.grant_models import GrantMove
from entitlements.grant_states import GrantState
from entitlements.models import Giving
from identity import accounts, deaths, outbox
from identity.details import NewResident
from identity.evidence import DocumentShown, Proof
from identity.personal import Vault
from tests.support.people import CLERK, JEAN, NOW

DUE = datetime(2026, 11, 30, 8, 0, tzinfo=UTC)
"""Jean reaches pensionable age."""
BETTER = "leisure-better"
SIXTEEN_PLUS = "travel-16-plus"
AWARD = DocumentShown("universal-credit", dated_on=date(2026, 11, 1))
YOUNG = msgspec.structs.replace(JEAN, birth_date=date(2009, 7, 31), email="young@example.com")


async def _register(
    database: Database,
    vault: Vault,
    who: NewResident = JEAN,
    chosen: Giving | None = None,
    *shown: DocumentShown,
) -> UUID:
    async with database.transaction() as session:
        resident = (await accounts.register(session, vault, who, actor=CLERK, now=NOW)).id
        await offers.choose(session, resident, chosen, actor=CLERK, now=NOW)
        for each in shown:
            await accounts.sight_document(
                session, vault, resident, each, Proof.BENEFIT, actor=CLERK, now=NOW
            )
        await assessing.assess(session, vault, resident, actor=CLERK, now=NOW)
    return resident


async def _state(database: Database, resident: UUID, scheme: str) -> GrantState | None:
    async with database.transaction() as session:
        held = (await grants.open_by_scheme(session, resident)).get(scheme)
        return None if held is None else held.state


async def _messages(database: Database, vault: Vault) -> int:
    async with database.transaction() as session:
        return sum(each.kind == "offer" for each in await outbox.messages(session, vault))


async def test_a_pass_that_came_of_age_overnight_is_added_unless_they_want_to_be_asked(
    migrated: Database, vault: Vault
) -> None:
    asked = msgspec.structs.replace(JEAN, email="asked@example.com")
    left = await _register(migrated, vault)
    asked_first = await _register(migrated, vault, asked, Giving.OFFER)
    await reassess_due(migrated, vault, now=DUE)
    assert await _state(migrated, left, "travel-older") is GrantState.GRANTED
    assert await _state(migrated, asked_first, "travel-older") is GrantState.OFFERED
    async with migrated.transaction() as session:
        held = {each.scheme for each in await grants.current(session, asked_first, DUE.date())}
    assert held == set()


async def test_what_is_given_on_application_is_offered_once_by_one_message(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault, JEAN, None, AWARD)
    assert await _state(migrated, resident, BETTER) is GrantState.OFFERED
    assert await _messages(migrated, vault) == 1
    for hours in (1, 2):
        async with migrated.transaction() as session:
            again = NOW + timedelta(hours=hours)
            await assessing.assess(session, vault, resident, actor=CLERK, now=again)
    assert await _messages(migrated, vault) == 1
    async with migrated.transaction() as session:
        moves = await session.scalar(select(func.count()).select_from(GrantMove))
        scanned = await reassessment.scan(session, vault, NOW.date())
    assert moves == 2  # the library's, and this
    assert scanned.out_of_date == ()


async def test_who_wants_things_added_has_them_unless_they_cost_something(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault, YOUNG, Giving.ADD, AWARD)
    assert await _state(migrated, resident, BETTER) is GrantState.GRANTED
    assert await _state(migrated, resident, SIXTEEN_PLUS) is GrantState.OFFERED


async def test_what_was_declined_is_neither_offered_nor_added_until_they_change_their_mind(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault, JEAN, None, AWARD)
    async with migrated.transaction() as session:
        await accepting.decline(session, resident, BETTER, actor=CLERK, now=NOW)
        await accepting.decline(session, resident, BETTER, actor=CLERK, now=NOW)
        await offers.choose(session, resident, Giving.ADD, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, resident, actor=CLERK, now=NOW)
    assert await _state(migrated, resident, BETTER) is GrantState.DECLINED
    async with migrated.transaction() as session:
        who = {"actor": CLERK, "now": NOW}
        for _ in range(2):  # pressed twice
            said = await accepting.accept(session, vault, resident, BETTER, **who)  # type: ignore[arg-type]  # two keywords
            assert isinstance(said, Eligible)
    assert await _state(migrated, resident, BETTER) is GrantState.GRANTED


async def test_an_offer_whose_evidence_has_aged_meanwhile_gives_nothing(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault, JEAN, None, AWARD)
    much_later = NOW + timedelta(days=200)
    async with migrated.transaction() as session:
        said = await accepting.accept(session, vault, resident, BETTER, actor=CLERK, now=much_later)
    assert isinstance(said, NeedsEvidence)
    assert await _state(migrated, resident, BETTER) is GrantState.OFFERED


async def test_an_offer_ends_with_the_entitlement_and_nothing_is_offered_to_the_dead(
    migrated: Database, vault: Vault
) -> None:
    resident = await _register(migrated, vault, JEAN, Giving.OFFER, AWARD)
    assert await _state(migrated, resident, "library") is GrantState.OFFERED
    async with migrated.transaction() as session:
        await deaths.close(session, vault, resident, actor=CLERK, now=NOW)
        before = len(await outbox.messages(session, vault))
        await assessing.assess(session, vault, resident, actor=CLERK, now=DUE)
        assert await grants.open_by_scheme(session, resident) == {}
        assert len(await outbox.messages(session, vault)) == before


async def test_nobody_answers_what_was_not_offered(migrated: Database, vault: Vault) -> None:
    resident = await _register(migrated, vault)
    for scheme in ("travel-older", "no-such"):
        async with migrated.transaction() as session:
            with pytest.raises(NoSuchOffer):
                await accepting.accept(session, vault, resident, scheme, actor=CLERK, now=NOW)
            with pytest.raises(NoSuchOffer):
                await accepting.decline(session, resident, scheme, actor=CLERK, now=NOW)
