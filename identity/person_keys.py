"""The key that each person's data is sealed with: made, opened, wrapped anew and destroyed."""

import secrets
from typing import Final
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from identity.errors import NoSuchAccount, PersonErased
from identity.keys import Purpose
from identity.models import Account, AccountState, PersonKey
from identity.personal import PersonVault, Vault

_TABLE: Final = PersonKey.__tablename__
_COLUMN: Final = "sealed_key"
_BYTES: Final = 32


def make(vault: Vault, account_id: UUID) -> tuple[PersonKey, PersonVault]:
    """A new key: the row to store, and what seals with it. Its indexes are still to be made."""
    key = secrets.token_bytes(_BYTES)
    row = PersonKey(
        account_id=account_id,
        sealed_key=vault.seal(_TABLE, _COLUMN, account_id, key.hex()),
        generation=vault.generation(Purpose.DATA),
    )
    return row, PersonVault(vault, key)


def opened(vault: Vault, row: PersonKey | None) -> PersonVault:
    """What opens a person's data.

    Args:
        vault: opens their key, and what was sealed before they had one.
        row: None for somebody whose data has not been moved to a key of their own yet.

    Raises:
        SealBroken: the key was changed or belongs to somebody else.
    """
    if row is None or row.sealed_key is None:
        return PersonVault(vault, None)
    text = vault.open(_TABLE, _COLUMN, row.account_id, row.sealed_key)
    return PersonVault(vault, bytes.fromhex(text))


async def for_reading(session: AsyncSession, vault: Vault, account_id: UUID) -> PersonVault:
    """What opens the data of the person whose account this is."""
    return opened(vault, await session.get(PersonKey, account_id))


async def for_writing(session: AsyncSession, vault: Vault, account_id: UUID) -> PersonVault:
    """What seals new data of theirs. Somebody without a key is given one.

    Raises:
        NoSuchAccount: no account with that id.
    """
    row = await session.get(PersonKey, account_id)
    if row is not None:
        return opened(vault, row)
    if await session.get(Account, account_id, with_for_update=True) is None:
        raise NoSuchAccount("There is no such account.")
    row = await session.get(PersonKey, account_id, populate_existing=True)  # made meanwhile
    if row is not None:
        return opened(vault, row)
    row, personal = make(vault, account_id)
    session.add(row)
    await session.flush()
    return personal


def wrap_anew(vault: Vault, row: PersonKey) -> None:
    """Seal the key with the newest data key; what it seals stays as it is.

    Raises:
        SealBroken: the key was changed or belongs to somebody else.
    """
    if row.sealed_key is not None:
        text = vault.open(_TABLE, _COLUMN, row.account_id, row.sealed_key)
        row.sealed_key = vault.seal(_TABLE, _COLUMN, row.account_id, text)
    row.generation = vault.generation(Purpose.DATA)


async def destroy(session: AsyncSession, account_id: UUID) -> None:
    """Destroy a person's key: what it sealed opens never again, here or in a copy.

    Somebody who has no key of their own yet is left with none for ever.
    """
    row = await session.get(PersonKey, account_id, with_for_update=True, populate_existing=True)
    if row is None:
        session.add(PersonKey(account_id=account_id, sealed_key=None, generation=0))
    else:
        row.sealed_key = None
    await session.flush()


def refuse_erased(account: Account) -> None:
    """Nobody reads or changes what is gone.

    Raises:
        PersonErased: the record was erased.
    """
    if account.state is AccountState.ERASED:
        raise PersonErased("This record was erased.")
