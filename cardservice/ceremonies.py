"""A card key made of what two custodians bring, neither of whom ever knows it.

What a custodian brought is kept sealed in a file beside the key store until the other has come, so
that they need not meet. Whatever is wrong leaves both as they were; the key is made in one step.
"""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import generations, key_components
from cardservice.card_keys import PURPOSES
from cardservice.errors import (
    BadComponent,
    CeremonyUnderWay,
    NoCeremony,
    NotACardKey,
    NotACustodian,
    WrongCheckValue,
)
from cardservice.key_models import KeyGeneration
from identity import audit
from identity.actors import Actor
from identity.db import new_id
from identity.errors import SealBroken
from identity.keys import KeyStore, Purpose
from identity.personal import Vault

CUSTODIANS: Final = 2
_PLACE: Final = ("key_ceremony", "component")


class Brought(msgspec.Struct, frozen=True):
    """A component that was brought, sealed, with its check value."""

    check_value: str
    sealed: bytes


class Ceremony(msgspec.Struct, frozen=True, kw_only=True):
    """One under way.

    Attributes:
        custodians: their names, in the order in which they were named.
        expected: check value that the key must have, where it is known; else None.
        used_from: see `generations.add`.
        brought: by custodian.
    """

    id: UUID
    purpose: Purpose
    custodians: tuple[str, str]
    begun_at: datetime
    expected: str | None = None
    used_from: datetime | None = None
    brought: dict[str, Brought] = {}

    @property
    def missing(self) -> tuple[str, ...]:
        """Who has not come yet."""
        return tuple(name for name in self.custodians if name not in self.brought)


class CeremonyFile:
    """Where the one ceremony of a key store is kept while it is under way."""

    def __init__(self, keys: Path) -> None:
        self.path = keys.with_name(f"{keys.name}.ceremony")

    def begin(self, ceremony: Ceremony) -> None:
        """Begin one.

        Raises:
            NotACardKey, NotACustodian: it cannot be held so.
            CeremonyUnderWay: another is under way, and stays.
        """
        if ceremony.purpose not in PURPOSES.values():
            raise NotACardKey(f"{ceremony.purpose} is on no card.")
        if len({name.casefold() for name in ceremony.custodians}) != CUSTODIANS:
            raise NotACustodian("A ceremony needs two custodians, who are two people.")
        try:
            os.close(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        except FileExistsError as error:
            raise CeremonyUnderWay(
                "Another ceremony is under way. Finish it, or: kentcard keys ceremony abandon"
            ) from error
        self._keep(ceremony)

    def read(self) -> Ceremony:
        """The one under way.

        Raises:
            NoCeremony: none is, or what is kept of it is not whole.
        """
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Ceremony)
        except FileNotFoundError as error:
            raise NoCeremony("No ceremony is under way.") from error
        except msgspec.DecodeError as error:
            raise NoCeremony(
                f"{self.path} is not whole. Begin again after: kentcard keys ceremony abandon"
            ) from error

    def bring(self, vault: Vault, custodian: str, component: bytes, check_value: str) -> Ceremony:
        """Keep what a custodian brought.

        Raises:
            NoCeremony: none is under way.
            NotACustodian: nobody of that name, or they brought theirs already.
            WrongCheckValue: the component has another one; it was not kept.
        """
        ceremony = self.read()
        if custodian not in ceremony.missing:
            waits = " and ".join(ceremony.missing)
            raise NotACustodian(f"This ceremony waits for {waits}, not for {custodian}.")
        found = key_components.check_value(component)
        if found != check_value.strip().upper():
            raise WrongCheckValue("That check value belongs to another component. Nothing is kept.")
        sealed = vault.seal(*_PLACE, ceremony.id, f"{custodian}\0{component.hex()}")
        brought = {**ceremony.brought, custodian: Brought(found, sealed)}
        ceremony = msgspec.structs.replace(ceremony, brought=brought)
        self._keep(ceremony)
        return ceremony

    def key(self, vault: Vault, ceremony: Ceremony) -> bytes:
        """The key of all components.

        Raises:
            BadComponent: they are alike, or what is kept of one is not what was brought.
            WrongCheckValue: the key is not the one that was expected.
        """
        components = [_opened(vault, ceremony, each) for each in ceremony.custodians]
        key = key_components.combined(components)
        found = key_components.check_value(key)
        if ceremony.expected not in {None, found}:
            raise WrongCheckValue(
                f"The key would have the check value {found}, not {ceremony.expected}. No key was "
                "made. One component is not of this key: kentcard keys ceremony abandon"
            )
        return key

    def abandon(self) -> None:
        """Forget the one under way; raises `NoCeremony` if none is."""
        try:
            self.path.unlink()
        except FileNotFoundError as error:
            raise NoCeremony("No ceremony is under way.") from error

    def _keep(self, ceremony: Ceremony) -> None:
        beside = self.path.with_name(f"{self.path.name}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(ceremony))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self.path)


def begun(
    purpose: Purpose,
    custodians: Sequence[str],
    *,
    expected: str | None = None,
    used_from: datetime | None = None,
    now: datetime,
) -> Ceremony:
    """A ceremony that nobody came to yet; raises `NotACustodian` unless there are two."""
    if len(custodians) != CUSTODIANS:
        raise NotACustodian("A ceremony needs two custodians.")
    first, second = custodians
    return Ceremony(
        id=new_id(),
        purpose=purpose,
        custodians=(first, second),
        begun_at=now.astimezone(UTC),
        expected=expected.upper() if expected else None,
        used_from=used_from,
    )


async def finish(
    session: AsyncSession,
    keystore: KeyStore,
    ceremony: Ceremony,
    key: bytes,
    *,
    actor: Actor,
    now: datetime,
) -> KeyGeneration:
    """Put the key into the store, and who brought what into the trail; as `generations.add`."""
    made = await generations.add(
        session,
        keystore,
        ceremony.purpose,
        used_from=ceremony.used_from,
        actor=actor,
        now=now,
        given=key,
    )
    brought = [f"{name} {ceremony.brought[name].check_value}" for name in ceremony.custodians]
    subject = audit.subject_of("key-ceremony", ceremony.id)
    detail: audit.Detail = {
        "purpose": ceremony.purpose.value,
        "generation": made.generation,
        "components": brought,
        "check_value": made.check_value,
    }
    audit.record(session, "key-ceremony-held", subject, actor=actor, now=now, detail=detail)
    return made


def _opened(vault: Vault, ceremony: Ceremony, custodian: str) -> bytes:
    try:
        kept = vault.open(*_PLACE, ceremony.id, ceremony.brought[custodian].sealed)
    except SealBroken as error:
        raise BadComponent(f"What {custodian} brought was changed since. Begin again.") from error
    name, _, component = kept.partition("\0")
    if name != custodian:
        raise BadComponent(f"What {custodian} brought was changed since. Begin again.")
    return bytes.fromhex(component)
