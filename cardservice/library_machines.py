"""Machines of libraries: added by an operator with a secret shown once, known by it, revoked."""

import hmac
import re
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.errors import (
    BadLibraryMachine,
    LibraryMachineNameTaken,
    NoSuchLibraryMachine,
)
from cardservice.library_models import LibraryMachine, LibraryUsage
from identity import audit, network_limit
from identity.actors import Actor
from identity.executors import Executor
from identity.personal import Vault
from readers.contract.windows import london_date

SECRET_BYTES: Final = 24
"""32 characters: what any machine's settings take, and more than anybody can guess."""
_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
_LONGEST_PLACE: Final = 120
_NO_SECRET: Final = b"\0" * 32
_LIVE: Final = select(LibraryMachine.id).where(
    LibraryMachine.id == bindparam("machine_id"), LibraryMachine.revoked_at.is_(None)
)


class SignedIn(msgspec.Struct, frozen=True):
    """A machine that proved who it is."""

    id: UUID
    name: str
    place: str


class Refused(msgspec.Struct, frozen=True):
    """It did not, or may not from there, or not so soon. `why` is for the log alone."""

    why: str


class Listed(msgspec.Struct, frozen=True):
    """A machine with what it was answered today: what -> how often."""

    machine: LibraryMachine
    today: dict[str, int]


async def add(
    session: AsyncSession,
    name: str,
    place: str,
    networks: Collection[str],
    *,
    actor: Actor,
    now: datetime,
) -> str:
    """Add a machine. Returns its secret, which is told this once and kept nowhere.

    Raises:
        BadLibraryMachine: a name, place or network that is none.
        LibraryMachineNameTaken: another has, or had, that name.
    """
    _check(name, place)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    machine = LibraryMachine(
        name=name,
        place=place.strip(),
        networks=_networks(networks),
        secret_hash=_hash(secret),
        created_at=now,
    )
    try:
        async with session.begin_nested():
            session.add(machine)
    except IntegrityError as error:
        raise LibraryMachineNameTaken(
            f"There is, or was, a library machine called {name!r}."
        ) from error
    _audit(session, "library-machine-added", machine, actor=actor, now=now)
    return secret


async def new_secret(session: AsyncSession, name: str, *, actor: Actor, now: datetime) -> str:
    """Another secret for a machine; the old one is refused from the next sign-in on.

    Raises:
        NoSuchLibraryMachine: no machine in use has that name.
    """
    machine = await _named(session, name)
    secret = secrets.token_urlsafe(SECRET_BYTES)
    machine.secret_hash = _hash(secret)
    _audit(session, "library-machine-secret-made", machine, actor=actor, now=now)
    return secret


async def revoke(session: AsyncSession, name: str, *, actor: Actor, now: datetime) -> None:
    """Refuse a machine from now on; one that is connected is let go within seconds.

    Raises:
        NoSuchLibraryMachine: no machine in use has that name.
    """
    machine = await _named(session, name)
    machine.revoked_at = now
    _audit(session, "library-machine-revoked", machine, actor=actor, now=now)


async def listed(session: AsyncSession, *, now: datetime) -> Sequence[Listed]:
    """Every machine, by name, with what it was answered today."""
    machines = (await session.scalars(select(LibraryMachine).order_by(LibraryMachine.name))).all()
    usage = await session.execute(
        select(LibraryUsage.machine_id, LibraryUsage.what, LibraryUsage.times).where(
            LibraryUsage.day == london_date(now)
        )
    )
    today: dict[UUID, dict[str, int]] = {}
    for machine_id, what, times in usage:
        today.setdefault(machine_id, {})[what] = times
    return [Listed(each, today.get(each.id, {})) for each in machines]


async def sign_in(
    session: AsyncSession, vault: Vault, name: str, secret: str, address: str, *, now: datetime
) -> SignedIn | Refused:
    """Who a machine is, by its name and secret.

    Failures are slowed down by where they come from and never by name: the secret is random, so a
    lock on a name would keep nobody out but the library that bears it.

    Args:
        session: its transaction; a failure is counted in it.
        vault: has the key of the count, so that no address is kept.
        name: as the machine sent it.
        secret: likewise.
        address: it came from.
        now: when.
    """
    bucket = vault.blind("network", f"sip2:{network_limit.network_of(address)}")
    if await network_limit.may_try_at(session, bucket, now=now) is not None:
        return Refused("too many failures from that network")
    query = select(LibraryMachine).where(LibraryMachine.name == name)
    machine = await session.scalar(query)
    right = hmac.compare_digest(_hash(secret), machine.secret_hash if machine else _NO_SECRET)
    if machine is None or not right or machine.revoked_at is not None:
        await network_limit.count(session, bucket, now=now)
        return Refused("wrong name or secret, or revoked")
    if not _is_within(address, machine.networks):
        await network_limit.count(session, bucket, now=now)
        return Refused("from a network that is not the machine's")
    machine.last_seen_at = now
    return SignedIn(machine.id, machine.name, machine.place)


async def is_live(executor: Executor, machine_id: UUID) -> bool:
    """Whether a machine that signed in has not been revoked since."""
    found = await executor.execute(_LIVE, {"machine_id": machine_id})
    return found.scalar_one_or_none() is not None


def _check(name: str, place: str) -> None:
    if not _NAME.fullmatch(name):
        raise BadLibraryMachine(
            "A machine's name has at most 40 lower-case letters, digits and hyphens."
        )
    if not 0 < len(place.strip()) <= _LONGEST_PLACE or not place.isprintable():
        raise BadLibraryMachine(f"Say where it stands, in at most {_LONGEST_PLACE} characters.")


def _networks(networks: Collection[str]) -> list[str]:
    try:
        return [str(ip_network(each)) for each in networks]
    except ValueError as error:
        raise BadLibraryMachine(f"This is no network: {error}.") from error


def _is_within(address: str, networks: Collection[str]) -> bool:
    if not networks:
        return True
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in ip_network(each) for each in networks)


async def _named(session: AsyncSession, name: str) -> LibraryMachine:
    query = select(LibraryMachine).where(LibraryMachine.name == name).with_for_update()
    machine = await session.scalar(query)
    if machine is None or machine.revoked_at is not None:
        raise NoSuchLibraryMachine(f"No library machine in use is called {name!r}.")
    return machine


def _hash(secret: str) -> bytes:
    return sha256(secret.encode(errors="surrogatepass")).digest()


def _audit(
    session: AsyncSession, action: str, machine: LibraryMachine, *, actor: Actor, now: datetime
) -> None:
    subject = audit.subject_of("library-machine", machine.id)
    audit.record(session, action, subject, actor=actor, now=now, detail={"name": machine.name})
