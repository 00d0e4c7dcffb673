"""Slowing down whoever guesses for many people from one place.

A bucket for each network, and of its own for each device that somebody signed in with before,
holds failures and drains with time; when it is full, the next try waits. Successes cost nothing.
The numbers are for a library or a Gateway, where a whole building has one address: thirty failures
a minute for as long as it takes, sixty at once, and never a lock. A tenth of sign-ins fail, so
that is three hundred people a minute; and a full bucket keeps nobody from a device they used
before, nor from a passkey, which nobody can guess.
Source: OWASP ASVS 5.0, 6.3.1; NIST SP 800-63B-4 section 3.2.2 (slowing by IP address).
"""

import ipaddress
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession

from identity import throttle
from identity.devices import Browser, hash_of
from identity.personal import Vault
from identity.signin_models import KnownDevice, NetworkThrottle, StaffDevice

AT_ONCE: Final = 60
DRAINS_IN: Final = timedelta(seconds=2)
_WHOLE: Final = AT_ONCE * DRAINS_IN
_IPV6_BITS: Final = 64


def network_of(address: str) -> str:
    """The network an address stands for: IPv4 alone, IPv6 by its /64, which is one household's.

    Args:
        address: as the server saw it; anything that is no address stands for itself.
    """
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is None:
            return str(ipaddress.ip_network((found, _IPV6_BITS), strict=False))
        found = found.ipv4_mapped
    return str(found)


async def source_of(
    reading: AsyncConnection, vault: Vault, what: str, address: str, browser: Browser
) -> bytes:
    """The bucket a try counts in, as a keyed hash.

    Args:
        reading: to look the device up.
        vault: has the key; without it nobody finds the address that a hash was made from.
        what: is counted, because codes asked for and failures fill buckets of their own.
        address: from which the request came.
        browser: it came from.
    """
    device = hash_of(browser)
    known = exists().where(KnownDevice.device_hash == device)
    known_to_staff = exists().where(StaffDevice.device_hash == device)
    if (await reading.execute(select(known | known_to_staff))).scalar_one():
        return vault.blind("network", f"{what}:device:{device.hex()}")
    return vault.blind("network", f"{what}:{network_of(address)}")


async def may_try_at(
    reading: AsyncConnection | AsyncSession, source: bytes, *, now: datetime
) -> datetime | None:
    """When the next try from there is allowed; None: now."""
    row = select(NetworkThrottle.empty_at).where(NetworkThrottle.source_hash == source)
    return next_try((await reading.execute(row)).scalar_one_or_none(), now=now)


def next_try(empty_at: datetime | None, *, now: datetime) -> datetime | None:
    """When the next try is allowed for a bucket that is empty then; None: now."""
    if empty_at is None or empty_at + DRAINS_IN - now <= _WHOLE:
        return None
    return empty_at + DRAINS_IN - _WHOLE


async def count(session: AsyncSession, source: bytes, *, now: datetime) -> None:
    """Count a failure from there.

    Tries that were under way when the bucket filled still go on: as many as the line of
    `identity.hashing` lets in.
    """
    await throttle.insert_missing(
        session, NetworkThrottle, {"source_hash": source, "empty_at": now}
    )
    held = select(NetworkThrottle).where(NetworkThrottle.source_hash == source)
    refreshed = held.with_for_update().execution_options(populate_existing=True)
    row = (await session.scalars(refreshed)).one()
    row.empty_at = min(max(row.empty_at, now) + DRAINS_IN, now + _WHOLE)


async def forget_expired(session: AsyncSession, *, now: datetime) -> None:
    """Remove what has drained: nothing is known of an address for more than two minutes."""
    await session.execute(delete(NetworkThrottle).where(NetworkThrottle.empty_at <= now))
