"""Taps: stored at once, sealed together soon after, and checked row by row."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from cardservice.database import Database
from identity import checkpoints
from identity.audit_batches import NothingToSeal, Sealed, seal
from identity.audit_check import Broken, Fault, Intact, verify
from identity.chain import ACTS
from identity.keys import FileKeyStore
from tests.support.audit import TAPS, SeenTap, checked, tamper, tap_table
from tests.support.people import NOW


@pytest.fixture
async def taps(identity_database: Database) -> AsyncIterator[Database]:
    async with tap_table(identity_database):
        yield identity_database


async def tap(database: Database, place: str, *sequences: int) -> None:
    async with database.transaction() as session:
        for sequence in sequences:
            session.add(SeenTap(place=place, sequence=sequence, accepted=True))


async def sealed(database: Database, most: int = 100) -> Sealed | NothingToSeal:
    async with database.transaction() as session:
        return await seal(session, TAPS, now=NOW, most=most)


async def test_taps_are_sealed_once_in_numbered_batches(
    taps: Database, keystore: FileKeyStore
) -> None:
    await tap(taps, "ashford", 1, 2, 3)
    assert await sealed(taps) == Sealed(1, 3)
    await tap(taps, "dover", 1)
    assert await sealed(taps) == Sealed(2, 1)
    assert await sealed(taps) == NothingToSeal()
    assert await checked(taps, keystore) == Intact({ACTS: 0, "taps": 2}, 0, ())


async def test_a_batch_takes_no_more_than_it_is_told(
    taps: Database, keystore: FileKeyStore
) -> None:
    await tap(taps, "ashford", *range(5))
    assert [await sealed(taps, most=2) for _ in range(4)] == [
        Sealed(1, 2),
        Sealed(2, 2),
        Sealed(3, 1),
        NothingToSeal(),
    ]
    assert await checked(taps, keystore) == Intact({ACTS: 0, "taps": 3}, 0, ())


async def test_two_sealers_at_once_take_no_tap_twice(
    taps: Database, keystore: FileKeyStore
) -> None:
    await tap(taps, "ashford", *range(20))
    results = await asyncio.gather(*(sealed(taps, most=7) for _ in range(5)))
    done = sorted((one for one in results if isinstance(one, Sealed)), key=lambda one: one.number)
    assert done == [Sealed(1, 7), Sealed(2, 7), Sealed(3, 6)]
    assert await checked(taps, keystore) == Intact({ACTS: 0, "taps": 3}, 0, ())


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE seen_tap SET accepted = NOT accepted WHERE sequence = 2",
        "UPDATE seen_tap SET place = 'dover' WHERE sequence = 2",
        "UPDATE seen_tap SET batch = 2 WHERE sequence = 2",
        "UPDATE seen_tap SET batch = NULL WHERE sequence = 2",
        "DELETE FROM seen_tap WHERE sequence = 2",
        "DELETE FROM seen_tap WHERE batch = 1",
        "INSERT INTO seen_tap (place, sequence, accepted, batch) VALUES ('dover', 2, true, 1)",
    ],
)
async def test_a_sealed_tap_that_was_changed_moved_removed_or_added_is_noticed(
    taps: Database, keystore: FileKeyStore, change: str
) -> None:
    await tap(taps, "ashford", 1, 2, 3)
    await sealed(taps)
    await tamper(taps, change)
    found = await checked(taps, keystore)
    assert isinstance(found, Broken)
    assert (found.chain, found.number, found.fault) == ("taps", 1, Fault.CONTENT_CHANGED)
    assert found.words == "Batch of taps 1 holds other rows than were sealed."


_END_AT_TWO = (
    "UPDATE chain_head SET (number, hash) ="
    " (SELECT number, hash FROM audit_batch WHERE number = 2) WHERE chain = 'taps'"
)


@pytest.mark.parametrize(
    ("change", "number", "fault"),
    [
        ("UPDATE audit_batch SET digest = hash WHERE number = 2", 2, Fault.CHANGED),
        ("DELETE FROM audit_batch WHERE number = 1", 2, Fault.MISSING_BEFORE),
        ("DELETE FROM audit_batch WHERE number = 3", 3, Fault.CUT_OFF),
        (
            _END_AT_TWO,
            3,
            Fault.NOT_IN_CHAIN,
        ),
    ],
)
async def test_a_batch_that_was_changed_or_removed_is_noticed(
    taps: Database, keystore: FileKeyStore, change: str, number: int, fault: Fault
) -> None:
    for sequence in range(3):
        await tap(taps, "ashford", sequence)
        await sealed(taps)
    await tamper(taps, change)
    found = await checked(taps, keystore)
    assert isinstance(found, Broken)
    assert (found.number, found.fault) == (number, fault)


async def test_batches_cut_off_with_their_taps_are_seen_by_a_checkpoint(
    taps: Database, keystore: FileKeyStore
) -> None:
    for sequence in range(2):
        await tap(taps, "ashford", sequence)
        await sealed(taps)
    async with taps.transaction() as session:
        kept = await checkpoints.take(session, keystore, now=NOW)
    await tamper(
        taps,
        "DELETE FROM audit_batch WHERE number = 2",
        "DELETE FROM seen_tap WHERE batch = 2",
        "DELETE FROM audit_checkpoint",
        "UPDATE chain_head SET number = 1,"
        " hash = (SELECT hash FROM audit_batch WHERE number = 1) WHERE chain = 'taps'",
    )
    assert await checked(taps, keystore) == Intact({ACTS: 0, "taps": 1}, 0, ())
    found = await checked(taps, keystore, kept)
    assert isinstance(found, Broken)
    assert (found.chain, found.number, found.fault) == ("taps", 2, Fault.CUT_OFF)


async def test_the_database_refuses_to_change_a_batch(taps: Database) -> None:
    await tap(taps, "ashford", 1)
    await sealed(taps)
    for statement in ("UPDATE audit_batch SET row_count = 2", "DELETE FROM audit_batch"):
        with pytest.raises(IntegrityError, match="append-only"):
            async with taps.transaction() as session:
                await session.execute(text(statement))


async def test_a_stream_that_is_not_opened_is_said_to_be_unopened(
    taps: Database, keystore: FileKeyStore
) -> None:
    await tap(taps, "ashford", 1)
    await sealed(taps)
    async with taps.transaction() as session:
        assert await verify(session, keystore) == Intact({ACTS: 0, "taps": 1}, 0, ("taps",))


async def test_a_tap_that_is_not_sealed_yet_is_stored_all_the_same(taps: Database) -> None:
    await tap(taps, "ashford", 1)
    async with taps.transaction() as session:
        assert (await session.scalars(select(SeenTap.batch))).all() == [None]
