"""What a terminal needs to decide offline: its signed bundle, and its read keys."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import generations, terminal_set_up
from cardservice.card_keys import READ_PURPOSES
from cardservice.errors import NoSuchAuthority
from cardservice.terminals import KnownTerminal
from entitlements import rulebooks
from entitlements.schemes.authorities import Authorities, Authority, load_bank_holidays
from entitlements.schemes.dates import NEVER
from entitlements.status import minima
from entitlements.status_lists import StatusLists
from identity.keys import KeyStore
from identity.keys import Purpose as KeyPurpose
from readers.contract.products import RemoteSettings, set_up_of
from readers.contract.services import Service
from readers.contract.tokens import BUNDLE_TYPE, sign_token
from readers.contract.windows import STATUTORY, DatedWindow, london_date
from readers.contract.wire import (
    VENUE,
    Bundle,
    Purpose,
    ReadKey,
    ReadKeys,
    ServiceSettings,
    StalePolicy,
)

BUNDLE_LASTS: Final = timedelta(days=30)

POLICIES: Final[Mapping[Service, ServiceSettings]] = {
    Service.IDENTITY: ServiceSettings(
        stale_after_hours=24, stale_policy=StalePolicy.ALLOW_AND_FLAG
    ),
    Service.LIBRARY: ServiceSettings(stale_after_hours=24, stale_policy=StalePolicy.ALLOW_AND_FLAG),
    Service.LEISURE: ServiceSettings(stale_after_hours=24, stale_policy=StalePolicy.ALLOW_AND_FLAG),
    Service.TRAVEL: ServiceSettings(stale_after_hours=24, stale_policy=StalePolicy.REFER),
}
"""How each service is checked; the times of travel are what the place's authority published."""

SHOWN_ON_PHONES: Final = (Service.LIBRARY, Service.LEISURE, Service.TRAVEL)
"""Without identity: a code proves that a service is held, never who stands there."""


@cache
def bank_holidays() -> Sequence[date]:
    """The bank holidays that come with the software, in order."""
    return sorted(load_bank_holidays())


async def bundle(
    session: AsyncSession,
    keystore: KeyStore,
    lists: StatusLists,
    terminal: KnownTerminal,
    *,
    in_shards: bool,
    now: datetime,
) -> str:
    """The terminal's bundle as a signed token: for its services only.

    Args:
        session: the transaction.
        keystore: signs.
        lists: of records to refuse.
        terminal: whose.
        in_shards: the terminal fetches the lists in pieces, and is told which.
        now: when.
    """
    authorities = (await rulebooks.in_force(session)).authorities
    hours = _hours(authorities, terminal.authority, london_date(now))
    content = _content(keystore, terminal.services, hours, now=now)
    form = lists.hotlist if in_shards else lists.token
    lists_told = {service: await form(session, service, now=now) for service in content.services}
    told = await terminal_set_up.told(session, terminal.id)
    settings = set_up_of(told).settings
    own = msgspec.structs.replace(
        content,
        terminal_id=str(terminal.id),
        name=terminal.name,
        place=terminal.place,
        purposes=sorted(terminal.purposes),
        services={name: _passed_back(each, settings) for name, each in content.services.items()},
        refresh_seconds=settings.refresh_seconds,
        status_lists={} if in_shards else lists_told,
        hotlists=lists_told if in_shards else {},
        minima={service: await minima(session, service) for service in content.services},
        set_up=dict(told),
    )
    return _signed(keystore, own)


async def venue_bundle(
    session: AsyncSession,
    keystore: KeyStore,
    lists: StatusLists,
    *,
    authority: str,
    now: datetime,
) -> str:
    """What anybody may have to check codes on phones: public keys and lists, and no read key.

    Args:
        session: for the lists.
        keystore: signs.
        lists: of records to refuse.
        authority: id of the authority whose times of travel apply.
        now: when.

    Raises:
        NoSuchAuthority: no authority has that id.
    """
    authorities = (await rulebooks.in_force(session)).authorities
    if authority not in {each.id for each in authorities.authorities}:
        raise NoSuchAuthority("There is no authority with that id.")
    hours = _hours(authorities, authority, london_date(now))
    content = _content(keystore, SHOWN_ON_PHONES, hours, now=now)
    told = {service: await lists.token(session, service, now=now) for service in content.services}
    return _signed(keystore, msgspec.structs.replace(content, status_lists=told))


def _content(
    keystore: KeyStore, services: Collection[Service], hours: list[DatedWindow], *, now: datetime
) -> Bundle:
    """All but the lists."""
    today = london_date(now)
    return Bundle(
        iat=int(now.timestamp()),
        exp=int((now + BUNDLE_LASTS).timestamp()),
        terminal_id=VENUE,
        name=VENUE,
        place="",
        services={service: _settings(service, hours, today) for service in sorted(services)},
        purposes=[Purpose.VALIDATE],
        issuer_keys=public_keys(keystore, KeyPurpose.RECORD_SIGN),
        status_keys=public_keys(keystore, KeyPurpose.STATUS_SIGN),
        bundle_keys=public_keys(keystore, KeyPurpose.BUNDLE_SIGN),
        status_lists={},
        bank_holidays=list(bank_holidays()),
    )


def _signed(keystore: KeyStore, content: Bundle) -> str:
    key = keystore.current(KeyPurpose.BUNDLE_SIGN)
    return sign_token(
        BUNDLE_TYPE,
        msgspec.to_builtins(content),
        key_id=key.wire.decode(),
        sign=lambda message: keystore.sign(key, message),
    )


async def read_keys(
    session: AsyncSession, keystore: KeyStore, terminal: KnownTerminal, *, now: datetime
) -> ReadKeys:
    """The read masters of the terminal's services, newest first, also those not in use yet.

    So every terminal has a new key before the first card does. One that was retired is left out.
    """
    retired = await generations.retired(session, on=london_date(now))
    return ReadKeys(
        {
            service: [
                ReadKey(generation=key.generation, key=keystore.reveal(key))
                for key in reversed(keystore.generations(READ_PURPOSES[service]))
                if key not in retired
            ]
            for service in sorted(terminal.services)
        }
    )


def public_keys(keystore: KeyStore, purpose: KeyPurpose) -> dict[str, bytes]:
    """Key id -> public key, of every generation."""
    return {
        key.wire.decode(): _raw(keystore.public_key(key)) for key in keystore.generations(purpose)
    }


def _hours(authorities: Authorities, authority_id: str, today: date) -> list[DatedWindow]:
    """The authority's times from today on, with their days."""
    return [
        _dated(each)
        for each in authorities.authorities
        if each.id == authority_id and today <= each.last
    ]


def _dated(authority: Authority) -> DatedWindow:
    return DatedWindow(
        first=authority.first,
        last=None if authority.last == NEVER else authority.last,
        start=authority.travel.start,
        end=authority.travel.end,
    )


def _settings(service: Service, hours: list[DatedWindow], today: date) -> ServiceSettings:
    policy = POLICIES[service]
    if service is not Service.TRAVEL:
        return policy
    window = next((each.window for each in hours if each.covers(today)), STATUTORY)
    return msgspec.structs.replace(
        policy, window_start=window.start, window_end=window.end, windows=hours
    )


def _passed_back(service: ServiceSettings, settings: RemoteSettings) -> ServiceSettings:
    """As this terminal was set; untouched, each service keeps its own time."""
    if settings.pass_back_seconds is None:
        return service
    return msgspec.structs.replace(service, pass_back_seconds=settings.pass_back_seconds)


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
