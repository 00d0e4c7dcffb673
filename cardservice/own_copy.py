"""A copy of everything that is held of a resident, for that resident.

It is made from the table of holdings, so that no table is forgotten. Secrets and scrambled values
are left out: they tell nothing, and would help whoever got hold of the copy.
Source: UK GDPR Articles 15(3) and 20(1).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import LargeBinary, inspect, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.holdings import HOLDINGS
from cardservice.holdings.holding import BASES, Holding
from cardservice.personal_data import TABLES
from identity import accounts, audit, outbox, person_keys, sealed
from identity.actors import Actor
from identity.models import Account, OutboxMessage
from identity.personal import PersonVault, Vault

_SEALED: Final = "sealed_"
_OWNERS: Final = frozenset({"account_id", "owner_id"})
_LEFT_OUT: Final = ("_hash", "_index")


class Section(msgspec.Struct, frozen=True):
    """What one line of the table holds of the resident.

    Attributes:
        topic: its heading.
        table: name of the table.
        what: what it holds.
        why: the lawful basis.
        how_long: for how long.
        rows: column -> value, opened; without what is empty.
    """

    topic: str
    table: str
    what: str
    why: str
    how_long: str
    rows: tuple[dict[str, Any], ...]


class OwnCopy(msgspec.Struct, frozen=True):
    """Everything, at a moment."""

    made_at: datetime
    sections: tuple[Section, ...]


async def make(
    session: AsyncSession, vault: Vault, account_id: UUID, *, actor: Actor, now: datetime
) -> OwnCopy:
    """Copy everything for the resident whose it is; that it was done is recorded.

    Raises:
        NotYourRecord: the actor is anybody else.
        NoSuchAccount: no account with that id.
        PersonErased: there is nothing any more.
    """
    await accounts.own_record(session, vault, account_id, actor=actor)  # theirs, and there
    personal = await person_keys.for_reading(session, vault, account_id)
    sections = []
    for holding in HOLDINGS:
        if holding.model is OutboxMessage:
            rows = await _messages(session, vault, personal, account_id)
        elif holding.of is not None:
            rows = await _rows(session, personal, holding, account_id)
        else:
            continue
        if rows:
            sections.append(_section(holding, rows))
    subject = audit.subject_of("account", account_id)
    audit.record(session, "own-data-copied", subject, actor=actor, now=now)
    return OwnCopy(now, tuple(sections))


def _section(holding: Holding, rows: Sequence[dict[str, Any]]) -> Section:
    return Section(
        topic=holding.topic.value,
        table=holding.table,
        what=holding.what,
        why=BASES[holding.basis],
        how_long=holding.how_long(),
        rows=tuple(rows),
    )


async def _messages(
    session: AsyncSession, vault: Vault, personal: PersonVault, account_id: UUID
) -> list[dict[str, Any]]:
    account = await session.get_one(Account, account_id)
    contacts = (contact.value for contact in sealed.contacts_of(personal, account))
    found = await outbox.addressed_to(session, vault, *contacts)
    return [msgspec.structs.asdict(message) for message in found]


async def _rows(
    session: AsyncSession, personal: PersonVault, holding: Holding, account_id: UUID
) -> list[dict[str, Any]]:
    if holding.of is None:
        return []
    rows = await session.scalars(select(holding.model).where(holding.of(account_id)))
    told = (_told(personal, holding, row, account_id) for row in rows)
    return [row for row in told if row]


def _told(personal: PersonVault, holding: Holding, row: Any, own: UUID) -> dict[str, Any]:  # noqa: ANN401  (of any table)
    """What a row says; what another person's key seals in it is theirs, and left out."""
    columns = inspect(holding.model).columns
    tables = [table for table in TABLES if table.model is holding.model]
    owned = any(getattr(row, table.owner) == own for table in tables)
    told: dict[str, Any] = {}
    for name in columns.keys():  # noqa: SIM118  (no mapping: it has no `in` by name)
        value = getattr(row, name)
        if value is None or name in _OWNERS or name.endswith(_LEFT_OUT):
            continue
        if owned and name.startswith(_SEALED):
            text = personal.open(holding.table, name, row.id, value)
            told[name.removeprefix(_SEALED)] = _structured(text)
        elif not isinstance(columns[name].type, LargeBinary):
            told[name] = value
    return told


def _structured(text: str) -> Any:  # noqa: ANN401  (whatever was sealed)
    """What was sealed as JSON is told as what it is."""
    return msgspec.json.decode(text) if text.startswith("{") else text
