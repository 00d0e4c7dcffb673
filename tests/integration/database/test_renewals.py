"""Cards that end are renewed once, asked about once, and nobody is left for what is not known."""

import asyncio
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import func, select

from cardservice import batches, photos, renewals, renewing, terminals
from cardservice.database import Database
from cardservice.errors import NothingAsked
from cardservice.last_uses import last_uses
from cardservice.models import Card, CardOrder, CardState, Tap
from cardservice.photo_models import PhotoStage
from cardservice.products import KENT_CARD
from cardservice.renewal_models import Renewal, RenewalState, RunState
from cardservice.renewal_rules import Asking, Leaving
from cardservice.terminals import Role
from entitlements import assessing, issuing
from entitlements.issuing import Carrier
from entitlements.models import ServiceNumber, ServiceRecord
from identity import accounts
from identity.actors import resident_actor
from identity.details import SelfAsserted
from identity.keys import FileKeyStore
from identity.models import Account, AccountState, OutboxMessage
from identity.personal import Vault
from readers.contract.services import Service
from readers.contract.wire import Mode, Purpose
from tests.support.people import CLERK, JEAN, NOW

ENDS: Final = date(2028, 3, 31)
THEN: Final = datetime(2028, 3, 1, 9, tzinfo=NOW.tzinfo)
TRAVEL_PASS: Final = "travel-pass"
LATELY: Final = date(2028, 2, 1)
HOME: Final = SelfAsserted(
    given_names="Sam",
    family_name="Alone",
    birth_date=date(1980, 5, 5),
    address_lines=("2 Example Street", "Maidstone"),
    postcode="ME14 1XQ",
    email="sam@example.com",
    mobile="",
)


class Town:
    """Residents with cards in use that end on the same day."""

    def __init__(self, database: Database, vault: Vault, store: FileKeyStore) -> None:
        self.database = database
        self.vault = vault
        self.store = store
        self.cards: dict[str, UUID] = {}
        self.people: dict[str, UUID] = {}

    async def resident(
        self, name: str, *, used: date | None = LATELY, state: CardState = CardState.ACTIVE
    ) -> UUID:
        """Registered at a desk, with a card that was last used on a day; None: nobody knows."""
        details = msgspec.structs.replace(JEAN, given_names=name, email=f"{name}@example.com")
        async with self.database.transaction() as session:
            account = await accounts.register(session, self.vault, details, actor=CLERK, now=NOW)
            await assessing.assess(session, self.vault, account.id, actor=CLERK, now=NOW)
        return await self.card(name, account.id, used=used, state=state)

    async def card(
        self,
        name: str,
        account_id: UUID,
        *,
        used: date | None,
        state: CardState,
        product: str = KENT_CARD,
    ) -> UUID:
        self.people[name] = account_id
        async with self.database.transaction() as session:
            card = Card(
                account_id=account_id,
                created_at=NOW,
                state_since=NOW,
                state=state,
                product=product,
                sealed_uid=b"sealed",
                uid_index=f"{product}{account_id}".encode(),
                expires_on=ENDS,
            )
            session.add(card)
            await session.flush()
            self.cards[name] = card.id
            if used is not None:
                await issuing.issue_records(
                    session,
                    self.store,
                    Carrier(account_id, card.id, account_id.bytes[:7]),
                    institution="9999",
                    everything=True,
                    actor=CLERK,
                    now=NOW,
                )
                number = await session.get(ServiceNumber, (account_id, Service.LIBRARY))
                assert number is not None
                number.last_used_on = used
        return card.id

    async def run(self, *, now: datetime = THEN, limit: int = 200) -> list[renewing.Progress]:
        async with self.database.transaction() as session:
            await renewing.begin(session, ENDS, actor=CLERK, now=now)
        going = renewing.go_on(self.database, self.vault, ENDS, now=now, limit=limit)
        return [progress async for progress in going]

    async def outcome(self, name: str) -> tuple[RenewalState, Sequence[str]]:
        async with self.database.transaction() as session:
            row = await session.get_one(Renewal, self.cards[name])
            return row.state, row.reasons

    async def count(self, model: type[Card | CardOrder | OutboxMessage | Renewal]) -> int:
        async with self.database.transaction() as session:
            return await session.scalar(select(func.count()).select_from(model)) or 0


@pytest.fixture
def town(migrated: Database, vault: Vault, keystore: FileKeyStore) -> Town:
    return Town(migrated, vault, keystore)


async def test_a_card_in_use_is_ordered_again_and_its_holder_told_once(town: Town) -> None:
    await town.resident("jean")
    progress = await town.run()
    assert (progress[-1].looked_at, progress[-1].failed, progress[-1].finished) == (1, 0, True)
    assert await town.outcome("jean") == (RenewalState.RENEWED, [])
    async with town.database.transaction() as session:
        row = await session.get_one(Renewal, town.cards["jean"])
        old = await session.get_one(Card, town.cards["jean"])
        new = await session.get_one(Card, row.new_card_id)
        kinds = (await session.scalars(select(OutboxMessage.kind))).all()
    assert old.state is CardState.ACTIVE  # it works until the other one is there
    assert new.state is CardState.ORDERED
    assert new.expires_on == date(2033, 3, 31)
    assert list(kinds).count(renewals.KIND) == 1


async def test_no_recorded_use_is_asked_about_and_never_taken_as_not_used(town: Town) -> None:
    await town.resident("nobody-knows", used=None)
    await town.resident("long-ago", used=date(2026, 12, 1))
    await town.run()
    assert await town.outcome("nobody-knows") == (
        RenewalState.ASKED,
        [Asking.USE_NOT_KNOWN.value],
    )
    assert await town.outcome("long-ago") == (RenewalState.ASKED, [Asking.USED_LONG_AGO.value])
    assert await town.count(CardOrder) == 0


async def test_a_tap_that_is_still_kept_is_a_use_too(town: Town) -> None:
    card_id = await town.resident("tapper", used=date(2026, 12, 1))
    async with town.database.transaction() as session:
        role = Role(name="Kiosk", place="L", services=(), purposes=(Purpose.PERSONALISE,))
        kiosk = await terminals.create(session, role, actor=CLERK, now=NOW)
        records = await issuing.records_of(session, card_id)
        for sequence, (accepted, revoked) in enumerate(((False, False), (True, True)), start=1):
            session.add(
                _tap(kiosk.id, sequence, records[0], accepted=accepted, after_revocation=revoked)
            )
    async with town.database.transaction() as session:
        found = await last_uses(session, [town.people["tapper"]])
        assert found == {town.people["tapper"]: date(2026, 12, 1)}  # neither counts
        session.add(_tap(kiosk.id, 3, records[0], accepted=True, after_revocation=False))
    await town.run()
    assert (await town.outcome("tapper"))[0] is RenewalState.RENEWED


async def test_a_bus_pass_is_renewed_for_who_may_have_it_then_and_never_without_a_photo(
    town: Town,
) -> None:
    await town.resident("jean")  # may travel free from 30 November 2026, and was given nothing
    await town.card(
        "pass",
        town.people["jean"],
        used=None,
        state=CardState.ACTIVE,
        product=TRAVEL_PASS,
    )
    await town.run()
    assert await town.outcome("pass") == (RenewalState.ASKED, [Asking.PHOTO_MISSING.value])
    async with town.database.transaction() as session:
        await photos.keep(
            session,
            town.vault,
            town.people["jean"],
            PhotoStage.CARD,
            b"a picture",
            actor=CLERK,
            now=THEN,
        )
    async with town.database.transaction() as session:
        kept = await renewals.keep(session, town.vault, town.cards["pass"], actor=CLERK, now=THEN)
        assert isinstance(kept, Renewal)
        new = await session.get_one(Card, kept.new_card_id)
        assert (new.product, new.strip) == (TRAVEL_PASS, "blue")
        assert new.expires_on == date(2033, 3, 31)
        waits = {each.product: each for each in await batches.waiting(session)}
    assert waits[TRAVEL_PASS].ready == 1


async def test_who_may_not_be_known_to_have_it_is_asked_and_never_given_it(town: Town) -> None:
    details = msgspec.structs.replace(JEAN, birth_date=date(1990, 1, 1), email="young@example.com")
    async with town.database.transaction() as session:
        young = await accounts.register(session, town.vault, details, actor=CLERK, now=NOW)
    card_id = await town.card(
        "pass", young.id, used=None, state=CardState.ACTIVE, product=TRAVEL_PASS
    )
    await town.run()
    state, reasons = await town.outcome("pass")
    assert state is RenewalState.ASKED  # too young for one pass, but nobody knows of a disability
    assert Asking.ENTITLEMENT_NOT_KNOWN.value in reasons
    async with town.database.transaction() as session:
        kept = await renewals.keep(session, town.vault, card_id, actor=CLERK, now=THEN)
    assert isinstance(kept, renewals.NotRenewed)
    assert await town.count(CardOrder) == 0


async def test_the_dead_and_the_erased_are_left_and_nobody_writes_to_them(town: Town) -> None:
    await town.resident("late")
    async with town.database.transaction() as session:
        (await session.get_one(Account, town.people["late"])).state = AccountState.CLOSED
    before = await town.count(OutboxMessage)
    await town.run()
    assert await town.outcome("late") == (RenewalState.LEFT, [Leaving.DECEASED.value])
    assert await town.count(OutboxMessage) == before


async def test_whoever_nobody_has_seen_proof_of_is_asked(town: Town) -> None:
    async with town.database.transaction() as session:
        account = await accounts.register_self(session, town.vault, HOME, now=NOW)
        assert isinstance(account, Account)
    await town.card("sam", account.id, used=None, state=CardState.ACTIVE)
    await town.run()
    state, reasons = await town.outcome("sam")
    assert state is RenewalState.ASKED
    assert {Asking.ADDRESS_NOT_SHOWN.value, Asking.ENTITLEMENT_NOT_KNOWN.value} <= set(reasons)


async def test_a_card_that_is_reported_or_came_back_is_asked_about(town: Town) -> None:
    await town.resident("lost", state=CardState.LOST)
    await town.resident("returned", state=CardState.RETURNED)
    await town.run()
    assert await town.outcome("lost") == (RenewalState.ASKED, [Asking.CARD_REPORTED.value])
    state, reasons = await town.outcome("returned")
    assert state is RenewalState.ASKED
    assert Asking.MAIL_CAME_BACK.value in reasons


async def test_a_preview_says_what_a_run_does_and_writes_nothing(town: Town) -> None:
    await town.resident("jean")
    await town.resident("nobody-knows", used=None)
    models: tuple[type[Card | CardOrder | OutboxMessage | Renewal], ...]
    models = (Card, CardOrder, OutboxMessage, Renewal)
    before = [await town.count(model) for model in models]
    found = await renewing.preview(town.database, town.vault, ENDS, now=THEN)
    assert found.cards == 2
    assert found.outcomes == {"renews": 1, "asks": 1}
    assert found.reasons == {Asking.USE_NOT_KNOWN.value: 1}
    assert [await town.count(model) for model in models] == before
    elsewhere = await renewing.preview(town.database, town.vault, date(2027, 3, 31), now=THEN)
    assert elsewhere.cards == 0


async def test_run_again_nothing_is_done_twice(town: Town) -> None:
    await town.resident("jean")
    await town.resident("nobody-knows", used=None)
    await town.run()
    models: tuple[type[Card | CardOrder | OutboxMessage | Renewal], ...]
    models = (Card, CardOrder, OutboxMessage, Renewal)
    before = [await town.count(model) for model in models]
    progress = await town.run(now=THEN + timedelta(days=1))
    assert sum(each.done for each in progress) == 0
    assert progress[-1].looked_at == 2
    assert [await town.count(model) for model in models] == before


async def test_two_who_run_it_at_once_order_each_card_once(town: Town) -> None:
    for number in range(6):
        await town.resident(f"jean{number}")
    async with town.database.transaction() as session:
        await renewing.begin(session, ENDS, actor=CLERK, now=THEN)

    async def one() -> None:
        going = renewing.go_on(town.database, town.vault, ENDS, now=THEN, limit=2)
        async for _progress in going:
            pass

    await asyncio.gather(one(), one())
    assert await town.count(CardOrder) == 6
    assert await town.count(Renewal) == 6


async def test_one_record_that_cannot_be_read_keeps_nobody_else_waiting(town: Town) -> None:
    await town.resident("broken")
    await town.resident("jean")
    async with town.database.transaction() as session:
        account = await session.get_one(Account, town.people["broken"])
        whole, account.sealed_birth_date = account.sealed_birth_date, b"not sealed by us"
    progress = await town.run()
    assert progress[-1].failed == 1
    assert await town.outcome("jean") == (RenewalState.RENEWED, [])
    async with town.database.transaction() as session:
        (await session.get_one(Account, town.people["broken"])).sealed_birth_date = whole
    assert (await town.run())[-1].failed == 0
    assert await town.outcome("broken") == (RenewalState.RENEWED, [])


async def test_who_is_asked_keeps_their_card_by_saying_so_once(town: Town) -> None:
    card_id = await town.resident("nobody-knows", used=None)
    await town.run()
    actor = resident_actor(town.people["nobody-knows"], "")
    for _time in range(2):
        async with town.database.transaction() as session:
            kept = await renewals.keep(session, town.vault, card_id, actor=actor, now=THEN)
            assert isinstance(kept, Renewal)
            assert kept.state is RenewalState.RENEWED
    assert await town.count(CardOrder) == 1


async def test_who_does_not_want_it_may_change_their_mind(town: Town) -> None:
    card_id = await town.resident("nobody-knows", used=None)
    await town.run()
    actor = resident_actor(town.people["nobody-knows"], "")
    async with town.database.transaction() as session:
        await renewals.decline(session, card_id, actor=actor, now=THEN)
    assert (await town.outcome("nobody-knows"))[0] is RenewalState.DECLINED
    await town.run()
    assert await town.count(CardOrder) == 0
    async with town.database.transaction() as session:
        await renewals.keep(session, town.vault, card_id, actor=actor, now=THEN)
    assert (await town.outcome("nobody-knows"))[0] is RenewalState.RENEWED
    async with town.database.transaction() as session:
        await renewals.decline(session, card_id, actor=actor, now=THEN)  # too late: it is made
    assert (await town.outcome("nobody-knows"))[0] is RenewalState.RENEWED


async def test_saying_so_is_not_enough_where_mail_came_back(town: Town) -> None:
    card_id = await town.resident("returned", state=CardState.RETURNED)
    await town.run()
    actor = resident_actor(town.people["returned"], "")
    async with town.database.transaction() as session:
        kept = await renewals.keep(session, town.vault, card_id, actor=actor, now=THEN)
    assert isinstance(kept, renewals.NotRenewed)
    assert Asking.MAIL_CAME_BACK in kept.why
    assert await town.count(CardOrder) == 0


async def test_nobody_answers_for_a_card_that_nobody_is_asked_about(town: Town) -> None:
    card_id = await town.resident("jean")
    async with town.database.transaction() as session:
        with pytest.raises(NothingAsked):
            await renewals.keep(session, town.vault, card_id, actor=CLERK, now=THEN)


async def test_the_worker_counts_what_somebody_wants_previewed(town: Town) -> None:
    await town.resident("jean")
    async with town.database.transaction() as session:
        await renewing.ask_preview(session, ENDS, actor=CLERK, now=THEN)
    assert await renewing.count_previews(town.database, town.vault, now=THEN) == 1
    assert await renewing.count_previews(town.database, town.vault, now=THEN) == 0
    async with town.database.transaction() as session:
        run = await renewals.run_for(session, ENDS)
        assert run is not None
        assert run.state is RunState.PREVIEWED
        assert run.preview is not None
        assert run.preview["outcomes"] == {"renews": 1}
    assert await town.count(CardOrder) == 0


_PROGRAM: Final = """
import asyncio, sys
from datetime import date, datetime
from pathlib import Path
from cardservice import renewing
from cardservice.database import Database
from identity.keys import FileKeyStore
from identity.personal import Vault

async def main(url, keys):
    vault = Vault(FileKeyStore.open(Path(keys), "a passphrase for tests"))
    database = Database(url)
    now = datetime.fromisoformat("2028-03-01T09:00:00+00:00")
    async for each in renewing.go_on(database, vault, date(2028, 3, 31), now=now, limit=1):
        print(each.looked_at, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


async def test_a_run_that_is_killed_goes_on_where_it_was(
    migrated: Database, tmp_path: Path
) -> None:
    store = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    town = Town(migrated, Vault(store), store)
    for number in range(8):
        await town.resident(f"jean{number}", used=LATELY if number % 2 else None)
    async with town.database.transaction() as session:
        await renewing.begin(session, ENDS, actor=CLERK, now=THEN)
    url = town.database.engine.url.render_as_string(hide_password=False)
    keys = str(tmp_path / "keys")
    for pages in (1, 3, 2):  # killed after so many cards, wherever it is then
        running = await asyncio.create_subprocess_exec(
            sys.executable, "-c", _PROGRAM, url, keys, stdout=asyncio.subprocess.PIPE
        )
        assert running.stdout is not None
        for _page in range(pages):
            assert await running.stdout.readline()
        running.kill()
        await running.wait()
    going = renewing.go_on(town.database, town.vault, ENDS, now=THEN)
    last = [progress async for progress in going][-1]
    assert (last.looked_at, last.failed, last.finished) == (8, 0, True)
    assert await town.count(Renewal) == 8
    assert await town.count(CardOrder) == 4
    async with town.database.transaction() as session:
        told = select(func.count()).where(OutboxMessage.kind == renewals.KIND)
        assert await session.scalar(told) == 8


def _tap(
    terminal: UUID,
    sequence: int,
    record: ServiceRecord,
    *,
    accepted: bool,
    after_revocation: bool,
) -> Tap:
    at = THEN - timedelta(days=3)
    return Tap(
        terminal_id=terminal,
        sequence=sequence,
        taken_at=at,
        received_at=at,
        service=record.service,
        accepted=accepted,
        mode=Mode.OFFLINE,
        status_index=record.status_index,
        after_revocation=after_revocation,
        digest=bytes([sequence]) * 32,
    )
