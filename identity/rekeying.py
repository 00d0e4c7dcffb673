"""Bring everything to the newest keys, person by person, while everybody goes on working.

There is no list of what is done: each person's row says with which generations their key is sealed
and their indexes are made, so a run that was broken off anywhere is simply run again. Readers open
what was sealed with any generation that the key store holds, and look up indexes of all of them.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import ColumnElement, Select, func, inspect, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import name_index, person_keys
from identity.db import Base
from identity.keys import Purpose
from identity.models import (
    Account,
    Address,
    AssuranceScore,
    ChangeRequest,
    Guardian,
    OutboxMessage,
    PersonKey,
    SightedDocument,
    StaffMember,
)
from identity.personal import PersonVault, Vault
from identity.signin_models import AccountTotp, PendingRegistration, StaffTotp
from identity.trail_models import AssistedSession

PEOPLE_AT_ONCE: Final = 200
_SEALED: Final = "sealed_"

Transaction = Callable[[], AbstractAsyncContextManager[AsyncSession]]
Opened = Mapping[str, str | None]
"""A row's sealed columns without `sealed_`, opened."""


class PersonalTable(msgspec.Struct, frozen=True):
    """A table whose columns `sealed_*` belong to one person.

    Attributes:
        model: the table, with a key `id`.
        owner: the column that says whose row it is.
        indexes: the row's blind indexes by column, made from what was opened.
    """

    model: type[Base]
    owner: str
    indexes: Callable[[Vault, Opened], Mapping[str, bytes | None]] = lambda _vault, _opened: {}


class Progress(msgspec.Struct, frozen=True):
    """How far a run is: people done since it began, and people still waiting."""

    done: int
    remaining: int


def _account_indexes(vault: Vault, opened: Opened) -> Mapping[str, bytes | None]:
    born, email, mobile = opened["birth_date"], opened["email"], opened["mobile"]
    return {
        "birth_date_index": vault.blind("birth-date", born or ""),
        "email_index": vault.blind("email", email) if email else None,
        "mobile_index": vault.blind("mobile", mobile) if mobile else None,
    }


def _address_indexes(vault: Vault, opened: Opened) -> Mapping[str, bytes | None]:
    return {"postcode_index": vault.blind("postcode", opened["postcode"] or "")}


TABLES: Final = (
    PersonalTable(Account, "id", _account_indexes),
    PersonalTable(Address, "account_id", _address_indexes),
    PersonalTable(SightedDocument, "account_id"),
    PersonalTable(ChangeRequest, "account_id"),
    PersonalTable(AssistedSession, "account_id"),
    PersonalTable(AssuranceScore, "account_id"),
    PersonalTable(Guardian, "account_id"),
)
"""The tables of identity; the packages above add theirs."""

STORE_SEALED: Final[Sequence[tuple[type[Base], str]]] = (
    (OutboxMessage, "id"),
    (AccountTotp, "owner_id"),
    (StaffTotp, "owner_id"),
    (StaffMember, "id"),
    (PendingRegistration, "id"),
)
"""Of identity, tables sealed with the store's key, because a row tells nothing of a resident, and
the column of the row id they are sealed for. What lives for minutes (a sign-in under way) is left
to run out."""


async def rekey(
    transaction: Transaction,
    vault: Vault,
    tables: Sequence[PersonalTable] = TABLES,
    store_sealed: Sequence[tuple[type[Base], str]] = STORE_SEALED,
    *,
    most: int = PEOPLE_AT_ONCE,
) -> AsyncIterator[Progress]:
    """Bring everybody to the newest keys, a few people in each transaction.

    Run it after a `data` or `index` key was rotated, and once for people from before people had
    keys of their own. It may be stopped at any moment and run again.

    Args:
        transaction: opens a session in a transaction of its own.
        vault: with the key store that holds the newest keys.
        tables: every table that holds personal data, of every package.
        store_sealed: every table that is sealed with the store's key, likewise.
        most: how many people in one transaction.

    Yields:
        Progress after each transaction, the first before any work.

    Raises:
        SealBroken: a row does not open; everybody before it is done.
    """
    async with transaction() as session:
        left = await remaining(session, vault)
    done, after = 0, None
    yield Progress(done, left)
    while left:
        async with transaction() as session:
            people = await rekey_some(session, vault, tables, most=most, after=after)
        if people:
            done, left, after = done + len(people), max(left - len(people), 0), people[-1]
            yield Progress(done, left)
        if not people or not left:  # whoever came to wait meanwhile, behind or before us
            async with transaction() as session:
                left, after = await remaining(session, vault), None
    async with transaction() as session:
        for model, row_key in store_sealed:
            await _reseal(session, vault, model, row_key)
        await name_index.forget_unused_forms(session)


async def remaining(session: AsyncSession, vault: Vault) -> int:
    """How many people are not at the newest keys."""
    waiting = _waiting(vault).subquery()
    return await session.scalar(select(func.count()).select_from(waiting)) or 0


async def rekey_some(
    session: AsyncSession,
    vault: Vault,
    tables: Sequence[PersonalTable] = TABLES,
    *,
    most: int = PEOPLE_AT_ONCE,
    after: UUID | None = None,
) -> list[UUID]:
    """Bring some people to the newest keys in the caller's transaction.

    Args:
        session: whose transaction it is.
        vault: with the newest keys.
        tables: every table that holds personal data.
        most: how many people.
        after: the last of those before, so that nobody is looked at twice.

    Returns:
        Who was brought there; empty when nobody waits.
    """
    page = _waiting(vault).order_by(Account.id).limit(most).with_for_update(of=Account)
    if after is not None:
        page = page.where(Account.id > after)
    people = list(await session.scalars(page))
    if not people:
        return []
    keys = await _keys(session, vault, people)
    behind = [
        account_id
        for account_id, (row, _) in keys.items()
        if row.index_generation != vault.generation(Purpose.INDEX)
    ]
    for table in tables:
        await _rekey_rows(session, vault, table, behind, keys)
    for row, _ in keys.values():
        row.index_generation = vault.generation(Purpose.INDEX)
    await session.flush()
    return people


_Keys = Mapping[UUID, tuple[PersonKey, PersonVault]]


async def _keys(session: AsyncSession, vault: Vault, people: Sequence[UUID]) -> _Keys:
    """Everybody's key, sealed with the newest data key; those without one are given one."""
    found = await session.scalars(select(PersonKey).where(PersonKey.account_id.in_(people)))
    keys = {row.account_id: (row, person_keys.opened(vault, row)) for row in found}
    for row, _ in keys.values():
        if row.generation != vault.generation(Purpose.DATA):
            person_keys.wrap_anew(vault, row)
    made = {one: person_keys.make(vault, one) for one in people if one not in keys}
    session.add_all(row for row, _ in made.values())
    return {**keys, **made}


async def _rekey_rows(
    session: AsyncSession,
    vault: Vault,
    table: PersonalTable,
    people: Sequence[UUID],
    keys: _Keys,
) -> None:
    owner = getattr(table.model, table.owner)
    columns = sealed_columns(table.model)
    names: dict[UUID, tuple[str, str]] = {}
    for row in await session.scalars(select(table.model).where(owner.in_(people))):
        account_id: UUID = getattr(row, table.owner)
        opened = _open_and_seal(keys[account_id][1], row, columns)
        for column, index in table.indexes(vault, opened).items():
            setattr(row, column, index)
        if table.model is Account:
            names[account_id] = (opened["given_names"] or "", opened["family_name"] or "")
    if names:
        await name_index.forget(session, names)
        await name_index.add(session, vault, names)


def _open_and_seal(personal: PersonVault, row: Base, columns: Sequence[str]) -> Opened:
    """Open every sealed column; what is not sealed with the person's key is from now on."""
    table = row.__tablename__
    row_id: UUID = row.id  # type: ignore[attr-defined]  # every personal table has one
    opened: defaultdict[str, str | None] = defaultdict(lambda: None)
    for column in columns:
        sealed: bytes | None = getattr(row, column)
        if sealed is None:
            continue
        text = opened[column.removeprefix(_SEALED)] = personal.open(table, column, row_id, sealed)
        if not personal.is_own(sealed):
            setattr(row, column, personal.seal(table, column, row_id, text))
    return opened


def sealed_columns(model: type[Base]) -> tuple[str, ...]:
    """The sealed columns of a table."""
    return tuple(name for name in inspect(model).columns.keys() if name.startswith(_SEALED))  # noqa: SIM118  (no mapping: it has no `in` by name)


async def _reseal(session: AsyncSession, vault: Vault, model: type[Base], row_key: str) -> None:
    """Bring the rows of a table that the store's own key seals to its newest key."""
    prefix = vault.current_prefix()
    columns = sealed_columns(model)
    old: list[ColumnElement[bool]] = [
        func.substr(getattr(model, column), 1, len(prefix)) != prefix for column in columns
    ]
    table = model.__tablename__
    for row in await session.scalars(select(model).where(or_(*old))):
        row_id: UUID = getattr(row, row_key)
        for column in columns:
            sealed = getattr(row, column)
            if sealed is None:
                continue
            text = vault.open(table, column, row_id, sealed)
            setattr(row, column, vault.seal(table, column, row_id, text))


def _waiting(vault: Vault) -> Select[Any]:
    behind = PersonKey.sealed_key.is_not(None) & (
        (PersonKey.generation != vault.generation(Purpose.DATA))
        | (PersonKey.index_generation != vault.generation(Purpose.INDEX))
    )
    joined = select(Account.id).outerjoin(PersonKey, PersonKey.account_id == Account.id)
    return joined.where(PersonKey.account_id.is_(None) | behind)
