"""What a holder shows to a partner, and whose it is.

Three things: a card's printed number and code, a token of a terminal that read the card, or the
text of a pass on a phone. What leads to nobody is one value, whatever the cause.
"""

import hmac
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any, Final, assert_never

import msgspec
from msgspec import Meta
from sqlalchemy import Row, bindparam, select

from entitlements import carriers, guesses
from entitlements.card_questions import BY_FACE, BY_RECORD, Holder, Question
from entitlements.redemption_models import ShownPass
from identity.executors import Executor
from identity.keys import KeyStore, Purpose
from identity.oidc.statements import insert_if_new
from identity.personal import Vault
from readers.contract import phone_pass
from readers.contract.services import Service
from readers.errors import ReadersError


class CardShown(
    msgspec.Struct, frozen=True, tag_field="by", tag="card", forbid_unknown_fields=True
):
    """The number and the code printed on a card."""

    number: Annotated[str, Meta(pattern=r"^[0-9]{14}$", max_length=14)]
    code: Annotated[str, Meta(pattern=r"^[0-9]{6}$", max_length=6)]


class TapShown(
    msgspec.Struct, frozen=True, tag_field="by", tag="terminal", forbid_unknown_fields=True
):
    """The token that a terminal of ours gave for a card it has just read."""

    token: Annotated[
        str,
        Meta(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", max_length=2048),
    ]


class PassShown(
    msgspec.Struct, frozen=True, tag_field="by", tag="phone", forbid_unknown_fields=True
):
    """The text of the QR code on the holder's phone."""

    text: Annotated[str, Meta(pattern=r"^[A-Za-z0-9. ]+$", max_length=phone_pass.MAX_TEXT)]


Shown = CardShown | TapShown | PassShown


class Record(msgspec.Struct, frozen=True):
    """A record that was shown and may be shown no second time elsewhere.

    Attributes:
        service, status_index: which record.
        once: names this showing.
        until: when it cannot be shown any more.
    """

    service: Service
    status_index: int
    once: bytes
    until: datetime


Tapped = Callable[[Executor, str, datetime], Awaitable[Record | None]]
"""Who signed a terminal's token, and for which record; None for one that is not good."""


class Means(msgspec.Struct, frozen=True):
    """What finding holders needs of the server."""

    vault: Vault
    keystore: KeyStore
    tapped: Tapped


class Nobody(msgspec.Struct, frozen=True):
    """It leads to nobody."""


class WrongCode(msgspec.Struct, frozen=True):
    """It leads to nobody by a number or a code that is wrong, which is to be counted."""

    number: str


class Found(msgspec.Struct, frozen=True):
    """It leads to a holder. `guessed`: wrong codes were sent for the card before."""

    holder: Holder
    guessed: bool = False


_SHOWN_TO: Final = select(ShownPass.organisation_id).where(ShownPass.digest == bindparam("digest"))


async def find(
    executor: Executor, means: Means, shown: Shown, asked: Question
) -> Found | Nobody | WrongCode:
    """Whose it is, and what they have of what was asked about.

    Raises:
        TooManyGuesses: the organisation sent so many wrong codes that it has to wait.
    """
    match shown:
        case CardShown():
            return await _by_face(executor, means, shown, asked)
        case TapShown(token):
            record = await means.tapped(executor, token, asked.now)
        case PassShown(text):
            record = _passed(means.keystore, text, asked.now)
        case never:
            assert_never(never)
    if record is None or not await _first_shown(executor, record, asked):
        return Nobody()
    which = {"service": record.service, "status_index": record.status_index}
    row = (await executor.execute(BY_RECORD, asked.parameters() | which)).one_or_none()
    return Nobody() if row is None else Found(_holder(row))


async def _by_face(
    executor: Executor, means: Means, shown: CardShown, asked: Question
) -> Found | Nobody | WrongCode:
    """By number and code. While its card has to wait after wrong codes, the right one is none."""
    counted = guesses.counted_as(means.vault, asked.organisation_id, shown.number)
    given = asked.parameters() | {
        "number": int(shown.number),
        "throttled": counted.card,
        "source": counted.organisation,
    }
    row = (await executor.execute(BY_FACE, given)).one_or_none()
    if row is None:
        return WrongCode(shown.number)
    guesses.refuse_full(row.empty_at, now=asked.now)
    if not guesses.may_try(row.failures, row.retry_at, now=asked.now):
        return Nobody()
    if not _is_code(means.vault, shown, row.code_index):
        return WrongCode(shown.number)
    return Found(_holder(row), guessed=bool(row.failures))


def _is_code(vault: Vault, shown: CardShown, index: bytes) -> bool:
    """By a keyed hash, not a slow one.

    Who has only the table can try nothing without the key, six digits would resist no speed of
    hashing with it, and whoever asks here is slowed down by `guesses`.
    """
    indexes = vault.blinds(carriers.CODE_FIELD, carriers.said(shown.number, shown.code))
    return sum(hmac.compare_digest(index, each) for each in indexes) > 0


def _passed(keystore: KeyStore, text: str, now: datetime) -> Record | None:
    """The record of a phone pass; None for one that is not good now."""
    keys = {key.wire: keystore.public_key(key) for key in keystore.generations(Purpose.RECORD_SIGN)}
    try:
        found = phone_pass.verify(text, keys, now=now)
    except ReadersError:
        return None
    once = sha256(b"pass\0" + found.jti).digest()
    return Record(found.record.service, found.record.status_index, once, found.record.valid_until)


async def _first_shown(executor: Executor, record: Record, asked: Question) -> bool:
    """Whether nobody else was shown it before; who was may ask about another offer."""
    mine = asked.organisation_id
    row = {"digest": record.once, "organisation_id": mine, "expires_at": record.until}
    await executor.execute(insert_if_new(executor, ShownPass, row))
    shown_to = await executor.execute(_SHOWN_TO, {"digest": record.once})
    return bool(shown_to.scalar_one() == mine)


def _holder(row: Row[Any]) -> Holder:
    return Holder(
        account_id=row.account_id,
        subject=row.subject,
        entitlement_class=row.entitlement_class,
        valid_until=row.valid_until,
        used=row.used,
    )
