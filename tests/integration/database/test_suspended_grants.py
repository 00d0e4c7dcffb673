"""What was given is suspended and resumed; no grant moves where the table has no move."""

from datetime import timedelta
from uuid import UUID

import pytest

from cardservice.database import Database
from entitlements import assessing, grants, issuing
from entitlements.errors import GrantMoveRefused, NoSuchGrant
from entitlements.grant_states import BEGINNINGS, MOVES, GrantState
from entitlements.grants import EndReason, SuspendReason
from entitlements.issuing import Carrier
from entitlements.models import Grant, Holder
from identity import accounts
from identity.db import new_id
from identity.keys import FileKeyStore
from identity.personal import Vault
from readers.contract.services import Service
from tests.support.people import CLERK, JEAN, NOW

LATER = NOW + timedelta(hours=1)


async def _with_card(
    database: Database, vault: Vault, keystore: FileKeyStore
) -> tuple[UUID, Carrier]:
    async with database.transaction() as session:
        resident = (await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)).id
        await assessing.assess(session, vault, resident, actor=CLERK, now=NOW)
        carrier = Carrier(resident, new_id(), bytes(7))
        await issuing.issue_records(
            session,
            keystore,
            carrier,
            institution="1234",
            everything=True,
            actor=CLERK,
            now=NOW,
        )
    return resident, carrier


async def _listed(database: Database, carrier: Carrier) -> bool:
    """Whether the status list lets the card's library record through."""
    async with database.transaction() as session:
        rows = await issuing.records_of(session, carrier.id)
        return next(row.held for row in rows if row.service is Service.LIBRARY)


async def test_readers_refuse_what_is_suspended_and_accept_it_again_afterwards(
    migrated: Database, vault: Vault, keystore: FileKeyStore
) -> None:
    resident, carrier = await _with_card(migrated, vault, keystore)
    assert await _listed(migrated, carrier)
    async with migrated.transaction() as session:
        given = (await grants.open_by_scheme(session, resident))["library"]
        version = (await session.get_one(Holder, resident)).version
        why = SuspendReason.ENQUIRY
        await grants.move(session, given, GrantState.SUSPENDED, actor=CLERK, now=LATER, reason=why)
        assert (await session.get_one(Holder, resident)).version == version + 1
        assert await grants.current(session, resident, NOW.date()) == []
        # The night changes nothing about it.
        await assessing.assess(session, vault, resident, actor=CLERK, now=LATER)
    assert not await _listed(migrated, carrier)
    async with migrated.transaction() as session:
        given = (await grants.open_by_scheme(session, resident))["library"]
        assert given.state is GrantState.SUSPENDED
        why = SuspendReason.SETTLED
        await grants.move(session, given, GrantState.GRANTED, actor=CLERK, now=LATER, reason=why)
        moves = (await grants.moves_of(session, resident))[given.id]
    assert await _listed(migrated, carrier)
    assert {(each.now_is, each.reason) for each in moves} == {
        (GrantState.GRANTED, None),
        (GrantState.SUSPENDED, "enquiry"),
        (GrantState.GRANTED, "settled"),
    }


async def test_a_suspended_grant_runs_out_and_ends_like_any_other(
    migrated: Database, vault: Vault, keystore: FileKeyStore
) -> None:
    resident, _ = await _with_card(migrated, vault, keystore)
    async with migrated.transaction() as session:
        given = (await grants.open_by_scheme(session, resident))["library"]
        await grants.move(session, given, GrantState.SUSPENDED, actor=CLERK, now=LATER)
        after = given.valid_until + timedelta(days=1)
        await grants.end_run_out(session, resident, after, actor=CLERK, now=LATER)
        assert (given.state, given.ended_reason) == (GrantState.ENDED, EndReason.EXPIRED)


@pytest.mark.parametrize("state", list(GrantState))
async def test_every_move_that_is_not_in_the_table_is_refused(
    migrated: Database, vault: Vault, keystore: FileKeyStore, state: GrantState
) -> None:
    resident, _ = await _with_card(migrated, vault, keystore)
    for wanted in GrantState:
        if wanted is GrantState.ENDED or wanted in MOVES[state]:
            continue
        async with migrated.transaction() as session:
            given = (await grants.open_by_scheme(session, resident))["library"]
            with session.no_autoflush:
                given.state = state
                with pytest.raises(GrantMoveRefused):
                    await grants.move(session, given, wanted, actor=CLERK, now=LATER)
            session.expire(given)


async def test_nothing_is_lifted_out_of_its_end_or_begun_there(
    migrated: Database, vault: Vault, keystore: FileKeyStore
) -> None:
    resident, _ = await _with_card(migrated, vault, keystore)
    async with migrated.transaction() as session:
        given = (await grants.open_by_scheme(session, resident))["library"]
        await grants.end(session, given, EndReason.NOT_ELIGIBLE, actor=CLERK, now=LATER)
        with pytest.raises(GrantMoveRefused):
            await grants.end(session, given, EndReason.NOT_ELIGIBLE, actor=CLERK, now=LATER)
    assert MOVES[GrantState.ENDED] == frozenset()
    assert GrantState.ENDED not in BEGINNINGS


async def test_another_residents_grant_is_nobodys(
    migrated: Database, vault: Vault, keystore: FileKeyStore
) -> None:
    resident, _ = await _with_card(migrated, vault, keystore)
    async with migrated.transaction() as session:
        given: Grant = (await grants.open_by_scheme(session, resident))["library"]
        with pytest.raises(NoSuchGrant):
            await grants.own(session, new_id(), given.id)
