"""What a terminal needs to decide offline: its signed bundle, and its read keys."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.card_keys import READ_PURPOSES
from cardservice.terminals import KnownTerminal
from entitlements.schemes.authorities import Authorities, load_authorities, load_bank_holidays
from entitlements.status import StatusLists
from identity.keys import KeyStore, Purpose
from readers.contract.services import Service
from readers.contract.tokens import BUNDLE_TYPE, sign_token
from readers.contract.wire import (
    Bundle,
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
    services = sorted(terminal.services)
    content = Bundle(
        iat=int(now.timestamp()),
        exp=int((now + BUNDLE_LASTS).timestamp()),
        terminal_id=str(terminal.id),
        name=terminal.name,
        place=terminal.place,
        services={service: _settings(service, terminal.authority) for service in services},
        purposes=sorted(terminal.purposes),
        issuer_keys=public_keys(keystore, Purpose.RECORD_SIGN),
        status_keys=public_keys(keystore, Purpose.STATUS_SIGN),
        bundle_keys=public_keys(keystore, Purpose.BUNDLE_SIGN),
        status_lists={
            service: await lists.token(session, service, now=now) for service in services
        },
        bank_holidays=list(bank_holidays()),
    )
    key = keystore.current(Purpose.BUNDLE_SIGN)
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


def public_keys(keystore: KeyStore, purpose: Purpose) -> dict[str, bytes]:
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
