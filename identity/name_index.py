"""The blind index of residents' names: which words a name has, and how each may be mistaken."""

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import ColumnElement, delete, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import aliased

from identity.db import Base
from identity.likeness import forms_of, nicknames_of, typed_forms, words_of
from identity.models import NameForm, NamePart
from identity.personal import Vault

_KEPT: Final = 16
"""Bytes kept of an index: with a million words, one chance in 10^26 that two are the same."""
MOST_LIKE: Final = 200
"""Most words that a mistyped one is taken for, the likest first."""


async def replace(
    session: AsyncSession, vault: Vault, account_id: UUID, *, given_names: str, family_name: str
) -> None:
    """Index a resident's name; what it was indexed as before is forgotten."""
    await session.execute(delete(NamePart).where(NamePart.account_id == account_id))
    await add(session, vault, {account_id: (given_names, family_name)})


async def add(session: AsyncSession, vault: Vault, people: dict[UUID, tuple[str, str]]) -> None:
    """Index the names of residents who are not in the index."""
    words = {account_id: words_of(*name) for account_id, name in people.items()}
    parts = {word: _part(vault, word) for each in words.values() for word in each}
    rows = [
        {"part": parts[word], "account_id": account_id}
        for account_id, each in words.items()
        for word in each
    ]
    await _insert_missing(session, NamePart, rows)
    await add_words(session, vault, parts)


async def add_words(session: AsyncSession, vault: Vault, words: Iterable[str]) -> None:
    """Index the forms of words that are new; at most some thousands at a time."""
    parts = {word: _part(vault, word) for word in words}
    known = select(NameForm.part).where(NameForm.part.in_(parts.values())).distinct()
    there = set(await session.scalars(known))
    rows = [
        {"form": _form(vault, form), "part": part}
        for word, part in parts.items()
        if part not in there
        for form in forms_of(word)
    ]
    await _insert_missing(session, NameForm, rows)


async def forget(session: AsyncSession, accounts: Iterable[UUID]) -> None:
    """Take residents out of the index."""
    await session.execute(delete(NamePart).where(NamePart.account_id.in_(list(accounts))))


async def forget_entirely(session: AsyncSession, account_id: UUID) -> None:
    """Take a resident out of the index, and the forms of words that nobody else bears."""
    own = select(NamePart.part).where(NamePart.account_id == account_id)
    parts = list(await session.scalars(own))
    await forget(session, [account_id])
    await session.execute(delete(NameForm).where(NameForm.part.in_(parts), _unused()))


async def forget_unused_forms(session: AsyncSession) -> None:
    """Take out the forms of words that are in nobody's name any more."""
    await session.execute(delete(NameForm).where(_unused()))


def exactly(vault: Vault, word: str) -> frozenset[bytes]:
    """The parts a word is stored as."""
    return frozenset(part[:_KEPT] for part in vault.blinds("name-part", word))


async def like(session: AsyncSession, vault: Vault, word: str) -> frozenset[bytes]:
    """The parts of words it may stand for: itself, its nicknames and what it may be a mistake for.

    At most `MOST_LIKE` mistakes, those with the most forms in common first.
    """
    tokens = [form[:_KEPT] for one in typed_forms(word) for form in vault.blinds("name-form", one)]
    shared = (
        select(NameForm.part)
        .where(NameForm.form.in_(tokens))
        .group_by(NameForm.part)
        .order_by(func.count().desc(), NameForm.part)
        .limit(MOST_LIKE)
    )
    found = set(await session.scalars(shared))
    for one in (word, *nicknames_of(word)):
        found |= exactly(vault, one)
    return frozenset(found)


async def bearing(
    session: AsyncSession, words: Sequence[frozenset[bytes]], *, most: int
) -> list[UUID]:
    """Residents whose name has, for every word, one of its parts; at most `most`, in no order."""
    first, *others = [aliased(NamePart) for _ in words]
    query = select(first.account_id).where(_one_of(first.part, words[0]))
    for other, parts in zip(others, words[1:], strict=True):
        same = (other.account_id == first.account_id) & _one_of(other.part, parts)
        query = query.join(other, same)
    return list(dict.fromkeys(await session.scalars(query.limit(most))))


def _unused() -> ColumnElement[bool]:
    return ~select(NamePart.part).where(NamePart.part == NameForm.part).exists()


def _one_of(column: Any, parts: frozenset[bytes]) -> ColumnElement[bool]:  # noqa: ANN401  (an alias' column)
    condition: ColumnElement[bool] = column.in_(sorted(parts))
    return condition


def _part(vault: Vault, word: str) -> bytes:
    return vault.blind("name-part", word)[:_KEPT]


def _form(vault: Vault, form: str) -> bytes:
    return vault.blind("name-form", form)[:_KEPT]


async def _insert_missing(
    session: AsyncSession, table: type[Base], rows: list[dict[str, Any]]
) -> None:
    """Insert in one order, so that two who add the same words do not wait for each other."""
    if not rows:
        return
    dialect = postgresql if session.get_bind().dialect.name == "postgresql" else sqlite
    insert = dialect.insert(table).on_conflict_do_nothing()
    await session.execute(insert, sorted(rows, key=lambda row: tuple(map(str, row.values()))))
