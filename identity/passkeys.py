"""Residents and staff sign in with a passkey: nothing to type, to phish or to learn.

A challenge is ours by its MAC and good for five minutes; it is written down when it is answered,
so that looking at a page writes nothing and no answer is taken twice.
Source: W3C Web Authentication Level 3, sections 7.1 and 7.2; OWASP ASVS 5.0, 6.3.3.
"""

import hmac
import secrets
import struct
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final
from uuid import UUID

import msgspec
import webauthn
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession
from webauthn.helpers import (
    parse_authentication_credential_json,
    parse_client_data_json,
    parse_registration_credential_json,
)
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from identity import audit, notices
from identity.actors import Actor
from identity.devices import Owner
from identity.models import Account, AccountState, StaffMember
from identity.personal import Vault
from identity.signin_models import Passkey, SpentChallenge

CHALLENGE_LIFE: Final = timedelta(minutes=5)
MOST: Final = 20
LONGEST_ANSWER: Final = 20_000
_NAME: Final = "Kent Card"
_HEAD: Final = struct.Struct(">16sQ")
_MAC: Final = 32
_SIGN_IN: Final = "sign-in"
_ADDED: Final = (
    "A passkey was added to your Kent Card account. Whoever holds the device it is on can sign in "
    "with it."
)
_REMOVED: Final = (
    "A passkey was removed from your Kent Card account. It does not open the account any more."
)


class RelyingParty(msgspec.Struct, frozen=True):
    """Whom a passkey is for.

    Attributes:
        id: host name of the server.
        origin: scheme, host and port, as browsers write it.
    """

    id: str
    origin: str


class PasskeyRefused(msgspec.Struct, frozen=True):
    """The passkey showed nothing: not ours, too late, used before, or broken. Not said which."""


REFUSED: Final = PasskeyRefused()


async def of_owner(session: AsyncSession, owner: Owner) -> tuple[Passkey, ...]:
    """The passkeys of a resident or member of staff, oldest first."""
    own = select(Passkey).where(_is_theirs(owner)).order_by(Passkey.created_at)
    return tuple(await session.scalars(own))


async def creation_options(
    session: AsyncSession, vault: Vault, owner: Owner, party: RelyingParty, *, now: datetime
) -> str:
    """What somebody's browser needs to make a passkey, as JSON."""
    own = await of_owner(session, owner)
    options = webauthn.generate_registration_options(
        rp_id=party.id,
        rp_name=_NAME,
        user_id=owner.id.bytes,
        user_name=_user_name(owner),
        challenge=_challenge(vault, _adding(owner.id), now),
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=key.credential_id) for key in own],
    )
    return webauthn.options_to_json(options)


async def add(
    session: AsyncSession,
    vault: Vault,
    owner: Owner,
    answer: str,
    name: str,
    *,
    party: RelyingParty,
    actor: Actor,
    now: datetime,
) -> Passkey | PasskeyRefused:
    """Keep the passkey that a browser made for them."""
    if len(answer) > LONGEST_ANSWER or len(await of_owner(session, owner)) >= MOST:
        return REFUSED
    try:
        credential = parse_registration_credential_json(answer)
        challenge = parse_client_data_json(credential.response.client_data_json).challenge
        if not await _spend(session, vault, _adding(owner.id), challenge, now):
            return REFUSED
        verified = webauthn.verify_registration_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            require_user_verification=True,
        )
    except _BROKEN:
        return REFUSED
    if await _with_credential(session, verified.credential_id) is not None:
        return REFUSED
    resident = isinstance(owner, Account)
    passkey = Passkey(
        account_id=owner.id if resident else None,
        staff_id=None if resident else owner.id,
        credential_id=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        name=name,
        created_at=now,
    )
    session.add(passkey)
    await session.flush()
    subject = _subject(owner)
    audit.record(session, "passkey-added", subject, actor=actor, now=now)
    if isinstance(owner, Account):
        await notices.tell_sign_in_changed(session, vault, owner, _ADDED, now=now)
    return passkey


async def remove(
    session: AsyncSession,
    vault: Vault,
    owner: Owner,
    passkey_id: UUID,
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    """Forget one of somebody's passkeys. False: there is none of theirs with that id."""
    removing = (
        delete(Passkey).where(Passkey.id == passkey_id, _is_theirs(owner)).returning(Passkey.id)
    )
    if (await session.execute(removing)).scalar_one_or_none() is None:
        return False
    audit.record(session, "passkey-removed", _subject(owner), actor=actor, now=now)
    if isinstance(owner, Account):
        await notices.tell_sign_in_changed(session, vault, owner, _REMOVED, now=now)
    return True


def request_options(vault: Vault, party: RelyingParty, *, now: datetime) -> str:
    """What any browser needs to show a passkey, as JSON: the same for everybody."""
    options = webauthn.generate_authentication_options(
        rp_id=party.id,
        challenge=_challenge(vault, _SIGN_IN, now),
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return webauthn.options_to_json(options)


async def shown(
    session: AsyncSession, vault: Vault, answer: str, *, party: RelyingParty, now: datetime
) -> Account | PasskeyRefused:
    """Which resident's passkey a browser showed."""
    passkey = await _shown(session, vault, answer, party=party, now=now)
    if isinstance(passkey, PasskeyRefused) or passkey.account_id is None:
        return REFUSED
    account = await session.get(Account, passkey.account_id)
    return account if account and account.state is AccountState.ACTIVE else REFUSED


async def shown_by_staff(
    session: AsyncSession, vault: Vault, answer: str, *, party: RelyingParty, now: datetime
) -> StaffMember | PasskeyRefused:
    """Which member of staff's passkey a browser showed."""
    passkey = await _shown(session, vault, answer, party=party, now=now)
    if isinstance(passkey, PasskeyRefused) or passkey.staff_id is None:
        return REFUSED
    staff = await session.get(StaffMember, passkey.staff_id)
    return staff if staff and staff.active else REFUSED


async def _shown(
    session: AsyncSession, vault: Vault, answer: str, *, party: RelyingParty, now: datetime
) -> Passkey | PasskeyRefused:
    if len(answer) > LONGEST_ANSWER:
        return REFUSED
    try:
        credential = parse_authentication_credential_json(answer)
        challenge = parse_client_data_json(credential.response.client_data_json).challenge
        passkey = await _with_credential(session, credential.raw_id)
        if passkey is None or not await _spend(session, vault, _SIGN_IN, challenge, now):
            return REFUSED
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=challenge,
            expected_rp_id=party.id,
            expected_origin=party.origin,
            credential_public_key=passkey.public_key,
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except _BROKEN:
        return REFUSED
    passkey.sign_count, passkey.last_used_at = verified.new_sign_count, now
    return passkey


# What the library raises for an answer that a browser would not send.
_BROKEN: Final = (
    WebAuthnException,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    RecursionError,
)


async def _with_credential(session: AsyncSession, credential_id: bytes) -> Passkey | None:
    """The passkey, held by this transaction: its counter is judged and then set."""
    held = select(Passkey).where(Passkey.credential_id == credential_id).with_for_update()
    return await session.scalar(held)


def _is_theirs(owner: Owner) -> ColumnElement[bool]:
    column = Passkey.account_id if isinstance(owner, Account) else Passkey.staff_id
    return column == owner.id


def _subject(owner: Owner) -> str:
    return audit.subject_of("account" if isinstance(owner, Account) else "staff", owner.id)


def _user_name(owner: Owner) -> str:
    """Synchronised to a provider: of a resident no name and no address."""
    return f"Account {owner.number}" if isinstance(owner, Account) else owner.username


def _adding(account_id: UUID) -> str:
    return f"add:{account_id}"


def _challenge(vault: Vault, purpose: str, now: datetime) -> bytes:
    head = _HEAD.pack(secrets.token_bytes(16), int((now + CHALLENGE_LIFE).timestamp()))
    return head + vault.blind("passkey-challenge", f"{purpose}:{head.hex()}")


async def _spend(
    session: AsyncSession, vault: Vault, purpose: str, challenge: bytes, now: datetime
) -> bool:
    """Use a challenge up. False: it is not ours, not for this, too old, or was answered before."""
    head, mac = challenge[: _HEAD.size], challenge[_HEAD.size :]
    if len(challenge) != _HEAD.size + _MAC:
        return False
    macs = vault.blinds("passkey-challenge", f"{purpose}:{head.hex()}")
    expires_at = datetime.fromtimestamp(_HEAD.unpack(head)[1], UTC)
    if not any(hmac.compare_digest(mac, each) for each in macs) or expires_at <= now:
        return False
    await session.execute(delete(SpentChallenge).where(SpentChallenge.expires_at <= now))
    on_sqlite = session.get_bind().dialect.name == "sqlite"
    insert: Any = sqlite.insert if on_sqlite else postgresql.insert
    spending = (
        insert(SpentChallenge)
        .values(challenge_hash=sha256(challenge).digest(), expires_at=expires_at)
        .on_conflict_do_nothing()
        .returning(SpentChallenge.challenge_hash)
    )
    return (await session.execute(spending)).scalar_one_or_none() is not None
