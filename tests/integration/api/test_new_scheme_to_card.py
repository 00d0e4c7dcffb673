"""A scheme is one rule file with its display text: it reaches the page, the card and the reader."""

import secrets
from datetime import UTC, datetime
from uuid import UUID

import httpx
import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.card_keys import FIRST, application_key
from entitlements import publishing
from identity import sessions
from identity.keys import Purpose as KeyPurpose
from identity.signin_models import SessionKind
from readers.card.apdu import run
from readers.card.layout import FILES
from readers.card.personalise import read_service
from readers.contract import wire
from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.contract.wire import Purpose
from readers.terminal.bundle import BundleView, open_bundle
from readers.terminal.decide import Accepted, Case, Refused, Tap, decide, open_record
from readers.virtual.card import VirtualCard
from tests.support.lives import SUPERVISOR
from tests.support.people import CLERK, JEAN
from tests.support.rule_changes import NEW_SCHEME
from tests.support.server import Machine, World
from tests.support.visitor import RESIDENT_COOKIE

FIRST_DAY = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
AFTER_SIX_MONTHS = datetime(2027, 6, 1, 9, 0, tzinfo=UTC)
FROM_MEDWAY = msgspec.structs.replace(
    JEAN, given_names="Ann", postcode="ME4 4TR", email="ann@example.com"
)


async def publish(world: World) -> None:
    """Two people and a text: no Python is written for the scheme."""
    now = world.clock()

    async def ask(session: AsyncSession) -> UUID:
        row = await publishing.ask(
            session,
            "leisure-swimming.toml",
            NEW_SCHEME,
            "The council decided so",
            backdated=False,
            actor=CLERK,
            now=now,
        )
        await publishing.count(session, world.vault, row.id, now=now)
        return row.id

    asked = await world.do(ask)
    await world.do(lambda session: publishing.approve(session, asked, actor=SUPERVISOR, now=now))


async def own_page(world: World, resident: UUID) -> str:
    """What a resident who is signed in sees."""
    token = await world.do(
        lambda session: sessions.open_session(
            session, resident, SessionKind.RESIDENT, now=world.clock()
        )
    )
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        answer = await client.get("/account", headers={"cookie": f"{RESIDENT_COOKIE}={token}"})
    assert answer.status_code == httpx.codes.OK, answer.text
    return answer.text


async def bundle_of(world: World, machine: Machine) -> BundleView:
    """What the terminal decides by, opened as the terminal opens it."""
    answer = await machine.get(wire.BUNDLE_PATH)
    token = msgspec.json.decode(answer.content, type=wire.SignedBundle).token
    signing = world.keystore.current(KeyPurpose.BUNDLE_SIGN)
    pinned = {"bun.1": world.keystore.public_key(signing)}
    pinned_bytes = {name: key.public_bytes_raw() for name, key in pinned.items()}
    return open_bundle(token, pinned_bytes, terminal_id=str(machine.id))


def tapped(
    world: World, card: VirtualCard, bundle: BundleView, now: datetime
) -> Accepted | Refused:
    """What a reader at a leisure centre decides without the network."""
    service = Service.LEISURE
    key = application_key(world.keystore, card.uid, FILES[service].read_key, FIRST)
    card.reset()
    data = run(read_service(key.key, service, random=secrets.token_bytes), card)
    tap = Tap(card.uid, service, data)
    opened = open_record(tap, bundle)
    if isinstance(opened, Refused):
        return opened
    return decide(Case(tap, opened, bundle, bundle.services[service], now))


async def test_a_scheme_is_one_file_and_reaches_the_page_the_card_and_the_reader(
    served: World,
) -> None:
    desk = await served.machine()
    pool = await served.machine(
        "Pool", services=(Service.LEISURE,), purposes=(Purpose.VALIDATE, Purpose.UPDATE)
    )
    resident, other = await served.register(), await served.register(FROM_MEDWAY)
    assert "Swimming for new residents" not in await own_page(served, resident)
    await publish(served)
    served.clock.moment = FIRST_DAY
    for each in (resident, other):
        await served.assess(each)

    shown = await own_page(served, resident)
    assert "Swimming for new residents of Maidstone" in shown
    assert "Bring your own towel." in shown

    card, without = await served.issue(resident, desk), await served.issue(other, desk)
    bundle = await bundle_of(served, pool)
    outcome = tapped(served, card, bundle, FIRST_DAY)
    assert isinstance(outcome, Accepted), outcome
    assert outcome.flag is None
    assert (outcome.record.service, outcome.record.entitlement_class) == (Service.LEISURE, "swim")
    assert tapped(served, without, bundle, FIRST_DAY) == Refused(Reason.NOT_HELD)
    too_late = tapped(served, card, bundle, AFTER_SIX_MONTHS)
    assert isinstance(too_late, Refused)
    assert too_late.reason is Reason.EXPIRED
