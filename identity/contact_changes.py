"""Residents change where they can be reached; the new address or number is proved by a code first.

Whether somebody else uses it is said only to who proved that it is theirs to read. The address
from before is told, and every other sign-in ends.
Source: OWASP ASVS 5.0, 6.3.7 (notice of changed details), 7.4.3 and 7.5.1.
"""

from datetime import datetime, timedelta
from typing import Final

import msgspec
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import accounts, audit, codes, open_sessions, outbox, passkeys, person_keys, sealed
from identity.accounts import InUse
from identity.codes import CodeRefused
from identity.contacts import Channel, CodeUse, Contact
from identity.errors import NoSuchAccount
from identity.models import Account
from identity.personal import Vault
from identity.sessions import SignedInSession
from identity.signin_models import OneTimeCode

MOST_IN_AN_HOUR: Final = 20
"""Codes of all sorts that one account may cause: each text message costs the council."""
_HOUR: Final = timedelta(hours=1)


class Changed(msgspec.Struct, frozen=True):
    """It is done."""


class OnlyWayIn(msgspec.Struct, frozen=True):
    """Without the number, its owner could not sign in any more."""


async def ask(
    session: AsyncSession, vault: Vault, own: SignedInSession, to: Contact, *, now: datetime
) -> None:
    """Send a code to the new address or number of whoever is signed in."""
    recent = await session.scalar(
        select(func.count())
        .select_from(OneTimeCode)
        .where(OneTimeCode.account_id == own.subject_id, OneTimeCode.created_at > now - _HOUR)
    )
    if (recent or 0) >= MOST_IN_AN_HOUR:
        return
    await codes.send(session, vault, to, CodeUse.PROVE, account_id=own.subject_id, now=now)
    detail = {"channel": to.channel.value}
    subject = audit.subject_of("account", own.subject_id)
    audit.record(session, "contact-code-sent", subject, actor=own.actor, now=now, detail=detail)


async def change(
    session: AsyncSession,
    vault: Vault,
    own: SignedInSession,
    to: Contact,
    code: str,
    *,
    now: datetime,
) -> Changed | InUse | CodeRefused:
    """Take the code, and the address or number with it, for whoever is signed in.

    A try is counted whatever comes of it, so the caller commits a refusal as well.
    """
    taken = await codes.take(session, vault, to, CodeUse.PROVE, code, now=now)
    if isinstance(taken, CodeRefused):
        return taken
    account = await _locked(session, own)
    holder = await accounts.holder_of(session, vault, to)
    if holder is not None and holder.id != account.id:
        return InUse(to)
    personal = await person_keys.for_writing(session, vault, account.id)
    before = sealed.contact_of(personal, account)
    for column, value in sealed.contact_columns(vault, personal, account.id, to).items():
        setattr(account, column, value)
    if to.channel is Channel.EMAIL:
        account.email_proved_at = now
    await session.flush()
    await _tell(session, vault, own, to.channel, before, now=now)
    return Changed()


async def remove_mobile(
    session: AsyncSession, vault: Vault, own: SignedInSession, *, now: datetime
) -> Changed | OnlyWayIn:
    """Forget the number of whoever is signed in, if they can still sign in without it."""
    account = await _locked(session, own)
    if account.email_index is None and not await passkeys.of_owner(session, account):
        return OnlyWayIn()
    if account.mobile_index is not None:
        before = sealed.contact_of(
            await person_keys.for_reading(session, vault, account.id), account
        )
        account.sealed_mobile = account.mobile_index = None
        await session.flush()
        await _tell(session, vault, own, Channel.MOBILE, before, now=now)
    return Changed()


async def _locked(session: AsyncSession, own: SignedInSession) -> Account:
    account = await session.get(
        Account, own.subject_id, with_for_update=True, populate_existing=True
    )
    if account is None:
        raise NoSuchAccount("The account of a session is gone.")
    return account


async def _tell(
    session: AsyncSession,
    vault: Vault,
    own: SignedInSession,
    channel: Channel,
    before: Contact | None,
    *,
    now: datetime,
) -> None:
    """End every other sign-in, and tell whoever reads what went to them before."""
    await open_sessions.end_others(session, own, now=now)
    if before is not None:
        outbox.queue(session, vault, before.value, "contact-changed", _NOTICES[channel], now=now)
    detail = {"channel": channel.value}
    subject = audit.subject_of("account", own.subject_id)
    audit.record(session, "contact-changed", subject, actor=own.actor, now=now, detail=detail)


_IF_NOT_YOU: Final = "If it was not you, tell a member of staff at a Kent Gateway or library."
_NOTICES: Final = {
    Channel.EMAIL: f"The e-mail address of your Kent Card account was changed.\n\n{_IF_NOT_YOU}",
    Channel.MOBILE: f"The mobile number of your Kent Card account was changed.\n\n{_IF_NOT_YOU}",
}
