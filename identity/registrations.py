"""Residents register themselves: an e-mail address is proved, questions are answered, one by one.

What is typed is kept, sealed, behind a cookie for a day, so that nothing is lost by an error, a
closed page or a long pause; after half an hour without use the e-mail address is proved again
before anything of it is shown. Nothing here says whether somebody is known: that is looked for
afterwards, by the worker (`identity.duplicates`).
"""

import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Final

import msgspec
from sqlalchemy import ColumnElement, delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from identity import accounts, codes, devices, outbox, resident_factor
from identity.accounts import InUse
from identity.codes import CodeRefused
from identity.contacts import Channel, CodeUse, Contact, email_at
from identity.dates import age_on, london_date, parse_date
from identity.db import new_id
from identity.details import SelfAsserted
from identity.devices import Browser
from identity.errors import BadMobile, InvalidDetails
from identity.mobiles import normalise_mobile
from identity.models import Account, AccountState
from identity.personal import Vault
from identity.resident_factor import CodeNeeded
from identity.sessions import SignedIn
from identity.signin_models import PendingRegistration, SignInMethod

KEPT: Final = timedelta(hours=24)
IDLE: Final = timedelta(minutes=30)
AGAIN: Final = timedelta(minutes=1)
"""A form that was sent twice arrives twice within this time; the second is signed in as well."""
FIELDS: Final = (
    *("given_names", "family_name"),
    *("birth_date-day", "birth_date-month", "birth_date-year"),
    *("address_lines", "address_line_2", "town", "postcode"),
    "mobile",
)
LONGEST_KEPT: Final = 1000
"""Characters kept of one field: more than any may have, so that what is too long is shown again."""
_TABLE: Final = PendingRegistration.__tablename__


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A registration under way.

    Attributes:
        email: the address it is for, in the spelling it is found by.
        typed: what was typed so far, by field of `FIELDS`.
        mobile: the number that was proved, in international form; empty when there is none.
        is_proved: the e-mail address was proved, and the browser used since.
    """

    email: str
    typed: Mapping[str, str]
    mobile: str
    is_proved: bool


class NoRegistration(msgspec.Struct, frozen=True):
    """No registration is under way at this browser, or it was forgotten."""


class TooYoung(msgspec.Struct, frozen=True):
    """Somebody under the age at which residents register alone."""


class Faulty(msgspec.Struct, frozen=True):
    """What was typed has faults, by field; nothing was stored."""

    faults: Mapping[str, str]


class EmailClosed(msgspec.Struct, frozen=True):
    """The e-mail address belongs to an account that nobody may use."""


Finished = SignedIn | CodeNeeded | NoRegistration | TooYoung | Faulty | EmailClosed


class _Answers(msgspec.Struct, frozen=True):
    """What is sealed."""

    email: str
    typed: dict[str, str] = {}
    mobile: str = ""
    texts: int = 0


async def begin(
    session: AsyncSession, vault: Vault, email: str, *, token: str = "", now: datetime
) -> str:
    """Begin, or go on with what this browser began for the same address.

    Returns:
        The token for the cookie.
    """
    email = email_at(email).value
    row = await _row(session, token, now=now)
    if row is not None and row.account_id is None and _answers(vault, row).email == email:
        return token
    return _add(session, vault, _Answers(email), now)


async def begin_proved(session: AsyncSession, vault: Vault, email: str, *, now: datetime) -> str:
    """Begin for an address that a code proved at sign-in. Returns the token for the cookie."""
    return _add(session, vault, _Answers(email_at(email).value), now, proved_at=now)


async def look_up(
    session: AsyncSession, vault: Vault, token: str, *, now: datetime
) -> Pending | NoRegistration:
    """The registration behind a cookie."""
    row = await _row(session, token, now=now)
    if row is None or row.account_id is not None:
        return NoRegistration()
    answers = _answers(vault, row)
    return Pending(
        email=answers.email,
        typed=answers.typed,
        mobile=_proved_mobile(answers),
        is_proved=_is_proved(row, now),
    )


async def prove(session: AsyncSession, token: str, *, now: datetime) -> str | NoRegistration:
    """The e-mail address was proved by a code. Returns the cookie's new token."""
    row = await _row(session, token, now=now, lock=True)
    if row is None:
        return NoRegistration()
    renewed = secrets.token_urlsafe(32)
    row.token_hash, row.proved_at, row.seen_at = _hash(renewed), now, now
    await session.flush()
    return renewed


async def keep(
    session: AsyncSession, vault: Vault, token: str, typed: Mapping[str, str], *, now: datetime
) -> Pending | NoRegistration:
    """Keep what was typed, right or wrong, proved or not. Returns the registration with it."""
    row = await _row(session, token, now=now, lock=True)
    if row is None or row.account_id is not None:
        return NoRegistration()
    answers = _answers(vault, row)
    new = {field: typed[field][:LONGEST_KEPT] for field in FIELDS if field in typed}
    _seal(vault, row, msgspec.structs.replace(answers, typed={**answers.typed, **new}))
    if _is_proved(row, now):
        row.seen_at = now
    await session.flush()
    return await look_up(session, vault, token, now=now)


async def ask_mobile(
    session: AsyncSession, vault: Vault, token: str, number: Contact, *, now: datetime
) -> None:
    """Send a code to a number; of one registration at most five, for each costs the council."""
    row = await _row(session, token, now=now, lock=True)
    if row is None:
        return
    answers = _answers(vault, row)
    if answers.texts < codes.MOST_CODES:
        _seal(vault, row, msgspec.structs.replace(answers, texts=answers.texts + 1))
        await codes.send(session, vault, number, CodeUse.PROVE, now=now)


async def prove_mobile(
    session: AsyncSession, vault: Vault, token: str, number: Contact, code: str, *, now: datetime
) -> InUse | CodeRefused | None:
    """Take a code that went to the number as proof of it. None: the number is theirs.

    A try is counted whatever comes of it, so the caller commits a refusal as well.
    """
    taken = await codes.take(session, vault, number, CodeUse.PROVE, code, now=now)
    if isinstance(taken, CodeRefused):
        return taken
    if await accounts.holder_of(session, vault, number) is not None:
        return InUse(number)
    row = await _row(session, token, now=now, lock=True)
    if row is not None:
        _seal(vault, row, msgspec.structs.replace(_answers(vault, row), mobile=number.value))
        await session.flush()
    return None


async def finish(
    session: AsyncSession,
    vault: Vault,
    token: str,
    details: SelfAsserted,
    *,
    least_age: int,
    browser: Browser,
    now: datetime,
) -> Finished:
    """Make the account, and sign its resident in.

    Args:
        session: the transaction.
        vault: seals.
        token: from the cookie.
        details: what was typed; the contacts are those that were proved, whatever it says.
        least_age: years at which somebody may register alone.
        browser: which one they use; it is known from now on.
        now: when.
    """
    row = await _row(session, token, now=now, lock=True)
    if row is None or not _is_proved(row, now):
        return NoRegistration()
    if row.account_id is not None:
        return await _again(session, vault, row, browser, now=now)
    answers = _answers(vault, row)
    born = parse_date(str(details.birth_date))
    if born is not None and is_too_young(born, least_age, now=now):
        return TooYoung()
    reached = msgspec.structs.replace(details, email=answers.email, mobile=_proved_mobile(answers))
    made = await _register(session, vault, reached, now=now)
    if isinstance(made, InUse):
        return await _in_use(session, vault, made, browser, now=now)
    if isinstance(made, Faulty):
        return made
    row.account_id, row.finished_at = made.id, now
    _seal(vault, row, _Answers(""))
    await session.flush()
    return await _welcome(session, vault, made, reached, browser, now=now)


def is_too_young(born: date, least_age: int, *, now: datetime) -> bool:
    """Whether somebody is too young to register alone; a date to come is another fault."""
    return 0 <= age_on(london_date(now), born) < least_age


def over() -> ColumnElement[bool]:
    """Those that nothing waits for: without an account, or with one that was compared."""
    return PendingRegistration.account_id.is_(None) | PendingRegistration.compared_at.is_not(None)


async def forget_expired(session: AsyncSession, *, now: datetime) -> int:
    """Forget what was typed a day ago, except what still waits to be compared. How many."""
    forgetting = delete(PendingRegistration).where(PendingRegistration.expires_at <= now, over())
    forgotten = await session.execute(forgetting.returning(PendingRegistration.id))
    return len(forgotten.all())


async def _register(
    session: AsyncSession, vault: Vault, details: SelfAsserted, *, now: datetime
) -> Account | InUse | Faulty:
    try:
        return await accounts.register_self(session, vault, details, now=now)
    except InvalidDetails as invalid:
        return Faulty(invalid.faults)


async def _in_use(
    session: AsyncSession, vault: Vault, used: InUse, browser: Browser, *, now: datetime
) -> Finished:
    """A contact got an account meanwhile: of an e-mail address that was proved, it is theirs."""
    if used.contact.channel is Channel.MOBILE:
        return Faulty({"mobile": MOBILE_IN_USE})
    account = await accounts.holder_of(session, vault, used.contact)
    if account is None or account.state is not AccountState.ACTIVE:
        return EmailClosed()
    method = SignInMethod.EMAIL_CODE
    return await resident_factor.after_first(session, vault, account, method, browser, now=now)


async def _again(
    session: AsyncSession,
    vault: Vault,
    row: PendingRegistration,
    browser: Browser,
    *,
    now: datetime,
) -> Finished:
    """The same form a second time, moments later: the browser shows only the second answer."""
    account = await session.get(Account, row.account_id)
    if account is None or row.finished_at is None or now - row.finished_at > AGAIN:
        return NoRegistration()
    method = SignInMethod.EMAIL_CODE
    return await devices.sign_in(session, vault, account, method, browser, now=now)


async def _welcome(
    session: AsyncSession,
    vault: Vault,
    account: Account,
    details: SelfAsserted,
    browser: Browser,
    *,
    now: datetime,
) -> SignedIn:
    account.email_proved_at = now
    await devices.remember(session, account, browser, now=now)
    outbox.queue(session, vault, details.email, "account-made", _WELCOME, now=now)
    method = SignInMethod.EMAIL_CODE
    return await devices.sign_in(session, vault, account, method, browser, now=now)


MOBILE_IN_USE: Final = (
    "This number signs somebody in to another account. Enter another number, or leave it empty"
)
_WELCOME: Final = (
    "Your Kent Card account is made.\n\n"
    "To get what you are entitled to, show two documents at a Kent Gateway or library: one that "
    "shows who you are and one that shows where you live.\n"
    "If you registered at a desk before, ask there for an activation code. It opens the account "
    "that you have already."
)


def _add(
    session: AsyncSession,
    vault: Vault,
    answers: _Answers,
    now: datetime,
    *,
    proved_at: datetime | None = None,
) -> str:
    token, row_id = secrets.token_urlsafe(32), new_id()
    row = PendingRegistration(
        id=row_id,
        token_hash=_hash(token),
        sealed_answers=b"",
        started_at=now,
        seen_at=now,
        expires_at=now + KEPT,
        proved_at=proved_at,
    )
    _seal(vault, row, answers)
    session.add(row)
    return token


async def _row(
    session: AsyncSession, token: str, *, now: datetime, lock: bool = False
) -> PendingRegistration | None:
    found = select(PendingRegistration).where(
        PendingRegistration.token_hash == _hash(token), PendingRegistration.expires_at > now
    )
    if lock:
        found = found.with_for_update().execution_options(populate_existing=True)
    return await session.scalar(found)


def _is_proved(row: PendingRegistration, now: datetime) -> bool:
    return row.proved_at is not None and now - row.seen_at < IDLE


def _answers(vault: Vault, row: PendingRegistration) -> _Answers:
    as_json = vault.open(_TABLE, "sealed_answers", row.id, row.sealed_answers)
    return msgspec.json.decode(as_json, type=_Answers)


def _proved_mobile(answers: _Answers) -> str:
    """The number that was proved, if it is still the one among the answers."""
    try:
        typed = normalise_mobile(answers.typed.get("mobile", ""))
    except BadMobile:
        return ""
    return typed if typed == answers.mobile else ""


def _seal(vault: Vault, row: PendingRegistration, answers: _Answers) -> None:
    as_json = msgspec.json.encode(answers).decode()
    row.sealed_answers = vault.seal(_TABLE, "sealed_answers", row.id, as_json)


def _hash(token: str) -> bytes:
    return sha256(token.encode(errors="surrogatepass")).digest()
