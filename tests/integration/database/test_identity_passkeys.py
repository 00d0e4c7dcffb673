"""A passkey opens the account it was made for, and nothing else does."""

import asyncio
from datetime import datetime, timedelta

import msgspec
import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import IntegrityError

from cardservice.database import Database
from identity import accounts, outbox, passkeys, staff, staff_factor
from identity.actors import SYSTEM, resident_actor
from identity.models import Account, StaffRole
from identity.passkeys import CHALLENGE_LIFE, MOST, REFUSED, PasskeyRefused, RelyingParty
from identity.personal import Vault
from identity.signin_models import Passkey, SpentChallenge
from identity.trail_models import AuditRow
from tests.support.authenticator import PRESENT, Authenticator
from tests.support.people import CLERK, JEAN, NOW

PASSWORD = "turnip lantern oxbow river"
PARTY = RelyingParty("card.example", "https://card.example")
ANN = msgspec.structs.replace(JEAN, given_names="Ann", email="ann@example.com")


class Home:
    """Two residents in a database, and a device of Jean's."""

    def __init__(self, database: Database, vault: Vault, jean: Account, ann: Account) -> None:
        self.database = database
        self.vault = vault
        self.jean = jean
        self.ann = ann
        self.phone = Authenticator(PARTY.id, PARTY.origin)

    async def creation(self, account: Account, now: datetime = NOW) -> str:
        async with self.database.transaction() as session:
            return await passkeys.creation_options(session, self.vault, account, PARTY, now=now)

    async def add(
        self, account: Account, answer: str, now: datetime = NOW
    ) -> Passkey | PasskeyRefused:
        async with self.database.transaction() as session:
            return await passkeys.add(
                session,
                self.vault,
                account,
                answer,
                "Firefox on Linux",
                party=PARTY,
                actor=resident_actor(account.id, account.number),
                now=now,
            )

    async def show(self, answer: str, now: datetime = NOW) -> Account | PasskeyRefused:
        async with self.database.transaction() as session:
            return await passkeys.shown(session, self.vault, answer, party=PARTY, now=now)

    def asked(self, now: datetime = NOW) -> str:
        return passkeys.request_options(self.vault, PARTY, now=now)

    async def count(self, table: type[Passkey | SpentChallenge]) -> int:
        async with self.database.transaction() as session:
            return await session.scalar(select(func.count()).select_from(table)) or 0


@pytest.fixture
async def home(identity_database: Database, vault: Vault) -> Home:
    async with identity_database.transaction() as session:
        jean = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        ann = await accounts.register(session, vault, ANN, actor=CLERK, now=NOW)
    return Home(identity_database, vault, jean, ann)


@pytest.fixture
async def with_key(home: Home) -> Home:
    added = await home.add(home.jean, home.phone.create(await home.creation(home.jean)))
    assert isinstance(added, Passkey)
    return home


async def test_a_passkey_opens_its_own_account_again_and_again(with_key: Home) -> None:
    for _ in range(2):
        opened = await with_key.show(with_key.phone.get(with_key.asked()))
        assert isinstance(opened, Account)
        assert opened.id == with_key.jean.id
    async with with_key.database.transaction() as session:
        (kept,) = await passkeys.of_owner(session, with_key.jean)
        assert await passkeys.of_owner(session, with_key.ann) == ()
        added = select(AuditRow.subject).where(AuditRow.action == "passkey-added")
        assert list(await session.scalars(added)) == [f"account:{with_key.jean.id}"]
    assert (kept.sign_count, kept.last_used_at) == (2, NOW)


async def test_showing_the_options_writes_nothing(with_key: Home) -> None:
    before = await with_key.count(SpentChallenge)
    with_key.asked()
    await with_key.creation(with_key.jean)
    assert await with_key.count(SpentChallenge) == before


async def test_the_options_tell_neither_name_nor_address(with_key: Home) -> None:
    options = await with_key.creation(with_key.jean)
    for word in ("Jean", "Malley", "jean@example.com"):
        assert word not in options


async def test_of_five_who_send_one_answer_at_once_one_is_signed_in(with_key: Home) -> None:
    answer = with_key.phone.get(with_key.asked())
    answers = await asyncio.gather(*(with_key.show(answer) for _ in range(5)))
    assert sum(isinstance(each, Account) for each in answers) == 1
    assert answers.count(REFUSED) == 4


async def test_an_answer_in_time_is_taken_and_a_late_one_is_not(with_key: Home) -> None:
    second = timedelta(seconds=1)
    in_time = with_key.phone.get(with_key.asked())
    assert isinstance(await with_key.show(in_time, NOW + CHALLENGE_LIFE - second), Account)
    late = with_key.phone.get(with_key.asked())
    assert await with_key.show(late, NOW + CHALLENGE_LIFE) == REFUSED


async def test_what_was_spent_long_ago_is_not_kept(with_key: Home) -> None:
    await with_key.show(with_key.phone.get(with_key.asked()))
    later = NOW + timedelta(hours=1)
    await with_key.show(with_key.phone.get(with_key.asked(later)), later)
    assert await with_key.count(SpentChallenge) == 1


@pytest.mark.parametrize("place", ["origin", "rp_id"])
async def test_a_passkey_shown_to_another_site_is_refused(with_key: Home, place: str) -> None:
    elsewhere = "https://card.example.evil" if place == "origin" else "evil"
    setattr(with_key.phone, place, elsewhere)
    assert await with_key.show(with_key.phone.get(with_key.asked())) == REFUSED


async def test_a_device_that_did_not_check_its_owner_is_refused(home: Home) -> None:
    options = await home.creation(home.jean)
    assert await home.add(home.jean, home.phone.create(options, flags=PRESENT)) == REFUSED
    await home.add(home.jean, home.phone.create(await home.creation(home.jean)))
    assert await home.show(home.phone.get(home.asked(), flags=PRESENT)) == REFUSED


async def test_a_copied_device_is_found_out_by_its_counter(with_key: Home) -> None:
    with_key.phone.count = 10
    assert isinstance(await with_key.show(with_key.phone.get(with_key.asked())), Account)
    with_key.phone.count = 3
    assert await with_key.show(with_key.phone.get(with_key.asked())) == REFUSED


async def test_a_challenge_is_good_for_what_it_was_made_for_alone(with_key: Home) -> None:
    phone = with_key.phone
    adding = await with_key.creation(with_key.jean)
    assert await with_key.show(phone.get(adding)) == REFUSED
    other = Authenticator(PARTY.id, PARTY.origin)
    assert await with_key.add(with_key.jean, other.create(with_key.asked())) == REFUSED
    anns = await with_key.creation(with_key.ann)
    assert await with_key.add(with_key.jean, other.create(anns)) == REFUSED


async def test_a_challenge_that_is_not_ours_is_refused(with_key: Home) -> None:
    made_up = '{"challenge": "%s"}'
    for challenge in ("", "AAAA", "A" * 75, "A" * 74, "\\u0000"):
        assert await with_key.show(with_key.phone.get(made_up % challenge)) == REFUSED


async def test_one_passkey_does_not_open_two_accounts(with_key: Home) -> None:
    answer = with_key.phone.create(await with_key.creation(with_key.ann))
    assert await with_key.add(with_key.ann, answer) == REFUSED
    opened = await with_key.show(with_key.phone.get(with_key.asked()))
    assert isinstance(opened, Account)
    assert opened.id == with_key.jean.id


async def test_an_account_that_is_closed_is_not_opened(with_key: Home) -> None:
    async with with_key.database.transaction() as session:
        await session.execute(text("UPDATE account SET state = 'closed'"))
    assert await with_key.show(with_key.phone.get(with_key.asked())) == REFUSED


async def test_a_removed_passkey_opens_nothing_and_only_its_owner_removes_it(
    with_key: Home,
) -> None:
    async with with_key.database.transaction() as session:
        (kept,) = await passkeys.of_owner(session, with_key.jean)
        for account, removed in ((with_key.ann, False), (with_key.jean, True)):
            actor = resident_actor(account.id, account.number)
            done = await passkeys.remove(
                session, with_key.vault, account, kept.id, actor=actor, now=NOW
            )
            assert done is removed
    assert await with_key.show(with_key.phone.get(with_key.asked())) == REFUSED


async def test_a_resident_is_told_of_a_passkey_that_was_added_and_of_one_that_was_removed(
    home: Home,
) -> None:
    async def told() -> list[tuple[str, str]]:
        async with home.database.transaction() as session:
            messages = await outbox.messages(session, home.vault)
        of_sign_in = [each for each in messages if each.kind == "sign-in-changed"]
        return sorted((each.to, each.text.split(". ")[0]) for each in of_sign_in)

    added = (JEAN.email, "A passkey was added to your Kent Card account")
    removed = (JEAN.email, "A passkey was removed from your Kent Card account")
    answer = home.phone.create(await home.creation(home.jean))
    assert isinstance(await home.add(home.jean, answer), Passkey)
    assert await told() == [added]
    assert await home.add(home.jean, answer) == REFUSED  # nothing changed, nobody is told
    async with home.database.transaction() as session:
        (kept,) = await passkeys.of_owner(session, home.jean)
        for account in (home.ann, home.jean):
            actor = resident_actor(account.id, account.number)
            await passkeys.remove(session, home.vault, account, kept.id, actor=actor, now=NOW)
    assert await told() == [added, removed]


async def test_an_account_has_room_for_twenty(home: Home) -> None:
    for _ in range(MOST):
        phone = Authenticator(PARTY.id, PARTY.origin)
        answer = phone.create(await home.creation(home.jean))
        assert isinstance(await home.add(home.jean, answer), Passkey)
    one_more = home.phone.create(await home.creation(home.jean))
    assert await home.add(home.jean, one_more) == REFUSED


BROKEN = ["", "{}", "[]", "null", '"x"', '{"id":1}', "[" * 15_000, "[" * 30_000]


@pytest.mark.parametrize("answer", BROKEN)
async def test_what_is_no_answer_is_refused(with_key: Home, answer: str) -> None:
    assert await with_key.show(answer) == REFUSED
    assert await with_key.add(with_key.jean, answer) == REFUSED


async def test_a_passkey_of_staff_signs_them_in_and_no_resident(
    identity_database: Database, vault: Vault
) -> None:
    phone = Authenticator(PARTY.id, PARTY.origin)
    async with identity_database.transaction() as session:
        sam = await staff.add(
            session, "sam", "Sam Clerk", StaffRole.ADVISER, PASSWORD, actor=SYSTEM, now=NOW
        )
        options = await passkeys.creation_options(session, vault, sam, PARTY, now=NOW)
        assert '"sam"' in options
        answer = phone.create(options)
        added = await passkeys.add(
            session, vault, sam, answer, "Phone", party=PARTY, actor=SYSTEM, now=NOW
        )
        assert not isinstance(added, PasskeyRefused)
    async with identity_database.transaction() as session:
        answer = phone.get(passkeys.request_options(vault, PARTY, now=NOW))
        assert await passkeys.shown(session, vault, answer, party=PARTY, now=NOW) == REFUSED
        answer = phone.get(passkeys.request_options(vault, PARTY, now=NOW))
        found = await passkeys.shown_by_staff(session, vault, answer, party=PARTY, now=NOW)
        assert not isinstance(found, PasskeyRefused)
        assert found.id == sam.id
    async with identity_database.transaction() as session:
        await staff_factor.forget_app(session, sam, actor=SYSTEM, now=NOW)
        assert await passkeys.of_owner(session, sam) == ()


async def test_the_database_itself_refuses_a_passkey_of_nobody_and_of_two(
    identity_database: Database, vault: Vault
) -> None:
    async with identity_database.transaction() as session:
        sam = await staff.add(
            session, "sam", "Sam Clerk", StaffRole.ADVISER, PASSWORD, actor=SYSTEM, now=NOW
        )
        jean = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
    for account_id, staff_id in ((None, None), (jean.id, sam.id)):
        with pytest.raises(IntegrityError):
            async with identity_database.transaction() as session:
                session.add(
                    Passkey(
                        account_id=account_id,
                        staff_id=staff_id,
                        credential_id=b"x",
                        public_key=b"x",
                        sign_count=0,
                        name="Phone",
                        created_at=NOW,
                    )
                )
