"""Residents sign in with a code sent to their e-mail address or mobile number.

Known and unknown contacts are answered alike, by the same work in the same order: a code is made,
counted and queued for either. An e-mail address without an account gets its code too, because with
it a registration begins. What would go to the number of nobody we know, or to an account that was
closed, is queued as withheld and never leaves.
"""

from datetime import datetime
from typing import Final

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from identity import (
    accounts,
    audit,
    authenticator,
    codes,
    person_keys,
    resident_factor,
    sealed,
    sessions,
)
from identity.actors import SYSTEM
from identity.codes import CODE_LIFE, CodeRefused, CodeSent, WhyCodeRefused
from identity.contacts import Channel, CodeUse, Contact, email_at
from identity.devices import Browser
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.resident_factor import CodeNeeded
from identity.sessions import SignedIn, SignedInSession
from identity.signin_models import SignInMethod

METHODS: Final = {
    Channel.EMAIL: SignInMethod.EMAIL_CODE,
    Channel.MOBILE: SignInMethod.MOBILE_CODE,
}


class NoAccount(msgspec.Struct, frozen=True):
    """The code was right, and nobody has an account with that contact."""

    contact: Contact


async def send_code(
    session: AsyncSession,
    vault: Vault,
    email: str,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> CodeSent:
    """Send a new code to an e-mail address, as `send_code_to` does."""
    return await send_code_to(session, vault, email_at(email), browser=browser, now=now)


async def send_code_to(
    session: AsyncSession,
    vault: Vault,
    to: Contact,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> CodeSent:
    """Send a new code, with which somebody signs in or, by e-mail, begins to register.

    What is answered, and what is done for it, is the same whether or not there is an account.
    """
    account = await accounts.holder_of(session, vault, to)
    sent = await codes.send(
        session,
        vault,
        to,
        CodeUse.SIGN_IN,
        account_id=account.id if account else None,
        browser=browser,
        address=None if _may_be_sent(account, to) else "",
        now=now,
    )
    if sent is None:
        return CodeSent(now + CODE_LIFE)
    subject = audit.subject_of("account", account.id if account else "unknown")
    detail = {"channel": to.channel.value}
    audit.record(session, "sign-in-code-sent", subject, actor=SYSTEM, now=now, detail=detail)
    return sent


async def redeem_code(
    session: AsyncSession,
    vault: Vault,
    email: str,
    code: str,
    *,
    browser: Browser,
    now: datetime,
) -> SignedIn | CodeNeeded | NoAccount | CodeRefused:
    """Sign a resident in with the newest code of their e-mail address, as `redeem` does."""
    return await redeem(session, vault, email_at(email), code, browser=browser, now=now)


async def redeem(
    session: AsyncSession, vault: Vault, to: Contact, code: str, *, browser: Browser, now: datetime
) -> SignedIn | CodeNeeded | NoAccount | CodeRefused:
    """Sign a resident in with the newest code sent to them, once; or ask for one of their app.

    A try is counted whatever comes of it, so the caller commits a refusal as well.
    """
    use = CodeUse.SIGN_IN
    taken = await codes.take(session, vault, to, use, code, browser=browser, now=now)
    if isinstance(taken, CodeRefused):
        return taken
    account = await accounts.holder_of(session, vault, to)
    if account is None:
        return NoAccount(to)
    if account.state is not AccountState.ACTIVE:
        return CodeRefused(WhyCodeRefused.WRONG)
    method = METHODS[to.channel]
    return await resident_factor.after_first(session, vault, account, method, browser, now=now)


async def send_proof_code(
    session: AsyncSession,
    vault: Vault,
    own: SignedInSession,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> None:
    """Send a code to whoever is signed in, where their account says they can be reached."""
    contact = await contact_of(session, vault, own)
    if contact:
        await send_code_to(session, vault, contact, browser=browser, now=now)


async def prove_by_code(
    session: AsyncSession,
    vault: Vault,
    own: SignedInSession,
    token: str,
    code: str,
    *,
    browser: Browser | None = None,
    now: datetime,
) -> str | CodeRefused:
    """Take a code as a fresh proof of whoever is signed in. Returns their session's new token.

    A try is counted whatever comes of it, so the caller commits a refusal as well.
    """
    contact = await contact_of(session, vault, own)
    if contact is None:
        return CodeRefused(WhyCodeRefused.NO_LONGER_VALID)
    use = CodeUse.SIGN_IN
    taken = await codes.take(session, vault, contact, use, code, browser=browser, now=now)
    if isinstance(taken, CodeRefused):
        return taken
    proof = METHODS[contact.channel]
    renewed = await sessions.rotate(session, token, proof=proof, now=now)
    return renewed if isinstance(renewed, str) else CodeRefused(WhyCodeRefused.NO_LONGER_VALID)


async def contact_of(session: AsyncSession, vault: Vault, own: SignedInSession) -> Contact | None:
    """Where a code goes that shows who is signed in; whoever has an app shows that instead."""
    account = await session.get(Account, own.subject_id)
    if account is None or await authenticator.has(session, account):
        return None
    return sealed.contact_of(await person_keys.for_reading(session, vault, account.id), account)


def _may_be_sent(account: Account | None, to: Contact) -> bool:
    if account is None:
        return to.channel is Channel.EMAIL
    return account.state is AccountState.ACTIVE
