"""A holder has one live card, a desk makes one at a time, and the database holds to it."""

import asyncio
from datetime import timedelta
from uuid import UUID

import msgspec
import pytest

from cardservice import issuance, lifecycle, replacement, terminals
from cardservice.database import Database
from cardservice.errors import (
    CardInHand,
    DeskBusy,
    IdentityNotShown,
    MoveNotAllowed,
    NoSuchCard,
    NoSuchTerminal,
    NotADesk,
)
from cardservice.models import Card, CardOrder, CardState, Terminal
from cardservice.terminals import Role
from entitlements import assessing, grants, issuing
from entitlements.grants import EndReason
from entitlements.issuing import Carrier
from identity import accounts
from identity.details import SelfAsserted
from identity.evidence import DocumentShown, Proof
from identity.keys import FileKeyStore
from identity.models import Account
from identity.personal import Vault
from readers.contract.services import Service
from readers.contract.wire import Purpose
from tests.support.people import CLERK, COUNCIL_TAX, JEAN, NOW, PASSPORT


async def _desk(database: Database, name: str = "Desk", *, enrolled: bool = True) -> UUID:
    role = Role(name=name, place=name, services=(), purposes=(Purpose.PERSONALISE,))
    async with database.transaction() as session:
        made = await terminals.create(session, role, actor=CLERK, now=NOW)
        made.public_key = bytes(32) if enrolled else None
    return made.id


async def _resident(database: Database, vault: Vault, email: str = "jean@example.com") -> UUID:
    details = msgspec.structs.replace(JEAN, email=email)
    async with database.transaction() as session:
        return (await accounts.register(session, vault, details, actor=CLERK, now=NOW)).id


async def _order(database: Database, vault: Vault, account_id: UUID, desk: UUID) -> CardOrder:
    async with database.transaction() as session:
        return await issuance.order(session, vault, account_id, desk, actor=CLERK, now=NOW)


async def _sight(
    database: Database, vault: Vault, account_id: UUID, shown: DocumentShown, proof: Proof
) -> None:
    async with database.transaction() as session:
        await accounts.sight_document(
            session, vault, account_id, shown, proof, actor=CLERK, now=NOW
        )


async def _activate(database: Database, card_id: UUID, uid: bytes = b"1") -> None:
    async with database.transaction() as session:
        card = await session.get_one(Card, card_id)
        card.sealed_uid, card.uid_index = b"sealed", uid
        await issuance.complete(session, card, actor=CLERK, now=NOW)


async def _state(database: Database, card_id: UUID) -> CardState:
    async with database.transaction() as session:
        return (await session.get_one(Card, card_id)).state


async def test_two_desks_at_once_order_one_card(migrated: Database, vault: Vault) -> None:
    resident = await _resident(migrated, vault)
    desks = [await _desk(migrated, f"Desk {n}") for n in range(3)]
    tries = await asyncio.gather(
        *(_order(migrated, vault, resident, desk) for desk in desks), return_exceptions=True
    )
    assert sum(isinstance(one, CardOrder) for one in tries) == 1
    assert sum(isinstance(one, CardInHand) for one in tries) == 2


async def test_a_desk_makes_one_card_at_a_time(migrated: Database, vault: Vault) -> None:
    desk = await _desk(migrated)
    people = [await _resident(migrated, vault, f"jean{n}@example.com") for n in range(3)]
    tries = await asyncio.gather(
        *(_order(migrated, vault, person, desk) for person in people), return_exceptions=True
    )
    assert sum(isinstance(one, CardOrder) for one in tries) == 1
    assert sum(isinstance(one, DeskBusy) for one in tries) == 2
    async with migrated.transaction() as session:
        for person, one in zip(people, tries, strict=True):
            expected = 1 if isinstance(one, CardOrder) else 0  # a refused order leaves no card
            assert len(await issuance.cards_of(session, person)) == expected


async def test_cards_are_ordered_at_desks_only(migrated: Database, vault: Vault) -> None:
    resident = await _resident(migrated, vault)
    waiting = await _desk(migrated, "Not enrolled yet", enrolled=False)
    revoked = await _desk(migrated, "Revoked")
    role = Role(
        name="Kiosk", place="Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,)
    )
    async with migrated.transaction() as session:
        await terminals.revoke(session, revoked, actor=CLERK, now=NOW)
        kiosk = await terminals.create(session, role, actor=CLERK, now=NOW)
        kiosk.public_key = bytes(32)
    for place in (waiting, revoked, kiosk.id, UUID(int=1)):
        with pytest.raises(NotADesk):
            await _order(migrated, vault, resident, place)
    async with migrated.transaction() as session:
        assert await terminals.desks(session) == []


async def test_a_card_in_use_is_replaced_not_ordered_twice(
    migrated: Database, vault: Vault
) -> None:
    desk, resident = await _desk(migrated), await _resident(migrated, vault)
    placed = await _order(migrated, vault, resident, desk)
    with pytest.raises(CardInHand, match="already ordered"):
        await _order(migrated, vault, resident, desk)
    await _activate(migrated, placed.card_id)
    with pytest.raises(CardInHand, match="Replace it"):
        await _order(migrated, vault, resident, desk)

    async with migrated.transaction() as session:
        await replacement.replace(session, vault, resident, desk, actor=CLERK, now=NOW)
    assert await _state(migrated, placed.card_id) is CardState.REPLACED


async def test_nobody_gets_a_card_until_a_document_has_shown_who_they_are(
    migrated: Database, vault: Vault
) -> None:
    desk = await _desk(migrated)
    said = SelfAsserted(
        given_names="Mina",
        family_name="Weald",
        birth_date="29/2/2000",
        address_lines=("3 Example Street", "Maidstone"),
        postcode="ME14 1XQ",
        email="mina@example.com",
    )
    async with migrated.transaction() as session:
        mina = await accounts.register_self(session, vault, said, now=NOW)
    assert isinstance(mina, Account)
    with pytest.raises(IdentityNotShown, match="who this resident is"):
        await _order(migrated, vault, mina.id, desk)
    await _sight(migrated, vault, mina.id, COUNCIL_TAX, Proof.ADDRESS)
    with pytest.raises(IdentityNotShown):
        await _order(migrated, vault, mina.id, desk)
    async with migrated.transaction() as session:
        assert not await issuance.cards_of(session, mina.id)
    await _sight(migrated, vault, mina.id, PASSPORT, Proof.IDENTITY)
    placed = await _order(migrated, vault, mina.id, desk)
    assert await _state(migrated, placed.card_id) is CardState.ORDERED


async def test_lost_and_found_and_never_back_from_replaced(
    migrated: Database, vault: Vault
) -> None:
    desk, resident = await _desk(migrated), await _resident(migrated, vault)
    card_id = (await _order(migrated, vault, resident, desk)).card_id
    await _activate(migrated, card_id)
    async with migrated.transaction() as session:
        await replacement.report_lost(session, card_id, actor=CLERK, now=NOW)
    with pytest.raises(MoveNotAllowed):
        async with migrated.transaction() as session:
            await replacement.report_lost(session, card_id, actor=CLERK, now=NOW)
    async with migrated.transaction() as session:
        await replacement.found(session, card_id, actor=CLERK, now=NOW)
        await replacement.report_lost(session, card_id, actor=CLERK, now=NOW)
        await replacement.replace(session, vault, resident, desk, actor=CLERK, now=NOW)
    with pytest.raises(MoveNotAllowed):
        async with migrated.transaction() as session:
            await replacement.found(session, card_id, actor=CLERK, now=NOW)


async def test_a_replacement_that_cannot_be_ordered_leaves_the_old_card_alone(
    migrated: Database, vault: Vault
) -> None:
    desk, resident = await _desk(migrated), await _resident(migrated, vault)
    card_id = (await _order(migrated, vault, resident, desk)).card_id
    await _activate(migrated, card_id)
    await _order(migrated, vault, await _resident(migrated, vault, "other@example.com"), desk)
    with pytest.raises(DeskBusy):
        async with migrated.transaction() as session:
            await replacement.replace(session, vault, resident, desk, actor=CLERK, now=NOW)
    assert await _state(migrated, card_id) is CardState.ACTIVE


async def test_what_does_not_exist_is_said_not_to(migrated: Database, vault: Vault) -> None:
    resident = await _resident(migrated, vault)
    desk = await _desk(migrated)
    async with migrated.transaction() as session:
        with pytest.raises(NoSuchCard):
            await replacement.report_lost(session, UUID(int=1), actor=CLERK, now=NOW)
        with pytest.raises(NoSuchCard):
            await replacement.replace(session, vault, resident, desk, actor=CLERK, now=NOW)
        with pytest.raises(NoSuchTerminal):
            await terminals.revoke(session, UUID(int=1), actor=CLERK, now=NOW)
        with pytest.raises(NoSuchTerminal):
            await terminals.new_code(session, UUID(int=1), actor=CLERK, now=NOW)
        with pytest.raises(MoveNotAllowed):
            await issuance.cancel(session, UUID(int=1), actor=CLERK, now=NOW)


async def test_revoking_twice_says_so(migrated: Database) -> None:
    desk = await _desk(migrated)
    async with migrated.transaction() as session:
        assert await terminals.revoke(session, desk, actor=CLERK, now=NOW)
        assert not await terminals.revoke(session, desk, actor=CLERK, now=NOW)
        assert (await session.get_one(Terminal, desk)).revoked_at == NOW


async def test_everything_at_once_about_one_resident_ends(
    migrated: Database, vault: Vault, keystore: FileKeyStore
) -> None:
    """Assessing, issuing, losing and finding lock in one order, so none waits for ever."""
    desk, resident = await _desk(migrated), await _resident(migrated, vault)
    card_id = (await _order(migrated, vault, resident, desk)).card_id
    await _activate(migrated, card_id)

    async def assess(n: int) -> None:
        async with migrated.transaction() as session:
            now = NOW + timedelta(days=8 * n)
            await assessing.assess(session, vault, resident, actor=CLERK, now=now)

    async def issue() -> None:
        async with migrated.transaction() as session:
            await lifecycle.locked(session, card_id)
            await issuing.issue_records(
                session,
                keystore,
                Carrier(resident, card_id, bytes(7)),
                institution="1234",
                everything=True,
                actor=CLERK,
                now=NOW,
            )

    async def lose_and_find() -> None:
        async with migrated.transaction() as session:
            await replacement.report_lost(session, card_id, actor=CLERK, now=NOW)
        async with migrated.transaction() as session:
            await replacement.found(session, card_id, actor=CLERK, now=NOW)

    async def end_library() -> None:
        async with migrated.transaction() as session:
            await grants.lock_holder(session, resident)
            held = await grants.open_by_scheme(session, resident)
            for given in held.values():
                await grants.end(session, given, EndReason.NOT_ELIGIBLE, actor=CLERK, now=NOW)

    for n in range(4):
        work = [assess(n), issue(), lose_and_find(), end_library(), issue(), assess(n + 1)]
        await asyncio.wait_for(asyncio.gather(*work), 30)
    assert await _state(migrated, card_id) is CardState.ACTIVE
