"""Records: signed for one carrier, under numbers and indexes nobody can join, in rising order."""

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from cardservice.database import Database
from entitlements import assessing, grants, issuing, status
from entitlements.grants import EndReason
from entitlements.issuing import Carrier, Issued
from entitlements.models import ServiceNumber, ServiceRecord, StatusListState
from entitlements.numbers import with_check_digit
from entitlements.status_lists import StatusLists
from identity import accounts
from identity.db import new_id
from identity.keys import FileKeyStore, Purpose
from identity.personal import Vault
from readers.contract.record import Record, binding_for, verify_record
from readers.contract.services import Service
from readers.contract.statuslist import TOKEN_TYPE, Status, StatusList, from_claim
from readers.contract.tokens import verify_token
from readers.contract.windows import LONDON, london_date
from readers.contract.wire import UpdateKind
from tests.support.people import CLERK, JEAN, NOW

UID = bytes.fromhex("04112233445566")


@pytest.fixture
async def carrier(migrated: Database, vault: Vault) -> Carrier:
    """Of a resident who holds library membership."""
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
    return Carrier(account.id, new_id(), UID)


async def _issue(
    database: Database, keystore: FileKeyStore, carrier: Carrier, *, everything: bool = False
) -> Mapping[Service, Issued]:
    async with database.transaction() as session:
        return await issuing.issue_records(
            session,
            keystore,
            carrier,
            institution="1234",
            everything=everything,
            actor=CLERK,
            now=NOW,
        )


async def _confirm(database: Database, carrier: Carrier, issued: Mapping[Service, Issued]) -> None:
    sequences = {service: each.sequence for service, each in issued.items()}
    async with database.transaction() as session:
        await issuing.mark_written(session, carrier.id, sequences)


def _read(keystore: FileKeyStore, issued: Issued) -> Record:
    key = keystore.current(Purpose.RECORD_SIGN)
    return verify_record(issued.data, {key.wire: keystore.public_key(key)})


async def _end(database: Database, account_id: UUID, reason: EndReason) -> None:
    async with database.transaction() as session:
        given = (await grants.open_by_scheme(session, account_id))["library"]
        await grants.end(session, given, reason, actor=CLERK, now=NOW)


async def _status(database: Database, keystore: FileKeyStore, service: Service) -> StatusList:
    lists = StatusLists(keystore, "http://localhost:8000")
    async with database.transaction() as session:
        token = await lists.token(session, service, now=NOW)
    key = keystore.public_key(keystore.current(Purpose.STATUS_SIGN))
    return from_claim(verify_token(token, TOKEN_TYPE, key, now=NOW)["status_list"])


async def test_everything_is_signed_and_bound_to_its_carrier(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier
) -> None:
    issued = await _issue(migrated, keystore, carrier, everything=True)

    assert set(issued) == set(Service)
    assert issued[Service.TRAVEL] == Issued(b"", 0, UpdateKind.REMOVE)
    library = _read(keystore, issued[Service.LIBRARY])
    identity = _read(keystore, issued[Service.IDENTITY])
    assert (library.service, library.sequence) == (Service.LIBRARY, 1)
    assert library.binding == binding_for(UID, Service.LIBRARY)
    assert identity.binding == binding_for(UID, Service.IDENTITY)
    assert library.number != identity.number
    assert str(library.number).startswith("21234")
    assert library.number == with_check_digit(str(library.number)[:-1])


@pytest.mark.parametrize("days", [0, 100])
async def test_no_record_outlives_the_last_day_of_the_card_that_carries_it(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier, days: int
) -> None:
    last = london_date(NOW) + timedelta(days=days)
    ending = msgspec.structs.replace(carrier, last=last)
    issued = await _issue(migrated, keystore, ending)
    for service in (Service.LIBRARY, Service.IDENTITY):
        until = _read(keystore, issued[service]).valid_until
        assert until == datetime.combine(last + timedelta(days=1), time.min, LONDON)
    await _confirm(migrated, carrier, issued)
    assert await _issue(migrated, keystore, ending) == {}


async def test_a_card_whose_last_day_is_over_carries_nothing(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier
) -> None:
    over = msgspec.structs.replace(carrier, last=london_date(NOW) - timedelta(days=1))
    assert await _issue(migrated, keystore, over) == {}


async def test_a_record_that_was_not_confirmed_is_signed_again_with_the_next_sequence(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier
) -> None:
    first = await _issue(migrated, keystore, carrier)
    second = await _issue(migrated, keystore, carrier)
    assert set(first) == set(second) == {Service.LIBRARY, Service.IDENTITY}
    assert second[Service.LIBRARY].sequence == first[Service.LIBRARY].sequence + 1
    one, two = (_read(keystore, each[Service.LIBRARY]) for each in (first, second))
    assert (one.number, one.status_index) == (two.number, two.status_index)

    await _confirm(migrated, carrier, second)
    assert await _issue(migrated, keystore, carrier) == {}


async def test_a_late_confirmation_of_an_older_record_proves_nothing_about_the_newer(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier
) -> None:
    first = await _issue(migrated, keystore, carrier)
    await _issue(migrated, keystore, carrier)
    await _confirm(migrated, carrier, first)
    assert Service.LIBRARY in await _issue(migrated, keystore, carrier)


async def test_a_service_no_longer_held_is_emptied_once_and_refused_until_then(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier
) -> None:
    issued = await _issue(migrated, keystore, carrier)
    await _confirm(migrated, carrier, issued)
    index = _read(keystore, issued[Service.LIBRARY]).status_index
    await _end(migrated, carrier.account_id, EndReason.NOT_ELIGIBLE)

    assert (await _status(migrated, keystore, Service.LIBRARY))[index] == Status.SUSPENDED
    emptying = await _issue(migrated, keystore, carrier)
    assert emptying == {Service.LIBRARY: Issued(b"", 2, UpdateKind.REMOVE)}
    await _confirm(migrated, carrier, emptying)
    assert await _issue(migrated, keystore, carrier) == {}


async def test_a_grant_given_again_makes_its_record_good_again(
    migrated: Database, keystore: FileKeyStore, vault: Vault, carrier: Carrier
) -> None:
    issued = await _issue(migrated, keystore, carrier)
    await _confirm(migrated, carrier, issued)
    index = _read(keystore, issued[Service.LIBRARY]).status_index
    await _end(migrated, carrier.account_id, EndReason.NOT_ELIGIBLE)
    async with migrated.transaction() as session:
        await assessing.assess(session, vault, carrier.account_id, actor=CLERK, now=NOW)
    assert (await _status(migrated, keystore, Service.LIBRARY))[index] == Status.VALID


async def test_a_replaced_carrier_stays_refused_whatever_comes_after(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier
) -> None:
    issued = await _issue(migrated, keystore, carrier)
    index = _read(keystore, issued[Service.LIBRARY]).status_index
    async with migrated.transaction() as session:
        for wanted in (Status.SUSPENDED, Status.INVALID, Status.VALID, Status.SUSPENDED):
            await status.set_carrier_status(session, carrier.id, wanted, actor=CLERK, now=NOW)
    assert (await _status(migrated, keystore, Service.LIBRARY))[index] == Status.INVALID


async def test_another_carrier_has_the_same_numbers_and_other_indexes(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier
) -> None:
    other = Carrier(carrier.account_id, new_id(), bytes.fromhex("04aabbccddeeff"))
    mine = _read(keystore, (await _issue(migrated, keystore, carrier))[Service.LIBRARY])
    theirs = _read(keystore, (await _issue(migrated, keystore, other))[Service.LIBRARY])
    assert theirs.number == mine.number
    assert theirs.status_index != mine.status_index
    assert theirs.binding != mine.binding


async def test_indexes_are_never_given_twice_and_a_full_list_doubles(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier
) -> None:
    async with migrated.transaction() as session:
        session.add(StatusListState(service=Service.LEISURE, size=16))
        await session.flush()
        given = []
        for _ in range(40):
            index = await status.new_index(session, Service.LEISURE)
            session.add(
                ServiceRecord(
                    account_id=carrier.account_id,
                    carrier_id=new_id(),
                    service=Service.LEISURE,
                    status_index=index,
                )
            )
            await session.flush()
            given.append(index)
        state = await session.get_one(StatusListState, Service.LEISURE)
        assert (state.used, state.size) == (40, 128)
        assert state.version == 4  # each doubling is another list
    assert len(set(given)) == 40
    assert max(given) < 128
    assert len(await _status(migrated, keystore, Service.LEISURE)) == 128


async def test_numbers_are_unique_in_a_service_by_the_database(
    migrated: Database, keystore: FileKeyStore, carrier: Carrier
) -> None:
    await _issue(migrated, keystore, carrier)
    async with migrated.transaction() as session:
        rows = (await session.scalars(select(ServiceNumber))).all()
        assert await issuing.numbers_of(session, carrier.account_id) == {
            row.service: row.number for row in rows
        }


def test_the_check_digit_is_luhns() -> None:
    # The example of ISO/IEC 7812-1 as it is commonly printed: 7992739871 and its digit 3.
    assert with_check_digit("7992739871") == 79927398713
    assert with_check_digit("63359702890100001") == 633597028901000016
