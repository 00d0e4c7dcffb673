"""What a terminal gets to decide offline, and what anybody may fetch."""

from datetime import date, time, timedelta
from pathlib import Path
from uuid import UUID

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import replacement, schema
from cardservice.database import Database
from entitlements import publishing
from identity.keys import Purpose as KeyPurpose
from identity.personal import Vault
from identity.token_keys import TokenKeyStore
from readers.card.keys import diversification_input, diversify
from readers.card.layout import FILES, KENT_AID
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.statuslist import (
    EXPIRY_DAYS,
    MEDIA_TYPE,
    TOKEN_TYPE,
    TTL_SECONDS,
    Status,
    from_claim,
)
from readers.contract.tokens import BUNDLE_TYPE, key_id_of, verify_token
from readers.contract.windows import DatedWindow
from readers.contract.wire import Purpose, StalePolicy
from tests.support.lives import SUPERVISOR
from tests.support.people import CLERK, NOW
from tests.support.rule_changes import kent_begins_earlier
from tests.support.server import Machine, World, world
from tests.support.tokens import SoftHsm


async def _get(world: World, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        return await client.get(path)


async def _bundle(world: World, machine: Machine) -> wire.Bundle:
    answer = await machine.get(wire.BUNDLE_PATH)
    token = msgspec.json.decode(answer.content, type=wire.SignedBundle).token
    key = world.keystore.public_key(world.keystore.current(KeyPurpose.BUNDLE_SIGN))
    assert key_id_of(token) == "bun.1"
    return msgspec.convert(verify_token(token, BUNDLE_TYPE, key, now=world.clock()), wire.Bundle)


async def _gateway(world: World) -> Machine:
    return await world.machine(
        "Gateway",
        services=(Service.TRAVEL, Service.LIBRARY),
        purposes=(Purpose.VALIDATE, Purpose.UPDATE),
    )


async def test_a_bundle_holds_what_its_terminal_decides_with_and_no_more(served: World) -> None:
    bundle = await _bundle(served, await _gateway(served))

    assert set(bundle.services) == set(bundle.status_lists) == {Service.TRAVEL, Service.LIBRARY}
    travel, library = bundle.services[Service.TRAVEL], bundle.services[Service.LIBRARY]
    assert (travel.window_start, travel.window_end) == (time(9, 30), time(23, 0))
    assert travel.stale_policy is StalePolicy.REFER
    assert library.window_start is None
    assert library.stale_policy is StalePolicy.ALLOW_AND_FLAG
    assert date(2026, 12, 28) in bundle.bank_holidays
    assert set(bundle.purposes) == {Purpose.VALIDATE, Purpose.UPDATE}
    assert set(bundle.issuer_keys) == {"rec.1"}
    signer = Ed25519PublicKey.from_public_bytes(bundle.status_keys["sta.1"])
    claims = verify_token(
        bundle.status_lists[Service.TRAVEL], TOKEN_TYPE, signer, now=served.clock()
    )
    assert claims["sub"] == f"{served.url}/status-lists/travel"


async def test_a_bundle_carries_the_travel_times_that_were_published_with_their_days(
    served: World,
) -> None:
    machine = await _gateway(served)
    before = (await _bundle(served, machine)).services[Service.TRAVEL]
    assert before.windows == [
        DatedWindow(first=date(1974, 4, 1), start=time(9, 30), end=time(23, 0))
    ]
    await _publish(served, "authorities.toml", kent_begins_earlier(date(2026, 12, 1)))
    after = (await _bundle(served, machine)).services[Service.TRAVEL]
    assert (after.window_start, after.window_end) == (time(9, 30), time(23, 0))
    assert after.windows == [
        DatedWindow(
            first=date(1974, 4, 1), last=date(2026, 11, 30), start=time(9, 30), end=time(23, 0)
        ),
        DatedWindow(first=date(2026, 12, 1), start=time(9, 0), end=time(23, 0)),
    ]
    served.clock.move(days=9)
    then = (await _bundle(served, machine)).services[Service.TRAVEL]
    assert (then.window_start, len(then.windows)) == (time(9, 0), 1)


async def _publish(world: World, file: str, text: str) -> None:
    now = world.clock()

    async def ask(session: AsyncSession) -> UUID:
        reason = "The council decided so"
        row = await publishing.ask(
            session, file, text, reason, backdated=False, actor=CLERK, now=now
        )
        await publishing.count(session, Vault(world.keystore), row.id, now=now)
        return row.id

    asked = await world.do(ask)
    await world.do(lambda session: publishing.approve(session, asked, actor=SUPERVISOR, now=now))


async def test_a_terminal_gets_the_read_keys_of_its_own_services_only(served: World) -> None:
    desk, gateway = await served.machine(), await _gateway(served)
    answer = await gateway.get(wire.READ_KEYS_PATH)
    keys = msgspec.json.decode(answer.content, type=wire.ReadKeys).keys
    assert set(keys) == {Service.TRAVEL, Service.LIBRARY}
    assert answer.headers["cache-control"] == "no-store"
    none = msgspec.json.decode((await desk.get(wire.READ_KEYS_PATH)).content, type=wire.ReadKeys)
    assert none.keys == {}


async def test_a_terminals_read_key_opens_its_file_on_a_card_the_server_made(
    served: World,
) -> None:
    desk, gateway = await served.machine(), await _gateway(served)
    card = await served.issue(await served.register(), desk)
    answer = await gateway.get(wire.READ_KEYS_PATH)
    master = msgspec.json.decode(answer.content, type=wire.ReadKeys).keys[Service.LIBRARY][0]
    number = FILES[Service.LIBRARY].read_key
    derived = diversify(master.key, diversification_input(card.uid, KENT_AID, number))
    assert served.read_with(card, Service.LIBRARY, derived) is not None


async def test_a_check_of_a_service_the_terminal_was_not_given_is_refused(served: World) -> None:
    gateway = await _gateway(served)
    request = wire.CheckRequest(service=Service.LEISURE, uid=bytes(7))
    answer = await gateway.post(wire.CHECKS_PATH, request)
    assert (answer.status_code, answer.json()["code"]) == (403, "service-not-allowed")


async def test_a_card_nobody_issued_is_answered_as_invalid(served: World) -> None:
    gateway = await _gateway(served)
    seen = wire.SeenRecord(number=1, status_index=1, record_sequence=1)
    for record, expected in ((seen, Status.INVALID), (None, None)):
        request = wire.CheckRequest(service=Service.LIBRARY, uid=bytes(7), record=record)
        answer = msgspec.json.decode(
            (await gateway.post(wire.CHECKS_PATH, request)).content, type=wire.CheckAnswer
        )
        assert (answer.status, answer.update_owed) == (expected, False)


async def test_a_record_of_one_card_is_invalid_on_another(served: World) -> None:
    desk, gateway = await served.machine(), await _gateway(served)
    mine = await served.issue(await served.register(), desk)
    record = served.read(mine, Service.LIBRARY)
    assert record is not None
    seen = wire.SeenRecord(
        number=record.number, status_index=record.status_index, record_sequence=1
    )
    request = wire.CheckRequest(service=Service.LIBRARY, uid=b"\x04other!", record=seen)
    answer = msgspec.json.decode(
        (await gateway.post(wire.CHECKS_PATH, request)).content, type=wire.CheckAnswer
    )
    assert answer.status == Status.INVALID


@pytest.mark.parametrize("service", list(Service))
async def test_anybody_may_fetch_a_status_list(served: World, service: Service) -> None:
    answer = await _get(served, f"/status-lists/{service}")
    assert answer.status_code == 200
    assert answer.headers["content-type"].split(";")[0] == MEDIA_TYPE
    assert f"max-age={TTL_SECONDS}" in answer.headers["cache-control"]
    key = served.keystore.public_key(served.keystore.current(KeyPurpose.STATUS_SIGN))
    claims = verify_token(answer.text, TOKEN_TYPE, key, now=served.clock())
    assert claims["ttl"] == TTL_SECONDS
    assert claims["exp"] - claims["iat"] == timedelta(days=EXPIRY_DAYS).total_seconds()
    assert len(from_claim(claims["status_list"])) >= 2**14


async def test_there_is_no_status_list_of_an_unknown_service(served: World) -> None:
    answer = await _get(served, "/status-lists/gambling")
    assert (answer.status_code, answer.json()["code"]) == (404, "not-found")


async def test_a_list_stays_young_while_nothing_changes_and_changes_at_once(
    served: World,
) -> None:
    desk, gateway = await served.machine(), await _gateway(served)
    resident = await served.register()
    card = await served.issue(resident, desk)
    record = served.read(card, Service.LIBRARY)
    assert record is not None

    first = (await _bundle(served, gateway)).status_lists[Service.LIBRARY]
    assert (await _bundle(served, gateway)).status_lists[Service.LIBRARY] == first
    served.clock.move(seconds=30)
    second = (await _bundle(served, gateway)).status_lists[Service.LIBRARY]
    assert second != first  # signed anew, so that it does not age at the server

    card_id = await served.card_id(resident)
    await served.do(
        lambda session: replacement.report_lost(session, card_id, actor=CLERK, now=served.clock())
    )
    third = (await _bundle(served, gateway)).status_lists[Service.LIBRARY]
    key = served.keystore.public_key(served.keystore.current(KeyPurpose.STATUS_SIGN))
    claims = verify_token(third, TOKEN_TYPE, key, now=served.clock())
    assert from_claim(claims["status_list"])[record.status_index] == Status.SUSPENDED


async def test_the_server_says_whether_it_is_alive_and_ready(served: World) -> None:
    assert (await _get(served, "/healthz")).text == "ok\n"
    ready = await _get(served, "/readyz")
    assert (ready.status_code, set(ready.json().values())) == (200, {"ok"})

    database = Database(served.settings.database_url)
    await schema.downgrade(database.engine, "0002")
    behind = await _get(served, "/readyz")
    assert behind.status_code == 503
    assert behind.json()["schema"] == "run: kentcard db upgrade"
    await schema.upgrade(database.engine)
    await database.close()


async def test_a_server_whose_token_went_away_says_so_and_is_ready_once_it_is_back(
    database_url: str, softhsm: SoftHsm, tmp_path: Path
) -> None:
    store = TokenKeyStore.initialise(tmp_path / "keys", softhsm.open(tmp_path.name), now=NOW)
    async with world(database_url, store) as served:
        assert (await _get(served, "/readyz")).json()["keys"] == "ok"
        with softhsm.away():
            ready = await _get(served, "/readyz")
            assert ready.status_code == 503
            assert ready.json()["keys"] == "the token does not answer"
            refused = await _get(served, "/status-lists/library")
            assert (refused.status_code, refused.json()["code"]) == (503, "key-token-away")
        assert (await _get(served, "/readyz")).status_code == 200
        assert (await _get(served, "/status-lists/library")).status_code == 200


async def test_counts_name_routes_and_never_addresses(served: World) -> None:
    await _get(served, "/status-lists/library")
    await _get(served, "/no/such/jean@example.com")
    counts = (await _get(served, "/metrics")).text
    assert 'route="/status-lists/{service}"' in counts
    assert "jean" not in counts


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [("/api/no-such", 404, "not-found"), (wire.TAPS_PATH, 405, "method-not-allowed")],
)
async def test_below_api_every_error_is_a_problem(
    served: World, path: str, status: int, code: str
) -> None:
    answer = await _get(served, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_problems_type_leads_to_what_it_means(served: World) -> None:
    problem = (await _get(served, wire.BUNDLE_PATH)).json()
    meaning = await _get(served, problem["type"].removeprefix(served.url))
    assert meaning.status_code == 200
    assert meaning.text.startswith("terminal-unknown (HTTP 401)")


async def test_a_fault_of_ours_is_said_without_details(served: World) -> None:
    database = Database(served.settings.database_url)
    await schema.downgrade(database.engine, "base")
    answer = await _get(served, "/status-lists/library")
    assert (answer.status_code, answer.json()["code"]) == (500, "server-fault")
    assert "status_list" not in answer.text
    await schema.upgrade(database.engine)
    await database.close()


async def test_anybody_gets_what_checks_codes_on_phones_and_no_key_that_reads_cards(
    served: World,
) -> None:
    answer = await _get(served, wire.VENUE_BUNDLE_PATH)
    signed = msgspec.json.decode(answer.content, type=wire.SignedBundle)
    key = served.keystore.public_key(served.keystore.current(KeyPurpose.BUNDLE_SIGN))
    claims = verify_token(signed.token, BUNDLE_TYPE, key, now=served.clock())
    bundle = msgspec.convert(claims, wire.Bundle)
    assert answer.headers["cache-control"] == "no-store"
    assert signed.server_time == served.clock()
    assert bundle.terminal_id == wire.VENUE
    assert set(bundle.services) == {Service.LIBRARY, Service.LEISURE, Service.TRAVEL}
    assert set(bundle.status_lists) == set(bundle.services)
    assert bundle.services[Service.TRAVEL].window_start == time(9, 30)
    assert bundle.purposes == [Purpose.VALIDATE]
    assert "read" not in " ".join(claims)


async def test_a_venue_names_its_authority(served: World) -> None:
    medway = await _get(served, f"{wire.VENUE_BUNDLE_PATH}?authority=medway-council")
    token = msgspec.json.decode(medway.content, type=wire.SignedBundle).token
    key = served.keystore.public_key(served.keystore.current(KeyPurpose.BUNDLE_SIGN))
    bundle = msgspec.convert(verify_token(token, BUNDLE_TYPE, key, now=served.clock()), wire.Bundle)
    assert bundle.services[Service.TRAVEL].window_start == time(9, 0)
    unknown = await _get(served, f"{wire.VENUE_BUNDLE_PATH}?authority=atlantis")
    assert (unknown.status_code, unknown.json()["code"]) == (404, "no-such-authority")
