"""Gathering what the council accepts as proved about residents, and which row says each fact.

Nobody reads it, so no read is recorded; what is decided on it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from typing import Final, TypeVar
from uuid import UUID

import msgspec
from msgspec import UNSET
from sqlalchemy import ColumnElement, select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements.facts import Evidence, Fed, ResidentFacts
from entitlements.models import FedFact, Standing
from identity import person_keys, sealed
from identity.errors import NoSuchAccount, PersonErased, SealBroken
from identity.evidence import Proof, SeenDocument, is_shown
from identity.models import (
    Account,
    AccountState,
    Address,
    ChangeRequest,
    PersonKey,
    RequestKind,
    RequestState,
    SightedDocument,
)
from identity.personal import PersonVault, Vault
from readers.contract.windows import london_date

_EVIDENCE: Final = frozenset({Proof.BENEFIT, Proof.DISABILITY})
"""Documents that rules may ask for; what shows a name or an address is a fact of its own."""
_FED: Final = FedFact.__tablename__


class Gathered(msgspec.Struct, frozen=True):
    """Facts, and which row each came from.

    Attributes:
        facts: what rules see.
        versions: name of a fact, or `fed.` and its name -> ids of the rows that say it.
    """

    facts: ResidentFacts
    versions: Mapping[str, tuple[UUID, ...]]


class Stated(msgspec.Struct, frozen=True):
    """What is proved of a resident, and what is said of them besides.

    Attributes:
        proved: what the council accepts.
        stated: the same, with what they said themselves: it drives questions, and can tell somebody
            a no, but never a yes.
    """

    proved: Gathered
    stated: ResidentFacts


async def gather(session: AsyncSession, vault: Vault, account_id: UUID) -> Gathered:
    """What the council accepts as proved about a resident.

    Whoever was registered at a desk showed two documents. What somebody who registered alone said
    of themselves stays unknown until a document has shown it: it gives nobody anything. An account
    is closed when its resident dies.

    Raises:
        NoSuchAccount: no account with that id.
    """
    return (await _of_one(session, vault, account_id)).open()


async def gather_stated(session: AsyncSession, vault: Vault, account_id: UUID) -> Stated:
    """The same, and what is only stated.

    Raises:
        NoSuchAccount: no account with that id.
    """
    found = await _of_one(session, vault, account_id)
    return Stated(found.open(), found.stated())


async def _of_one(session: AsyncSession, vault: Vault, account_id: UUID) -> "Sealed":
    found = await gather_many(session, vault, [account_id])
    if account_id not in found:
        raise NoSuchAccount("There is no such account.")
    return found[account_id]


class Sealed(msgspec.Struct, frozen=True):
    """One resident's rows as they are stored; opening them is what can fail."""

    vault: Vault
    key: PersonKey | None
    account: Account
    address: Address
    corrections: Sequence[UUID]
    documents: Sequence[SightedDocument]
    fed: Sequence[FedFact]

    def open(self) -> Gathered:
        """The facts and their versions.

        Raises:
            SealBroken: something was changed, or its key is gone.
        """
        personal = person_keys.opened(self.vault, self.key)
        seen = [
            (sealed.document_of(personal, row), london_date(row.sighted_at))
            for row in self.documents
        ]
        born = is_shown(Proof.IDENTITY, seen)
        home = is_shown(Proof.ADDRESS, seen, since=self.address.valid_from)
        return Gathered(
            ResidentFacts(
                birth_date=sealed.birth_date_of(personal, self.account) if born else UNSET,
                district=self.address.district_code if home else UNSET,
                deceased=self.account.state is AccountState.CLOSED,
                evidence=tuple(_evidence_of(seen)),
                fed={row.name: fed_value(personal, row) for row in self._known()},
            ),
            {
                "birth_date": (self.account.id, *self.corrections),
                "district": (self.address.id,),
                "deceased": (self.account.id,),
                "evidence": tuple(row.id for row in self.documents),
                **{f"fed.{row.name}": (row.id,) for row in self._known()},
            },
        )

    def stated(self) -> ResidentFacts:
        """What is proved or said.

        Raises:
            SealBroken: something was changed, or its key is gone.
        """
        personal = person_keys.opened(self.vault, self.key)
        return msgspec.structs.replace(
            self.open().facts,
            birth_date=sealed.birth_date_of(personal, self.account),
            district=self.address.district_code,
            fed={row.name: fed_value(personal, row) for row in self.fed},
        )

    def _known(self) -> Sequence[FedFact]:
        return [row for row in self.fed if row.standing is not Standing.CLAIMED]


def try_open(stored: Sealed) -> Gathered | None:
    """The facts; None when something of theirs was damaged or erased: nobody else waits for it."""
    try:
        return stored.open()
    except (SealBroken, PersonErased):
        return None


async def gather_many(
    session: AsyncSession, vault: Vault, account_ids: Sequence[UUID]
) -> Mapping[UUID, Sealed]:
    """The stored facts of many residents, in as many statements as of one; no account, no entry."""
    accounts = await session.scalars(select(Account).where(Account.id.in_(account_ids)))
    keys = {row.account_id: row for row in await _of(session, PersonKey, account_ids)}
    current = (Address.valid_to.is_(None),)
    addresses = {row.account_id: row for row in await _of(session, Address, account_ids, *current)}
    documents = _by_account(await _of(session, SightedDocument, account_ids))
    told = (FedFact.superseded_at.is_(None),)
    fed = _by_account(await _of(session, FedFact, account_ids, *told))
    corrected = (
        ChangeRequest.kind == RequestKind.CORRECTION,
        ChangeRequest.state == RequestState.APPROVED,
    )
    corrections = _by_account(await _of(session, ChangeRequest, account_ids, *corrected))
    return {
        account.id: Sealed(
            vault,
            keys.get(account.id),
            account,
            addresses[account.id],
            [row.id for row in corrections.get(account.id, ())],
            sorted(documents.get(account.id, ()), key=lambda row: (row.sighted_at, row.id)),
            sorted(fed.get(account.id, ()), key=lambda row: row.name),
        )
        for account in accounts
        if account.id in addresses
    }


def fed_value(personal: PersonVault, row: FedFact) -> Fed:
    """The value of a fact that was told."""
    as_json = personal.open(_FED, "sealed_value", row.id, row.sealed_value)
    return msgspec.json.decode(as_json, type=bool | int)


_Row = TypeVar("_Row", PersonKey, Address, SightedDocument, FedFact, ChangeRequest)


async def _of(
    session: AsyncSession,
    model: type[_Row],
    account_ids: Sequence[UUID],
    *conditions: ColumnElement[bool],
) -> Sequence[_Row]:
    query = select(model).where(model.account_id.in_(account_ids), *conditions)
    return (await session.scalars(query)).all()


def _by_account(rows: Iterable[_Row]) -> Mapping[UUID, Sequence[_Row]]:
    found: dict[UUID, list[_Row]] = defaultdict(list)
    for row in rows:
        found[row.account_id].append(row)
    return found


def _evidence_of(seen: Iterable[tuple[SeenDocument, date]]) -> Iterable[Evidence]:
    for document, sighted in seen:
        found = _evidence(document, sighted)
        if found is not None:
            yield found


def _evidence(document: SeenDocument, sighted: date) -> Evidence | None:
    """A document without a date on it, such as a badge, counts from the day it was seen."""
    if document.proof not in _EVIDENCE:
        return None
    return Evidence(
        kind=document.kind,
        dated=document.dated_on or sighted,
        sighted=sighted,
        stated_until=document.expires_on,
    )
