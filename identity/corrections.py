"""A name or birth date that is wrong or has changed: shown by a document, decided by two people."""

from datetime import date, datetime
from uuid import UUID

import msgspec
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from identity import assurance_records, audit, four_eyes, name_index, person_keys, sealed
from identity.actors import Actor
from identity.dates import london_date
from identity.details import check_birth_date, check_names
from identity.errors import InvalidDetails, NoSuchAccount, WrongAccountState
from identity.evidence import DocumentShown, Proof, SeenDocument, check_document
from identity.models import Account, AccountState, ChangeRequest, RequestKind
from identity.personal import Vault


class Correction(msgspec.Struct, frozen=True, kw_only=True):
    """The form as it was filled in: the whole name and birth date as they should be.

    Attributes:
        given_names: may be empty when there is a family name.
        family_name: may be empty when there are given names.
        birth_date: a date, or text as typed.
        document: shows who they are, with these names and this date.
    """

    given_names: str
    family_name: str
    birth_date: date | str
    document: DocumentShown


class CorrectionAsked(msgspec.Struct, frozen=True):
    """The same without a fault, as a request keeps it."""

    given_names: str
    family_name: str
    birth_date: date
    document: SeenDocument


async def request(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    typed: Correction,
    *,
    actor: Actor,
    now: datetime,
) -> ChangeRequest:
    """Ask for a correction. The document is recorded as sighted; the name is as it was.

    Raises:
        InvalidDetails: every fault of the form, by field; nothing is stored.
        NoSuchAccount: no account with that id.
        RequestWaits: another request for the account waits already.
        WrongAccountState: the resident is recorded as deceased.
    """
    account = await session.get(Account, account_id)
    if account is None:
        raise NoSuchAccount("There is no such account.")
    person_keys.refuse_erased(account)
    if account.state is not AccountState.ACTIVE:
        raise WrongAccountState("This resident is recorded as deceased.")
    asked = _checked(typed, london_date(now))
    if fault := assurance_records.fault_in_comparing(asked.document, actor):
        raise InvalidDetails({"document.photo": fault})
    kind = RequestKind.CORRECTION
    made = await four_eyes.ask(session, vault, account_id, kind, asked, actor=actor, now=now)
    personal = await person_keys.for_writing(session, vault, account_id)
    await assurance_records.keep(
        session, personal, asked.document, account_id, actor=actor, now=now
    )
    return made


async def apply(
    session: AsyncSession, vault: Vault, approved: ChangeRequest, *, actor: Actor, now: datetime
) -> None:
    """Make an approved correction, in every index too."""
    account_id = approved.account_id
    asked = await asked_of(session, vault, approved)
    personal = await person_keys.for_writing(session, vault, account_id)
    columns = sealed.sealed_person(
        vault, personal, account_id, asked.given_names, asked.family_name, asked.birth_date
    )
    await session.execute(update(Account).where(Account.id == account_id).values(**columns))
    await name_index.replace(
        session,
        vault,
        account_id,
        given_names=asked.given_names,
        family_name=asked.family_name,
    )
    subject = audit.subject_of("account", account_id)
    audit.record(session, "account-corrected", subject, actor=actor, now=now)


async def asked_of(session: AsyncSession, vault: Vault, made: ChangeRequest) -> CorrectionAsked:
    """What a request for a correction asks."""
    as_json = await four_eyes.what_is_asked(session, vault, made)
    return msgspec.json.decode(as_json, type=CorrectionAsked)


def _checked(typed: Correction, on: date) -> CorrectionAsked:
    faults: dict[str, str] = {}
    given_names, family_name = check_names(typed.given_names, typed.family_name, faults)
    birth_date = check_birth_date(typed.birth_date, on, faults)
    document = check_document(typed.document, Proof.IDENTITY, on=on)
    if not isinstance(document, SeenDocument):
        faults.update({f"document.{part}": fault for part, fault in document.items()})
        raise InvalidDetails(faults)
    if faults or birth_date is None:
        raise InvalidDetails(faults)
    return CorrectionAsked(given_names, family_name, birth_date, document)
