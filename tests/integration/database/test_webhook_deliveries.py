"""Messages reach partners at least once, are tried for three days, and never by two at once."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select, update
from standardwebhooks import Webhook

from cardservice import jobs
from cardservice.database import Database
from cardservice.personal_data import STORE_SEALED, TABLES
from entitlements import webhook_deliveries, webhook_endpoints, webhook_log, webhook_sending
from entitlements.event_models import (
    Disabled,
    EventType,
    PartnerEvent,
    WebhookEndpoint,
    WebhookSecret,
)
from entitlements.partner_errors import NoSuchDelivery, NoSuchEndpoint, WebhookDisabled
from entitlements.webhook_deliveries import Turn
from entitlements.webhook_endpoints import Made
from entitlements.webhook_schedule import WAITS
from entitlements.webhook_sending import Result, Way
from identity.actors import SYSTEM
from identity.keys import FileKeyStore, Purpose
from identity.personal import Vault
from identity.rekeying import rekey
from tests.support import hooks
from tests.support.receiver import Receiver, receiver

NOW = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)


def this_moment() -> datetime:
    """The published library compares with the clock, and allows five minutes."""
    return datetime.now(UTC).replace(microsecond=0)  # noqa: TID251  (see above)


@pytest.fixture
def partner() -> Iterator[Receiver]:
    with receiver() as running:
        yield running


@pytest.fixture
async def way() -> AsyncIterator[Way]:
    async with webhook_sending.connections() as http:
        yield Way(http, loopback=True, seconds=2)


class Told:
    """A partner with an address, and the database it is in."""

    def __init__(self, database: Database, vault: Vault, organisation: UUID, made: Made) -> None:
        self.database, self.vault = database, vault
        self.organisation, self.endpoint, self.secret = organisation, made.endpoint, made.secret

    async def happens(self, subject: str = "the-subject", *, at: datetime = NOW) -> PartnerEvent:
        async with self.database.transaction() as session:
            return await hooks.happened(session, self.organisation, subject, at=at)

    async def turn(self, way: Way, *, now: datetime = NOW) -> Turn:
        return await webhook_deliveries.deliver(self.database.transaction, self.vault, way, now=now)


@pytest.fixture
async def told(migrated: Database, vault: Vault, partner: Receiver) -> Told:
    async with migrated.transaction() as session:
        organisation = await hooks.organisation(session)
        made = await hooks.endpoint(session, vault, organisation, partner.url)
    return Told(migrated, vault, organisation, made)


async def test_a_partner_gets_a_message_it_can_verify_and_only_once(
    told: Told, partner: Receiver, way: Way
) -> None:
    now = this_moment()
    event = await told.happens(at=now)
    assert await told.turn(way, now=now) == Turn(1, 0, 0)
    assert await told.turn(way, now=now + timedelta(days=1)) == Turn(0, 0, 0)
    (came,) = partner.received
    assert Webhook(told.secret.shown).verify(came.body, came.headers) == {
        "type": "card.stopped",
        "timestamp": f"{now:%Y-%m-%dT%H:%M:%S}Z",
        "data": {"subject": "the-subject"},
    }
    assert came.headers["webhook-id"] == str(event.id)


async def test_what_is_not_taken_is_sent_again_until_75_hours_are_over(
    told: Told, partner: Receiver, way: Way
) -> None:
    partner.status, partner.says = 500, b"no"
    await told.happens()
    now, waits = NOW, []
    while True:
        turn = await told.turn(way, now=now)
        async with told.database.transaction() as session:
            (delivery,) = await hooks.deliveries(session)
        if delivery.due_at is None:
            break
        assert turn == Turn(0, 1, 0)
        waits.append(delivery.due_at - now)
        assert await told.turn(way, now=delivery.due_at - timedelta(seconds=1)) == Turn(0, 0, 0)
        now = delivery.due_at
    assert turn == Turn(0, 1, 1)
    assert delivery.given_up_at == now
    assert len(partner.received) == len(WAITS) + 1
    for given, published in zip(waits, WAITS, strict=True):
        assert published <= given <= published * 1.1
    assert len({each.headers["webhook-id"] for each in partner.received}) == 1
    assert await told.turn(way, now=now + timedelta(days=30)) == Turn(0, 0, 0)


async def test_a_partner_that_asks_for_a_rest_gets_it(
    told: Told, partner: Receiver, way: Way
) -> None:
    partner.status, partner.retry_after = 503, "3600"
    await told.happens()
    assert await told.turn(way) == Turn(0, 1, 0)
    async with told.database.transaction() as session:
        (delivery,) = await hooks.deliveries(session)
    assert delivery.due_at == NOW + timedelta(hours=1)


async def test_each_try_is_written_down(told: Told, partner: Receiver, way: Way) -> None:
    partner.status, partner.says = 503, b"busy\nand more"
    await told.happens()
    await told.turn(way)
    partner.status = 204
    await told.turn(way, now=NOW + timedelta(minutes=1))
    async with told.database.transaction() as session:
        first, second = await hooks.tries(session)
        (line,) = await webhook_log.newest(session, told.organisation, told.endpoint.id)
    assert (first.result, first.status, first.line) == (Result.REFUSED, 503, "busy")
    assert (second.result, second.status, second.line) == (Result.TAKEN, 204, "")
    assert [each.id for each in line.tries] == [second.id, first.id]
    assert line.delivery.taken_at == NOW + timedelta(minutes=1)


async def test_an_address_that_is_gone_is_sent_nothing_more(
    told: Told, partner: Receiver, way: Way
) -> None:
    partner.status = 410
    await told.happens()
    await told.happens()
    assert await told.turn(way) == Turn(0, 1, 1)
    partner.status = 204
    assert await told.turn(way, now=NOW + timedelta(days=1)) == Turn(0, 0, 0)
    async with told.database.transaction() as session:
        endpoint = await session.get_one(WebhookEndpoint, told.endpoint.id)
        both = await hooks.deliveries(session)
    assert endpoint.disabled_because is Disabled.GONE
    assert [each.given_up_at for each in both] == [NOW, NOW]


async def test_after_it_is_enabled_again_only_what_happens_then_is_sent(
    told: Told, partner: Receiver, way: Way
) -> None:
    async with told.database.transaction() as session:
        await webhook_endpoints.disable(
            session,
            told.organisation,
            told.endpoint.id,
            Disabled.PARTNER,
            actor=SYSTEM,
            now=NOW,
        )
    await told.happens("missed")
    async with told.database.transaction() as session:
        await webhook_endpoints.enable(
            session, told.organisation, told.endpoint.id, actor=SYSTEM, now=NOW
        )
    await told.happens("seen")
    await told.turn(way)
    assert [_subject(each.body) for each in partner.received] == ["seen"]


async def test_one_message_is_sent_again_under_its_id(
    told: Told, partner: Receiver, way: Way
) -> None:
    await told.happens()
    await told.turn(way)
    async with told.database.transaction() as session:
        (delivery,) = await hooks.deliveries(session)
        await webhook_log.send_again(session, told.organisation, delivery.id, actor=SYSTEM, now=NOW)
    assert await told.turn(way) == Turn(1, 0, 0)
    first, second = partner.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert first.body == second.body


async def test_a_time_is_sent_again_with_what_was_never_sent(
    told: Told, partner: Receiver, way: Way, vault: Vault
) -> None:
    hours = [NOW + timedelta(hours=hour) for hour in range(4)]
    for number, at in enumerate(hours):
        await told.happens(str(number), at=at)
    async with told.database.transaction() as session:
        await webhook_log.send_test(
            session, told.organisation, told.endpoint.id, actor=SYSTEM, now=hours[1]
        )
    await told.turn(way, now=hours[3])
    async with told.database.transaction() as session:
        late = await hooks.endpoint(session, vault, told.organisation, f"{partner.url}&late=1")
        for endpoint in (told.endpoint, late.endpoint):
            count = await webhook_log.send_span(
                session,
                told.organisation,
                endpoint.id,
                hours[1],
                hours[3],
                actor=SYSTEM,
                now=hours[3],
            )
            assert count == 2
    partner.received.clear()
    await told.turn(way, now=hours[3])
    came = sorted((each.path, _subject(each.body)) for each in partner.received)
    own, new = "/hooks?from=kent", "/hooks?from=kent&late=1"
    assert came == [(own, "1"), (own, "2"), (new, "1"), (new, "2")]


async def test_while_a_secret_is_changed_messages_bear_both_signatures(
    told: Told, partner: Receiver, way: Way, vault: Vault
) -> None:
    now = this_moment()
    async with told.database.transaction() as session:
        new = await webhook_endpoints.change_secret(
            session, vault, told.organisation, told.endpoint.id, actor=SYSTEM, now=now
        )
    await told.happens(at=now)
    await told.turn(way, now=now)
    (came,) = partner.received
    for secret in (told.secret, new.secret):
        Webhook(secret.shown).verify(came.body, came.headers)
    assert len(came.headers["webhook-signature"].split(" ")) == 4
    over = now + webhook_endpoints.OVERLAP
    async with told.database.transaction() as session:
        left = await webhook_endpoints.signing(session, vault, told.endpoint.id, now=over)
    assert left == [new.secret]


async def test_several_workers_never_send_the_same_message(
    told: Told, partner: Receiver, way: Way
) -> None:
    for number in range(12):
        await told.happens(str(number))
    turns = await asyncio.gather(*(told.turn(way) for _ in range(4)))
    assert sum(turn.taken for turn in turns) == 12
    subjects = [_subject(each.body) for each in partner.received]
    assert sorted(subjects, key=int) == [str(number) for number in range(12)]


async def test_what_a_dead_worker_claimed_is_sent_by_another_in_the_end(
    told: Told, partner: Receiver, way: Way
) -> None:
    await told.happens()
    async with told.database.transaction() as session:
        assert await webhook_deliveries._claimed(session, told.vault, now=NOW)  # noqa: SLF001  (and then nothing)
    assert await told.turn(way) == Turn(0, 0, 0)
    assert await told.turn(way, now=NOW + webhook_deliveries.CLAIM) == Turn(1, 0, 0)
    assert len(partner.received) == 1


async def test_one_partner_that_does_not_answer_holds_up_no_other(
    told: Told, partner: Receiver, vault: Vault
) -> None:
    with receiver() as stuck:
        stuck.behaves = "silent"
        async with told.database.transaction() as session:
            other = await hooks.organisation(session, "Example Pool")
            await hooks.endpoint(session, vault, other, stuck.url)
            for number in range(40):
                await hooks.happened(session, other, str(number), at=NOW - timedelta(hours=1))
        await told.happens()
        async with webhook_sending.connections() as http:
            way = Way(http, loopback=True, seconds=0.2)
            assert await told.turn(way) == Turn(1, 1, 0)
        assert len(partner.received) == 1


async def test_a_message_that_is_replayed_while_it_is_under_way_is_sent_again(
    told: Told, partner: Receiver, way: Way
) -> None:
    """What the first worker writes down afterwards does not undo what the partner asked for."""
    await told.happens()
    async with told.database.transaction() as session:
        (bundle,) = await webhook_deliveries._claimed(session, told.vault, now=NOW)  # noqa: SLF001  (a worker under way)
    (letter,) = bundle.letters
    async with told.database.transaction() as session:
        await webhook_log.send_again(session, told.organisation, letter.id, actor=SYSTEM, now=NOW)
    sent = [(letter, webhook_sending.Tried(Result.TAKEN, 204))]
    async with told.database.transaction() as session:
        await webhook_deliveries._written_down(session, bundle, sent, now=NOW)  # noqa: SLF001  (its end)
    assert await told.turn(way) == Turn(1, 0, 0)
    assert len(partner.received) == 1


async def test_another_partners_webhook_and_delivery_are_as_good_as_none(
    told: Told, vault: Vault
) -> None:
    await told.happens()
    async with told.database.transaction() as session:
        other = await hooks.organisation(session, "Example Pool")
        (delivery,) = await hooks.deliveries(session)
    for work in (
        lambda s: webhook_endpoints.find(s, other, told.endpoint.id),
        lambda s: webhook_endpoints.shown_one(s, vault, other, told.endpoint.id, now=NOW),
        lambda s: webhook_endpoints.change_secret(
            s, vault, other, told.endpoint.id, actor=SYSTEM, now=NOW
        ),
        lambda s: webhook_endpoints.disable(
            s, other, told.endpoint.id, Disabled.PARTNER, actor=SYSTEM, now=NOW
        ),
        lambda s: webhook_endpoints.enable(s, other, told.endpoint.id, actor=SYSTEM, now=NOW),
        lambda s: webhook_endpoints.remove(s, other, told.endpoint.id, actor=SYSTEM, now=NOW),
        lambda s: webhook_log.newest(s, other, told.endpoint.id),
        lambda s: webhook_log.send_test(s, other, told.endpoint.id, actor=SYSTEM, now=NOW),
        lambda s: webhook_log.send_span(
            s, other, told.endpoint.id, NOW, NOW, actor=SYSTEM, now=NOW
        ),
    ):
        with pytest.raises(NoSuchEndpoint):
            async with told.database.transaction() as session:
                await work(session)
    with pytest.raises(NoSuchDelivery):
        async with told.database.transaction() as session:
            await webhook_log.send_again(session, other, delivery.id, actor=SYSTEM, now=NOW)


async def test_nothing_is_sent_by_hand_to_an_address_that_is_disabled(told: Told) -> None:
    await told.happens()
    async with told.database.transaction() as session:
        await webhook_endpoints.disable(
            session,
            told.organisation,
            told.endpoint.id,
            Disabled.PARTNER,
            actor=SYSTEM,
            now=NOW,
        )
        (delivery,) = await hooks.deliveries(session)
        with pytest.raises(WebhookDisabled):
            await webhook_log.send_again(
                session, told.organisation, delivery.id, actor=SYSTEM, now=NOW
            )
        with pytest.raises(WebhookDisabled):
            await webhook_log.send_test(
                session, told.organisation, told.endpoint.id, actor=SYSTEM, now=NOW
            )


async def test_an_address_that_is_removed_takes_its_log_along(told: Told, way: Way) -> None:
    await told.happens()
    await told.turn(way)
    async with told.database.transaction() as session:
        await webhook_endpoints.remove(
            session, told.organisation, told.endpoint.id, actor=SYSTEM, now=NOW
        )
        assert await hooks.deliveries(session) == []
        assert await hooks.tries(session) == []


async def test_an_address_that_no_longer_may_be_called_is_not_called(
    told: Told, partner: Receiver, way: Way
) -> None:
    await told.happens()
    strict = msgspec.structs.replace(way, loopback=False)
    assert await told.turn(strict) == Turn(0, 1, 0)
    assert partner.received == []
    async with told.database.transaction() as session:
        (only,) = await hooks.tries(session)
    assert only.result is Result.NOT_PUBLIC


async def test_a_test_is_sent_to_one_address_alone(
    told: Told, partner: Receiver, way: Way, vault: Vault
) -> None:
    async with told.database.transaction() as session:
        await hooks.endpoint(session, vault, told.organisation, f"{partner.url}&other=1")
        await webhook_log.send_test(
            session, told.organisation, told.endpoint.id, actor=SYSTEM, now=NOW
        )
    await told.turn(way)
    (came,) = partner.received
    assert came.path == "/hooks?from=kent"
    assert msgspec.json.decode(came.body)["type"] == EventType.TEST
    assert msgspec.json.decode(came.body)["data"] == {}


async def test_no_secret_can_be_read_in_the_database(told: Told, vault: Vault) -> None:
    async with told.database.transaction() as session:
        connection = await session.connection()
        rows = await connection.exec_driver_sql("SELECT sealed_secret FROM webhook_secret")
        (sealed,) = rows.scalars().all()
        assert told.secret.shared not in bytes(sealed)
        assert told.secret.shown.removeprefix("whsec_").encode() not in bytes(sealed)
        kept = await webhook_endpoints.signing(session, vault, told.endpoint.id, now=NOW)
        assert kept == [told.secret]


async def test_an_organisation_has_an_address_once_and_not_more_than_five(
    told: Told, partner: Receiver, vault: Vault
) -> None:
    async with told.database.transaction() as session:

        async def adding(url: str) -> object:
            return await webhook_endpoints.add(
                session, vault, told.organisation, url, loopback=True, actor=SYSTEM, now=NOW
            )

        assert isinstance(await adding(partner.url), webhook_endpoints.AlreadyThere)
        for number in range(webhook_endpoints.MOST - 1):
            assert isinstance(await adding(f"{partner.url}&n={number}"), Made)
        assert isinstance(await adding(f"{partner.url}&n=9"), webhook_endpoints.TooMany)


async def test_a_turn_goes_on_with_what_was_due_and_not_reached(
    told: Told, partner: Receiver, way: Way
) -> None:
    """After the first refusal the rest waits for the next turn, with no try counted."""
    partner.status = 500
    for number in range(3):
        await told.happens(str(number))
    assert await told.turn(way) == Turn(0, 1, 0)
    async with told.database.transaction() as session:
        tried = [each.tries for each in await hooks.deliveries(session)]
        await session.execute(update(WebhookEndpoint).values(url=partner.url))
    assert tried == [1, 0, 0]
    partner.status = 204
    assert await told.turn(way) == Turn(2, 0, 0)
    assert await told.turn(way, now=NOW + timedelta(seconds=6)) == Turn(1, 0, 0)


async def test_a_turn_of_the_worker_works_off_a_backlog(
    told: Told, partner: Receiver, way: Way, vault: Vault
) -> None:
    async with told.database.transaction() as session:
        for number in range(45):
            await hooks.happened(session, told.organisation, str(number), at=NOW)
    assert await jobs.tell_partners(told.database, vault, way, now=NOW) == Turn(45, 0, 0)
    assert [_subject(each.body) for each in partner.received] == [str(n) for n in range(45)]


async def test_secrets_are_brought_to_new_keys(
    migrated: Database, partner: Receiver, tmp_path: Path
) -> None:
    store = FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    vault = Vault(store)
    async with migrated.transaction() as session:
        organisation = await hooks.organisation(session)
        made = await hooks.endpoint(session, vault, organisation, partner.url)
    store.rotate(Purpose.DATA, now=NOW)
    async for _ in rekey(migrated.transaction, vault, TABLES, STORE_SEALED):
        pass
    async with migrated.transaction() as session:
        row = (await session.scalars(select(WebhookSecret))).one()
        kept = await webhook_endpoints.signing(session, vault, made.endpoint.id, now=NOW)
    assert row.sealed_secret.startswith(vault.current_prefix())
    assert kept == [made.secret]


def _subject(body: bytes) -> str:
    subject: str = msgspec.json.decode(body)["data"]["subject"]
    return subject
