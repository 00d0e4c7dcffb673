"""What belongs to a person is brought to new keys in every package."""

from pathlib import Path

from sqlalchemy import inspect, select

import cardservice.models
import entitlements.models  # noqa: F401  (so that every table is known)
from cardservice import issuance
from cardservice.card_sessions import uid_indexes
from cardservice.database import Database
from cardservice.models import Card
from cardservice.personal_data import STORE_SEALED, TABLES
from entitlements import assessing
from entitlements.models import Assessment
from identity import accounts, person_keys
from identity.keys import FileKeyStore, Purpose
from identity.models import Account
from identity.personal import PersonVault, Vault
from identity.rekeying import Progress, rekey, sealed_columns
from tests.support.desks import enrolled_desk, make_ordered_card
from tests.support.people import CLERK, JEAN, NOW

NOT_ONE_PERSONS = {
    "person_key",
    "outbox_message",
    "pending_registration",
    "account_totp",
    "staff_totp",
    "staff_member",
    "staff_sign_in",
    "oidc_request",
    "webhook_secret",
    "desk_tap",
}


def test_no_table_with_sealed_columns_is_forgotten() -> None:
    known = {table.model.__tablename__ for table in TABLES} | NOT_ONE_PERSONS
    assert {model.__tablename__ for model, _ in STORE_SEALED} <= NOT_ONE_PERSONS
    models = [mapper.class_ for mapper in cardservice.models.Card.registry.mappers]
    assert {one.__tablename__ for one in models if sealed_columns(one)} == known


def test_every_index_of_such_a_table_is_made_anew(vault: Vault) -> None:
    for table in TABLES:
        columns = {name for name in inspect(table.model).columns.keys() if name.endswith("_index")}  # noqa: SIM118  (no mapping)
        fields = ("birth_date", "email", "mobile", "postcode", "uid", "code", "isrn")
        opened = dict.fromkeys(fields, "x")
        assert set(table.indexes(vault, opened)) == columns


async def test_decisions_and_cards_of_before_are_moved_and_the_card_is_still_known(
    migrated: Database, tmp_path: Path
) -> None:
    store = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    vault = Vault(store)
    async with migrated.transaction() as session:
        account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        await assessing.assess(session, vault, account.id, actor=CLERK, now=NOW)
        desk = await enrolled_desk(session, "desk", now=NOW)
        await issuance.order(session, vault, account.id, desk.id, actor=CLERK, now=NOW)
        card = await make_ordered_card(session, vault, str(account.id), now=NOW)
        uid = card.id.bytes[:7]
        # As a version without people's keys sealed them.
        card.sealed_uid = vault.seal("card", "sealed_uid", card.id, uid.hex())
        decision = (await session.scalars(select(Assessment))).first()
        assert decision is not None
        personal = await person_keys.for_reading(session, vault, account.id)
        said = personal.open("assessment", "sealed_decision", decision.id, decision.sealed_decision)
        decision.sealed_decision = vault.seal("assessment", "sealed_decision", decision.id, said)
    store.rotate(Purpose.INDEX, now=NOW)
    steps = [one async for one in rekey(migrated.transaction, vault, TABLES)]
    assert steps == [Progress(0, 1), Progress(1, 0)]
    async with migrated.transaction() as session:
        moved = (await session.scalars(select(Card))).one()
        assert moved.sealed_uid is not None
        assert PersonVault.is_own(moved.sealed_uid)
        assert moved.uid_index == uid_indexes(vault, uid)[-1]
        for row in await session.scalars(select(Assessment)):
            assert PersonVault.is_own(row.sealed_decision)
            opened = personal.open("assessment", "sealed_decision", row.id, row.sealed_decision)
            assert row.scheme in opened
        assert (await session.scalars(select(Account.id))).one() == account.id
