"""Whoever guesses for many people from one place is slowed down; a library is not locked out."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import func, select, text

from cardservice.database import Database
from identity import accounts, devices, network_limit
from identity.devices import Browser
from identity.network_limit import AT_ONCE, DRAINS_IN, Source, network_of
from identity.personal import Vault
from identity.signin_models import NetworkThrottle, SignInMethod
from tests.support.people import CLERK, JEAN, NOW

LIBRARY = "198.51.100.7"
HOME = "203.0.113.9"
STRANGERS = Browser("Chrome on Linux", "the stranger's cookie")
LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")


class Street:
    """A database, and networks that failures come from."""

    def __init__(self, database: Database, vault: Vault) -> None:
        self.database = database
        self.vault = vault
        self.came_from: dict[bytes, tuple[str, Browser, str]] = {}

    async def source(
        self, address: str = LIBRARY, browser: Browser = STRANGERS, what: str = "failures"
    ) -> bytes:
        bucket = (await self.asked(address, browser, what, NOW)).bucket
        self.came_from[bucket] = (address, browser, what)
        return bucket

    async def asked(self, address: str, browser: Browser, what: str, now: datetime) -> Source:
        async with self.database.statements() as executor:
            return await network_limit.source_of(
                executor, self.vault, what, address, browser, now=now
            )

    async def fail(self, source: bytes, times: int = 1, *, seconds: float = 0) -> None:
        async with self.database.transaction() as session:
            for _ in range(times):
                await network_limit.count(session, source, now=NOW + timedelta(seconds=seconds))

    async def waits(self, source: bytes, *, seconds: float = 0) -> float:
        now = NOW + timedelta(seconds=seconds)
        again_at = (await self.asked(*self.came_from[source], now)).again_at
        return 0 if again_at is None else (again_at - now).total_seconds()


@pytest.fixture
def street(identity_database: Database, vault: Vault) -> Street:
    return Street(identity_database, vault)


async def test_sixty_failures_at_once_are_free_and_the_next_try_waits(street: Street) -> None:
    source = await street.source()
    await street.fail(source, AT_ONCE - 1)
    assert await street.waits(source) == 0
    await street.fail(source)
    assert await street.waits(source) == DRAINS_IN.total_seconds()


async def test_a_full_bucket_lets_thirty_a_minute_through_however_long_it_goes_on(
    street: Street,
) -> None:
    source = await street.source()
    await street.fail(source, AT_ONCE * 10)
    assert await street.waits(source) == 2
    for number in range(1, 31):
        assert await street.waits(source, seconds=2 * number) == 0
        await street.fail(source, seconds=2 * number)
        assert await street.waits(source, seconds=2 * number) == 2


async def test_networks_and_what_is_counted_are_told_apart(street: Street) -> None:
    await street.fail(await street.source(LIBRARY), AT_ONCE)
    assert await street.waits(await street.source(HOME)) == 0
    assert await street.waits(await street.source(LIBRARY, what="codes")) == 0
    assert await street.waits(await street.source(LIBRARY)) > 0


async def test_a_device_somebody_signed_in_with_has_a_bucket_of_its_own(street: Street) -> None:
    async with street.database.transaction() as session:
        account = await accounts.register(session, street.vault, JEAN, actor=CLERK, now=NOW)
        await devices.sign_in(session, street.vault, account, SignInMethod.PASSKEY, LAPTOP, now=NOW)
    await street.fail(await street.source(LIBRARY), AT_ONCE)
    own = await street.source(LIBRARY, LAPTOP)
    assert await street.waits(own) == 0
    await street.fail(own, AT_ONCE)
    assert await street.waits(own) > 0
    assert await street.source(HOME, LAPTOP) == own
    assert await street.source(HOME) != own


async def test_what_has_drained_is_forgotten_and_no_address_was_ever_stored(
    street: Street,
) -> None:
    source = await street.source()
    await street.fail(source, AT_ONCE)
    async with street.database.transaction() as session:
        stored = (await session.execute(text("SELECT * FROM network_throttle"))).all()
        assert LIBRARY.encode() not in bytes(stored[0][0])
        await network_limit.forget_expired(session, now=NOW + timedelta(seconds=119))
        assert await session.scalar(select(func.count()).select_from(NetworkThrottle)) == 1
        await network_limit.forget_expired(session, now=NOW + timedelta(seconds=120))
        assert await session.scalar(select(func.count()).select_from(NetworkThrottle)) == 0


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9"),
        ("2001:db8:1:2::1%eth0", "2001:db8:1:2::2"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("not an address", "not an address"),
        ("", ""),
    ],
)
def test_one_household_is_one_network(one: str, other: str) -> None:
    assert network_of(one) == network_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("2001:db8:1:2::1", "2001:db8:1:3::1"), ("192.0.2.1", "192.0.2.2")],
)
def test_neighbours_are_two(one: str, other: str) -> None:
    assert network_of(one) != network_of(other)
