"""What a terminal needs to decide offline: its signed bundle, and its read keys."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.card_keys import READ_PURPOSES
from cardservice.errors import NoSuchAuthority
from cardservice.terminals import KnownTerminal
from entitlements.schemes.authorities import Authorities, load_authorities, load_bank_holidays
from entitlements.status import StatusLists
from identity.keys import KeyStore
from identity.keys import Purpose as KeyPurpose
from readers.contract.services import Service
from readers.contract.tokens import BUNDLE_TYPE, sign_token
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
"""How each service is checked; the times of travel come from the authority of the place."""

SHOWN_ON_PHONES: Final = (Service.LIBRARY, Service.LEISURE, Service.TRAVEL)
"""Without identity: a code proves that a service is held, never who stands there."""


@cache
def authorities() -> Authorities:
    """The authorities that come with the software, read once."""
    return load_authorities()


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
    now: datetime,
) -> str:
    """The terminal's bundle as a signed token: for its services only."""
    content = await _content(
        session, keystore, lists, terminal.services, authority=terminal.authority, now=now
    )
    own = msgspec.structs.replace(
        content,
        terminal_id=str(terminal.id),
        name=terminal.name,
        place=terminal.place,
        purposes=sorted(terminal.purposes),
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
    if authority not in {each.id for each in authorities().authorities}:
        raise NoSuchAuthority("There is no authority with that id.")
    content = await _content(
        session, keystore, lists, SHOWN_ON_PHONES, authority=authority, now=now
    )
    return _signed(keystore, content)


async def _content(
    session: AsyncSession,
    keystore: KeyStore,
    lists: StatusLists,
    services: Collection[Service],
    *,
    authority: str,
    now: datetime,
) -> Bundle:
    return Bundle(
        iat=int(now.timestamp()),
        exp=int((now + BUNDLE_LASTS).timestamp()),
        terminal_id=VENUE,
        name=VENUE,
        place="",
        services={service: _settings(service, authority) for service in sorted(services)},
        purposes=[Purpose.VALIDATE],
        issuer_keys=public_keys(keystore, KeyPurpose.RECORD_SIGN),
        status_keys=public_keys(keystore, KeyPurpose.STATUS_SIGN),
        bundle_keys=public_keys(keystore, KeyPurpose.BUNDLE_SIGN),
        status_lists={
            service: await lists.token(session, service, now=now) for service in sorted(services)
        },
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


def read_keys(keystore: KeyStore, terminal: KnownTerminal) -> ReadKeys:
    """The read masters of the terminal's services, newest first."""
    return ReadKeys(
        {
            service: [
                ReadKey(generation=key.generation, key=keystore.reveal(key))
                for key in reversed(keystore.generations(READ_PURPOSES[service]))
            ]
            for service in sorted(terminal.services)
        }
    )


def public_keys(keystore: KeyStore, purpose: KeyPurpose) -> dict[str, bytes]:
    """Key id -> public key, of every generation."""
    return {
        key.wire.decode(): _raw(keystore.public_key(key)) for key in keystore.generations(purpose)
    }


def _settings(service: Service, authority_id: str) -> ServiceSettings:
    policy = POLICIES[service]
    if service is not Service.TRAVEL:
        return policy
    travel = next(each.travel for each in authorities().authorities if each.id == authority_id)
    return msgspec.structs.replace(policy, window_start=travel.start, window_end=travel.end)


def _raw(key: Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.Raw, PublicFormat.Raw)
