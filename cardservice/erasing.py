"""A person's record is erased: their key destroyed, and everything that could tell of them with it.

One transaction: it is done whole or not at all, and a run that was broken off begins again where
nothing was done. What is kept says nothing about the person; `identity.grounds` says why it is.
Source: UK GDPR Article 17; the key is destroyed so that copies of the database open no more either.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from sqlalchemy import case, delete, func, inspect, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import decisions, phones
from cardservice.holdings import HOLDINGS
from cardservice.holdings.holding import Fate, Holding
from cardservice.personal_data import TABLES
from entitlements import grants
from entitlements.grants import EndReason
from identity import (
    audit,
    devices,
    erasure,
    name_index,
    outbox,
    person_keys,
    resident_password,
    sealed,
    second_factor,
    sessions,
    throttle,
)
from identity.actors import Actor
from identity.contacts import every_index
from identity.db import Base
from identity.errors import NoSuchAccount
from identity.models import (
    Account,
    AccountState,
    ChangeRequest,
    ErasureState,
    RequestState,
)
from identity.oidc import logout_notices
from identity.oidc.models import OidcGrant
from identity.personal import Vault
from identity.signin_models import OneTimeCode, SessionKind

GONE: Final = b""
"""What is left of a sealed or indexed column that may not be absent: it opens to nobody."""
_UNSYNCHRONISED: Final[dict[str, Any]] = {"execution_options": {"synchronize_session": False}}


class Erased(msgspec.Struct, frozen=True):
    """A record was erased.

    Attributes:
        account_id: which.
        rows: how many rows were removed.
        files: names of written messages, to be removed once this is committed.
    """

    account_id: UUID
    rows: int
    files: tuple[str, ...]


async def carry_out(
    session: AsyncSession, vault: Vault, account_id: UUID, *, actor: Actor, now: datetime
) -> Erased:
    """Erase the record of an account whose erasure is due.

    Raises:
        NoErasureWaits: nobody asked for it, it was stopped or is not due, or staff ask to keep
            the record.
        NoSuchAccount: no account with that id.
        PersonErased: it was erased before.
    """
    await erasure.ready(session, account_id, now=now)
    await _end_what_is_held(session, account_id, actor=actor, now=now)
    account = await _locked(session, account_id)
    asked = await erasure.ready(session, account_id, now=now)  # it could be stopped until here
    files = await _forget_addresses(session, vault, account)
    await name_index.forget_entirely(session, account_id)
    asked.state, asked.ended_at, account.state = ErasureState.DONE, now, AccountState.ERASED
    await person_keys.destroy(session, account_id)
    await session.flush()
    session.expunge_all()  # from here on rows change behind the session's back
    rows = await _clear(session, account_id)
    detail = {"basis": asked.basis.value, "rows": rows}
    subject = audit.subject_of("account", account_id)
    audit.record(session, "person-erased", subject, actor=actor, now=now, detail=detail)
    return Erased(account_id, rows, files)


async def _end_what_is_held(
    session: AsyncSession, account_id: UUID, *, actor: Actor, now: datetime
) -> None:
    """Card and phone are refused for ever, entitlements and sign-ins end, and sites are told."""
    await decisions.end_cards(session, account_id, actor=actor, now=now)
    await phones.end(session, account_id, actor=actor, now=now)
    for held in (await grants.open_by_scheme(session, account_id)).values():
        await grants.end(session, held, EndReason.ERASED, actor=actor, now=now)
    await sessions.end_all(session, account_id, SessionKind.RESIDENT, actor=actor, now=now)
    await logout_notices.log_out(session, OidcGrant.account_id == account_id, now=now)


async def _locked(session: AsyncSession, account_id: UUID) -> Account:
    account = await session.get(Account, account_id, with_for_update=True, populate_existing=True)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    person_keys.refuse_erased(account)
    return account


async def _forget_addresses(
    session: AsyncSession, vault: Vault, account: Account
) -> tuple[str, ...]:
    """What is found by address or number, not by the account: messages, codes and counts."""
    await _forget_counts(session, account, second_factor.throttled_as(account))
    personal = await person_keys.for_reading(session, vault, account.id)
    contacts = sealed.contacts_of(personal, account)
    for contact in contacts:
        for index in vault.blinds(contact.channel.value, contact.value):
            await _forget_counts(session, account, resident_password.counted_address(index))
        indexes = every_index(vault, contact)
        codes = delete(OneTimeCode).where(OneTimeCode.contact_index.in_(indexes))
        await session.execute(codes, **_UNSYNCHRONISED)
    return await outbox.forget(session, vault, *(contact.value for contact in contacts))


async def _forget_counts(session: AsyncSession, account: Account, subject: str) -> None:
    """How often somebody failed, on whichever device."""
    await throttle.drop(session, await devices.every_subject(session, account, subject))


async def _clear(session: AsyncSession, account_id: UUID) -> int:
    """Remove, empty or keep the rows of every table. Returns how many were removed."""
    undecided = delete(ChangeRequest).where(
        ChangeRequest.account_id == account_id, ChangeRequest.state == RequestState.WAITING
    )
    await session.execute(undecided, **_UNSYNCHRONISED)
    removed = 0
    for holding in children_first(HOLDINGS):
        if holding.of is None:
            continue
        own = holding.of(account_id)
        if holding.fate is Fate.REMOVED:
            count = select(func.count()).select_from(holding.model).where(own)
            removed += await session.scalar(count) or 0
            await session.execute(delete(holding.model).where(own), **_UNSYNCHRONISED)
        elif emptied := _emptied(holding):
            await session.execute(
                update(holding.model).where(own).values(**emptied), **_UNSYNCHRONISED
            )
    return removed


def children_first(holdings: Iterable[Holding]) -> Sequence[Holding]:
    """In an order in which rows can be removed: those that refer to others first."""
    place = {table.name: number for number, table in enumerate(Base.metadata.sorted_tables)}
    return sorted(holdings, key=lambda holding: -place[holding.table])


def _emptied(holding: Holding) -> Mapping[str, object]:
    """Column -> what takes the place of what it said."""
    columns = inspect(holding.model).columns
    personal = next((each for each in TABLES if each.model is holding.model), None)
    emptied: dict[str, object] = {}
    if holding.fate is Fate.EMPTIED and personal is not None:
        for name in columns.keys():  # noqa: SIM118  (no mapping: it has no `in` by name)
            if name.endswith("_index"):
                emptied[name] = None if columns[name].nullable else GONE
            elif name.startswith("sealed_"):
                present = columns[name].is_not(None)
                emptied[name] = (
                    case((present, GONE), else_=None) if columns[name].nullable else GONE
                )
    return emptied | dict(holding.cleared)
