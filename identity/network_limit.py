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

import msgspec
from sqlalchemy import ScalarSelect, bindparam, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import throttle
from identity.devices import Browser, hash_of
from identity.executors import Executor
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


class Source(msgspec.Struct, frozen=True):
    """Where a try comes from.

    Attributes:
        bucket: it counts in, as a keyed hash.
        again_at: when the next try from there is allowed; None: now.
    """

    bucket: bytes
    again_at: datetime | None


async def source_of(
    executor: Executor, vault: Vault, what: str, address: str, browser: Browser, *, now: datetime
) -> Source:
    """The bucket a try counts in, and whether there is room in it: one question.

    Args:
        executor: to look the device and the buckets up.
        vault: has the key; without it nobody finds the address that a hash was made from.
        what: is counted, because codes asked for and failures fill buckets of their own.
        address: from which the request came.
        browser: it came from.
        now: when.
    """
    device = hash_of(browser)
    own = vault.blind("network", f"{what}:device:{device.hex()}")
    networks = vault.blind("network", f"{what}:{network_of(address)}")
    asked = {"device": device, "own": own, "networks": networks}
    found = (await executor.execute(_STANDING, asked)).one()
    if found.known:
        return Source(own, next_try(found.own_empty_at, now=now))
    return Source(networks, next_try(found.networks_empty_at, now=now))


def _empty_at(bucket: str) -> ScalarSelect[datetime]:
    row = select(NetworkThrottle.empty_at).where(NetworkThrottle.source_hash == bindparam(bucket))
    return row.scalar_subquery()


_STANDING: Final = select(
    (
        exists().where(KnownDevice.device_hash == bindparam("device"))
        | exists().where(StaffDevice.device_hash == bindparam("device"))
    ).label("known"),
    _empty_at("own").label("own_empty_at"),
    _empty_at("networks").label("networks_empty_at"),
)


async def may_try_at(executor: Executor, source: bytes, *, now: datetime) -> datetime | None:
    """When the next try in a bucket that is known is allowed; None: now."""
    row = select(NetworkThrottle.empty_at).where(NetworkThrottle.source_hash == source)
    return next_try((await executor.execute(row)).scalar_one_or_none(), now=now)


def next_try(empty_at: datetime | None, *, now: datetime) -> datetime | None:
    """When the next try is allowed for a bucket that is empty then; None: now."""
    if empty_at is None or empty_at + DRAINS_IN - now <= _WHOLE:
        return None
    return empty_at + DRAINS_IN - _WHOLE


async def count(session: AsyncSession, bucket: bytes, *, now: datetime) -> None:
    """Count a failure from there.

    Tries that were under way when the bucket filled still go on: as many as the line of
    `identity.hashing` lets in.
    """
    new = {"source_hash": bucket, "empty_at": now}
    row = await throttle.held_row(session, NetworkThrottle, new)
    row.empty_at = min(max(row.empty_at, now) + DRAINS_IN, now + _WHOLE)


async def forget_expired(session: AsyncSession, *, now: datetime) -> None:
    """Remove what has drained: nothing is known of an address for more than two minutes."""
    await session.execute(delete(NetworkThrottle).where(NetworkThrottle.empty_at <= now))
