"""Residents' accounts: registering, adding evidence, reading.

Personal data is opened only here, and whoever reads a person is recorded for that person to see.
"""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import assurance_records, audit, name_index, names, person_keys, sealed
from identity.actors import Actor, ActorKind, resident_actor
from identity.contacts import Channel, Contact, email_at
from identity.dates import london_date
from identity.details import (
    CheckedResident,
    NewResident,
    SelfAsserted,
    check_resident,
    check_self_asserted,
)
from identity.errors import InvalidDetails, NoSuchAccount, NotYourRecord
from identity.evidence import (
    SHOWS_BOTH,
    DocumentShown,
    Proof,
    SeenDocument,
    check_document,
    is_shown,
    shows_both,
)
from identity.models import Account, AccountState, Address, SightedDocument
from identity.numbers import new_account_number
from identity.personal import Vault
from identity.search import Match, matching, understood
from identity.trail_models import RecordRead

LONGEST_READ_REASON = 200


class KnownFacts(msgspec.Struct, frozen=True):
    """What the account knows that rules may decide on, and no more: no name, no address.

    What only the resident said of themselves is not known here: it decides nothing.

    Attributes:
        birth_date: date of birth; None until a document that proves identity was seen.
        district_code: district of the current address; None until a document was seen that proves
            an address, on a day when this one was current.
        resident_since: first day at that address, as far as the account knows.
        documents: every document sighted, oldest first.
        deceased: the account was closed by a report of death.
    """

    birth_date: date | None
    district_code: str | None
    resident_since: date
    documents: tuple[SeenDocument, ...]
    deceased: bool


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A resident's record, opened for somebody to read.

    Attributes:
        account_id: of the account.
        number: nine digits.
        given_names: may be empty.
        family_name: may be empty.
        birth_date: date of birth.
        email: empty when there is none.
        mobile: in international form; empty when there is none.
        address_lines: none when the address is masked.
        postcode: empty when the address is masked.
        district_code: of the current address; empty when it is masked.
        documents: every document sighted, oldest first.
        address_protected: only roles that need it are shown where they live.
        address_masked: this reader is not.
        closed: the resident is recorded as deceased.
    """

    account_id: UUID
    number: str
    given_names: str
    family_name: str
    birth_date: date
    email: str
    mobile: str
    address_lines: tuple[str, ...]
    postcode: str
    district_code: str
    documents: tuple[SeenDocument, ...]
    address_protected: bool
    address_masked: bool
    closed: bool

    @property
    def full_name(self) -> str:
        """The name as it is written in one line."""
        return names.full(self.given_names, self.family_name)


class InUse(msgspec.Struct, frozen=True):
    """A contact signs somebody else in, and an account of its own would take it from them."""

    contact: Contact


class Read(msgspec.Struct, frozen=True):
    """One look at a record: when, who and why, and in which assisted session if in one."""

    at: datetime
    who: str
    reason: str
    assisted_id: UUID | None = None


async def register(
    session: AsyncSession, vault: Vault, details: NewResident, *, actor: Actor, now: datetime
) -> Account:
    """Register a resident whose two documents the actor has seen.

    Raises:
        InvalidDetails: every fault of the form, by field; nothing is stored.
    """
    checked = check_resident(details, on=london_date(now))
    await refuse_shared_email(session, vault, checked.email)
    return await _open(session, vault, checked, actor=actor, now=now)


async def register_self(
    session: AsyncSession, vault: Vault, details: SelfAsserted, *, now: datetime
) -> Account | InUse:
    """Open an account for a resident who registers alone: nobody has seen a document of theirs.

    Their contacts were proved by codes. What they say of themselves decides no entitlement until a
    document has shown it: see `known_facts`.

    Returns:
        The account, or which of the contacts belongs to another.

    Raises:
        InvalidDetails: every fault, by field; nothing is stored.
    """
    checked = check_self_asserted(details, on=london_date(now))
    for channel, value in ((Channel.EMAIL, checked.email), (Channel.MOBILE, checked.mobile)):
        contact = Contact(channel, value)
        if value and await holder_of(session, vault, contact) is not None:
            return InUse(contact)
    return await _open(session, vault, checked, actor=None, now=now)


async def holder_of(session: AsyncSession, vault: Vault, contact: Contact) -> Account | None:
    """Whose contact it is; the account may be closed."""
    email = contact.channel is Channel.EMAIL
    column = Account.email_index if email else Account.mobile_index
    indexes = vault.blinds(contact.channel.value, contact.value)
    return await session.scalar(select(Account).where(column.in_(indexes)))


async def sight_document(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    shown: DocumentShown,
    proof: Proof,
    *,
    actor: Actor,
    now: datetime,
) -> SeenDocument:
    """Add a document that the actor has seen. It serves every scheme from now on.

    Raises:
        InvalidDetails: faults by part: `kind`, `dated_on`, `expires_on`.
        NoSuchAccount: no account with that id.
    """
    account = await _account(session, account_id)
    checked = check_document(shown, proof, on=london_date(now))
    if not isinstance(checked, SeenDocument):
        raise InvalidDetails(checked)
    if fault := assurance_records.fault_in_comparing(checked, actor):
        raise InvalidDetails({"photo": fault})
    if shows_both(checked, await documents(session, vault, account.id)):
        raise InvalidDetails({"kind": SHOWS_BOTH})
    personal = await person_keys.for_writing(session, vault, account.id)
    await assurance_records.keep(session, personal, checked, account.id, actor=actor, now=now)
    # The kind is left out: a benefit or disability letter is itself personal.
    subject = audit.subject_of("account", account.id)
    audit.record(session, "document-sighted", subject, actor=actor, now=now)
    return checked


async def person(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    *,
    actor: Actor,
    reason: str,
    now: datetime,
    sees_protected: bool = False,
) -> Person:
    """Open a resident's record for somebody else. The read is recorded and the resident sees it.

    Args:
        session: the transaction.
        vault: opens what is sealed.
        account_id: whose record.
        actor: who reads.
        reason: why, in words the resident sees.
        now: when.
        sees_protected: whether the reader is shown an address that is protected.

    Raises:
        InvalidDetails: `reason` is empty or too long.
        NoSuchAccount: no account with that id.
    """
    checked = _read_reason(reason)
    found = await _opened(session, vault, account_id, sees_protected=sees_protected)
    await note_read(session, account_id, actor=actor, reason=checked, now=now)
    return found


async def note_read(
    session: AsyncSession, account_id: UUID, *, actor: Actor, reason: str, now: datetime
) -> None:
    """Write down that somebody looked at something of a resident's, for the resident to see.

    Raises:
        InvalidDetails: `reason` is empty or too long.
    """
    checked = _read_reason(reason)
    session.add(
        RecordRead(
            account_id=account_id,
            at=now,
            actor_kind=actor.kind,
            actor_id=actor.id,
            actor_label=actor.label,
            reason=checked,
            assisted_id=actor.basis.assisted_id if actor.basis else None,
        )
    )
    await session.flush()


def _read_reason(reason: str) -> str:
    tidied = names.tidy(reason)
    if not tidied or len(tidied) > LONGEST_READ_REASON or not names.is_printable(tidied):
        raise InvalidDetails({"reason": "Say in a few words why you need to see this record"})
    return tidied


async def own_record(
    session: AsyncSession, vault: Vault, account_id: UUID, *, actor: Actor
) -> Person:
    """Open a record for the resident whose it is.

    Raises:
        NotYourRecord: the actor is anybody else.
        NoSuchAccount: no account with that id.
    """
    if actor.kind is not ActorKind.RESIDENT or actor.id != str(account_id):
        raise NotYourRecord("Only the resident themselves may open a record this way.")
    return await _opened(session, vault, account_id, sees_protected=True)


async def known_facts(session: AsyncSession, vault: Vault, account_id: UUID) -> KnownFacts:
    """What rules may decide on. Nobody reads it, so no read is recorded; the decision is.

    Raises:
        NoSuchAccount: no account with that id.
    """
    account = await _account(session, account_id)
    address = await _current_address(session, account_id)
    personal = await person_keys.for_reading(session, vault, account_id)
    rows = await _document_rows(session, account_id)
    seen = [(sealed.document_of(personal, row), london_date(row.sighted_at)) for row in rows]
    born = is_shown(Proof.IDENTITY, seen)
    home = is_shown(Proof.ADDRESS, seen, since=address.valid_from)
    return KnownFacts(
        birth_date=sealed.birth_date_of(personal, account) if born else None,
        district_code=address.district_code if home else None,
        resident_since=address.valid_from,
        documents=tuple(document for document, _ in seen),
        deceased=account.state is AccountState.CLOSED,
    )


async def documents(
    session: AsyncSession, vault: Vault, account_id: UUID
) -> tuple[SeenDocument, ...]:
    """Every document sighted for a resident, oldest first."""
    rows = await _document_rows(session, account_id)
    personal = await person_keys.for_reading(session, vault, account_id)
    return tuple(sealed.document_of(personal, row) for row in rows)


async def reads_of(session: AsyncSession, account_id: UUID) -> tuple[Read, ...]:
    """Who looked at a resident's record, newest first."""
    rows = await session.scalars(
        select(RecordRead)
        .where(RecordRead.account_id == account_id)
        .order_by(RecordRead.at.desc(), RecordRead.id)
    )
    return tuple(
        Read(row.at, row.actor_label or row.actor_kind.value, row.reason, row.assisted_id)
        for row in rows
    )


async def find(
    session: AsyncSession,
    vault: Vault,
    query: str,
    *,
    actor: Actor,
    now: datetime,
    sees_protected: bool = False,
) -> tuple[Match, ...]:
    """Find residents by account number, or by name, birth date and full postcode together.

    Any part of a name will do, with typing errors or as a nickname. The search is recorded: what it
    was taken for and whom it showed, not what was typed. A protected address finds nobody, and is
    masked in what is found, unless `sees_protected`.

    Returns:
        At most 50 matches, the likest first.

    Raises:
        InvalidDetails: `query` holds nothing to look for, or too much.
    """
    asked = understood(query)
    matches = await matching(session, vault, asked, sees_protected=sees_protected)
    audit.record(
        session,
        "residents-searched",
        audit.subject_of(actor.kind.value, actor.id),
        actor=actor,
        now=now,
        detail={
            "by": asked.searched_by.value,
            "shown": [str(match.account_id) for match in matches],
        },
    )
    return matches


async def refuse_shared_email(session: AsyncSession, vault: Vault, email: str) -> None:
    """An address signs one person in, so two accounts cannot share it.

    Raises:
        InvalidDetails: `email` is another account's.
    """
    if email and await holder_of(session, vault, email_at(email)):
        raise InvalidDetails(
            {"email": "Another account uses this e-mail address. Enter another or leave it empty"}
        )


async def _open(
    session: AsyncSession,
    vault: Vault,
    checked: CheckedResident,
    *,
    actor: Actor | None,
    now: datetime,
) -> Account:
    """Store an account; without an actor, the resident whose it is acts for themselves."""
    number = await _unused_number(session)
    account, key, personal = sealed.new_account(vault, checked, number, now)
    actor = actor or resident_actor(account.id, number)
    session.add(account)
    await session.flush()
    session.add(key)
    on = london_date(now)
    session.add(sealed.new_address(vault, personal, checked.address, account.id, on))
    for document in checked.documents:
        await assurance_records.keep(session, personal, document, account.id, actor=actor, now=now)
    name = checked.given_names, checked.family_name
    await name_index.add(session, vault, {account.id: name})
    audit.record(
        session,
        "account-registered",
        audit.subject_of("account", account.id),
        actor=actor,
        now=now,
        detail={
            "district": checked.address.district_code,
            "district_basis": checked.address.district_basis.value,
        },
    )
    return account


async def _opened(
    session: AsyncSession, vault: Vault, account_id: UUID, *, sees_protected: bool
) -> Person:
    account = await _account(session, account_id)
    address = await _current_address(session, account_id)
    personal = await person_keys.for_reading(session, vault, account_id)
    given_names, family_name = sealed.names_of(personal, account)
    masked = account.address_protected and not sees_protected
    return Person(
        account_id=account.id,
        number=account.number,
        given_names=given_names,
        family_name=family_name,
        birth_date=sealed.birth_date_of(personal, account),
        email=sealed.email_of(personal, account),
        mobile=sealed.mobile_of(personal, account),
        address_lines=() if masked else sealed.lines_of(personal, address),
        postcode="" if masked else sealed.postcode_of(personal, address),
        district_code="" if masked else address.district_code,
        documents=await documents(session, vault, account_id),
        address_protected=account.address_protected,
        address_masked=masked,
        closed=account.state is AccountState.CLOSED,
    )


async def _account(session: AsyncSession, account_id: UUID) -> Account:
    account = await session.get(Account, account_id)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    person_keys.refuse_erased(account)
    return account


async def _document_rows(session: AsyncSession, account_id: UUID) -> Sequence[SightedDocument]:
    rows = await session.scalars(
        select(SightedDocument)
        .where(SightedDocument.account_id == account_id)
        .order_by(SightedDocument.sighted_at, SightedDocument.id)
    )
    return rows.all()


async def _current_address(session: AsyncSession, account_id: UUID) -> Address:
    current = select(Address).where(Address.account_id == account_id, Address.valid_to.is_(None))
    return (await session.scalars(current)).one()


async def _unused_number(session: AsyncSession) -> str:
    while True:
        number = new_account_number()
        if await session.scalar(select(Account.id).where(Account.number == number)) is None:
            return number
