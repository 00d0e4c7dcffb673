"""Card sessions: the server runs a card's procedure, a terminal relays its commands.

Three steps. `prepare` decides what is to be written, in one short transaction. `drive` runs the
procedure with no transaction open. `conclude` records how it ended, in another transaction. Broken
off anywhere, the session can be run again: what was signed and not confirmed is signed anew.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, assert_never
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import card_steps, encoding, generations, issuance, lifecycle, pairing, updates
from cardservice.card_keys import PURPOSES, Generations
from cardservice.card_steps import Records, Step, ToPersonalise, ToRoll
from cardservice.errors import BadMessage, SessionBroken
from cardservice.models import Card, CardSession, CardState
from cardservice.terminals import KnownTerminal
from cardservice.updates import NOTHING_KNOWN, Block, Unblock, Update
from entitlements import carriers, grants, issuing
from entitlements.issuing import Carrier
from identity import audit, person_keys
from identity.dates import london_date
from identity.keys import KeyId, KeyStore
from identity.personal import Vault
from readers.card.apdu import ResponseApdu
from readers.card.keys import UID_BYTES
from readers.contract.reasons import WORDS, Words
from readers.contract.wire import Ended, Hello, Purpose, SessionResult, UpdateKind
from readers.errors import ReadersError

UID_FIELD: Final = "card.uid"

Exchange = Callable[[bytes, Sequence[UpdateKind]], Awaitable[bytes]]
"""Sends a command APDU to the card, wherever it is, and gives its answer; and tells what is done.

Raises:
    SessionBroken: the card, the reader or the terminal is gone.
    BadMessage: the terminal said something else.
    TimeoutError: no answer came in time.
"""


RESULT_WORDS: Final[Mapping[SessionResult, Words]] = {
    SessionResult.DONE: Words("The card is ready", "It was written and can be used."),
    SessionResult.NOTHING_OWED: Words("The card is up to date", ""),
    SessionResult.NO_ORDER: Words(
        "No card waits to be made here", "Order a card for a resident at this desk first."
    ),
    SessionResult.UNKNOWN_CARD: Words("We do not know this card", "Ask a member of staff."),
    SessionResult.CARD_FAILED: Words(
        "This card could not be written", "Try again. If it fails again, use another card."
    ),
    SessionResult.BROKEN_OFF: Words(
        "Try again", "Hold the card flat on the reader until it is done."
    ),
    SessionResult.TIMED_OUT: Words("That took too long", "Try again."),
    SessionResult.REFUSED: Words("This card cannot be written here", "Ask a member of staff."),
}
"""What the screen says for each result; a test holds the two together."""


_UPDATED: Final = Words("Done: your card is up to date", "You can take it away.")
_BLOCKED: Final = Words(
    "This card is stopped", "Nobody can use it. If it is yours, tell a member of staff."
)
_UNBLOCKED: Final = Words("Done: your card works again", "Tap it again to use it.")

OTHER_VERSION: Final = "wire-version"
_REASON_WORDS: Final = {reason.value: words for reason, words in WORDS.items()} | {
    OTHER_VERSION: Words(
        "This reader and the server do not fit", "Tell a member of staff: one of them is too old."
    )
}


class Means(msgspec.Struct, frozen=True):
    """What every card session needs of the server.

    Attributes:
        institution: four digits of service numbers.
        total_limit: of a session; one that is open for twice as long has lost its server.
    """

    keystore: KeyStore
    vault: Vault
    institution: str
    total_limit: timedelta


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """What a session shall write, decided and stored before the first command.

    Attributes:
        session_id: of the stored card session.
        steps: one procedure each, in this order; what was done before a tear counts as done.
        updates: what the card was owed; none when it is made.
        holder_version: the version of the holder that the records stand for; none when they leave
            open what was given or taken, because the card is blocked.
    """

    session_id: UUID
    card_id: UUID
    steps: tuple[Step, ...]
    updates: tuple[Update, ...]
    holder_version: int | None


class Outcome(msgspec.Struct, frozen=True):
    """How driving ended.

    Attributes:
        code: names the error, if there was one.
        done: how many whole steps were done.
        confirmed: the keys that the card was shown to hold, also by a step that was broken off.
    """

    result: SessionResult
    code: str | None = None
    done: int = 0
    confirmed: Generations = {}


def uid_indexes(vault: Vault, uid: bytes) -> tuple[bytes, ...]:
    """The blind indexes a chip may be stored under."""
    return vault.blinds(UID_FIELD, uid.hex())


async def prepare(
    session: AsyncSession, means: Means, terminal: KnownTerminal, hello: Hello, *, now: datetime
) -> Plan | SessionResult:
    """Decide what to write on the card in the field; or say why there is nothing to do."""
    if len(hello.uid) != UID_BYTES:
        return SessionResult.UNKNOWN_CARD
    match hello.purpose:
        case Purpose.PERSONALISE:
            card = await _card_to_make(session, means, terminal, hello.uid, now)
        case Purpose.UPDATE:
            card = await _card_in_use(session, means.vault, hello.uid, now)
        case Purpose.VALIDATE:
            return SessionResult.REFUSED
        case never:
            assert_never(never)
    if isinstance(card, SessionResult):
        return card
    if not await _is_free(session, means, card.id, terminal.id, now):
        return SessionResult.REFUSED
    return await _plan(session, means, terminal, hello, card, now)


async def drive(plan: Plan, exchange: Exchange) -> Outcome:
    """Run the plan's procedures over the relay. Holds no transaction."""
    done, confirmed = 0, dict[str, int]()
    result, code = SessionResult.DONE, None
    try:
        for step in plan.steps:
            await _run(step, exchange, confirmed)
            done += 1
    except SessionBroken as broken:
        result, code = SessionResult.BROKEN_OFF, broken.reason.value if broken.reason else None
    except BadMessage as error:
        result, code = SessionResult.REFUSED, error.code
    except TimeoutError:
        result = SessionResult.TIMED_OUT
    except ReadersError as error:
        result, code = SessionResult.CARD_FAILED, error.code
    return Outcome(result, code, done, confirmed)


async def _run(step: Step, exchange: Exchange, confirmed: dict[str, int]) -> None:
    procedure, doing = card_steps.procedure(step, confirmed), card_steps.doing(step)
    try:
        command = next(procedure)
        while True:
            answer = await exchange(command.to_bytes(), doing)
            command = procedure.send(ResponseApdu.from_bytes(answer))
    except StopIteration:
        return
    finally:
        procedure.close()


async def conclude(
    session: AsyncSession, plan: Plan, terminal: KnownTerminal, outcome: Outcome, *, now: datetime
) -> None:
    """Record how a session ended; every step that was done counts from now on.

    A session that another one took the place of meanwhile changes nothing: the later one wrote
    later records.
    """
    closing = (
        update(CardSession)
        .where(CardSession.id == plan.session_id, CardSession.ended_at.is_(None))
        .values(ended_at=now, result=outcome.result, code=outcome.code)
        .returning(CardSession.id)
    )
    was_open = await session.scalar(closing) is not None
    if was_open:
        for step in plan.steps[: outcome.done]:
            await _count(session, plan, step, terminal, now)
        if outcome.confirmed:
            generations.note(await lifecycle.locked(session, plan.card_id), outcome.confirmed)
    detail = {"result": outcome.result.value, "code": outcome.code}
    subject = audit.subject_of("card", plan.card_id)
    audit.record(
        session, "card-session-ended", subject, actor=terminal.actor, now=now, detail=detail
    )


async def _count(
    session: AsyncSession, plan: Plan, step: Step, terminal: KnownTerminal, now: datetime
) -> None:
    """What a step wrote is on the card."""
    if isinstance(step, ToRoll):  # each of its keys counts by itself
        return
    card = await lifecycle.locked(session, plan.card_id)
    sequences = {service: issued.sequence for service, issued in step.records.items()}
    await issuing.mark_written(session, card.id, sequences)
    card.written_at = now
    if plan.holder_version is not None:
        card.written_version = plan.holder_version
    if isinstance(step, ToPersonalise):
        to = await encoding.state_when_written(session, card.id)
        await issuance.complete(session, card, to=to, actor=terminal.actor, now=now)


def ended(outcome: Outcome, done: Sequence[Update] = ()) -> Ended:
    """The last message of a session, with words for the terminal's screen.

    Args:
        outcome: how it ended.
        done: what the card was owed, if all of that was done.
    """
    words = _REASON_WORDS.get(outcome.code or "") or RESULT_WORDS[outcome.result]
    if outcome.result is SessionResult.DONE and done:
        words = _done_words(done)
    usable = Block() not in done
    return Ended(result=outcome.result, title=words.title, advice=words.advice, usable=usable)


def _done_words(done: Sequence[Update]) -> Words:
    if Block() in done:
        return _BLOCKED
    return _UNBLOCKED if Unblock() in done else _UPDATED


async def _card_to_make(
    session: AsyncSession, means: Means, terminal: KnownTerminal, uid: bytes, now: datetime
) -> Card | SessionResult:
    serves = await pairing.of_terminal(session, terminal.id, now=now)
    waiting = await encoding.waiting_at(session, terminal.id, serves)
    if waiting is None:
        return SessionResult.NO_ORDER
    card = waiting.card
    indexes = uid_indexes(means.vault, uid)
    taken = select(Card.id).where(
        Card.uid_index.in_(indexes), Card.state != CardState.DESTROYED, Card.id != card.id
    )
    if await session.scalar(taken) is not None:
        return SessionResult.REFUSED
    if card.uid_index is not None and card.uid_index not in indexes:
        card = await encoding.another_chip(
            session, means.vault, waiting, actor=terminal.actor, now=now
        )
    if card.uid_index is None:
        personal = await person_keys.for_writing(session, means.vault, card.account_id)
        card.sealed_uid = personal.seal(Card.__tablename__, "sealed_uid", card.id, uid.hex())
        card.uid_index = means.vault.blind(UID_FIELD, uid.hex())
        generations.note(card, await generations.in_use(session, now=now))
    return card


async def _card_in_use(
    session: AsyncSession, vault: Vault, uid: bytes, now: datetime
) -> Card | SessionResult:
    query = select(Card.id).where(
        Card.uid_index.in_(uid_indexes(vault, uid)), Card.state != CardState.DESTROYED
    )
    card_id = await session.scalar(query)
    if card_id is None:
        return SessionResult.UNKNOWN_CARD
    card = await lifecycle.locked(session, card_id)
    if await _has_retired_keys(session, card, now):
        return SessionResult.REFUSED
    if await updates.waits(session, card, now=now):
        return card
    in_use = card.state is CardState.ACTIVE
    return SessionResult.NOTHING_OWED if in_use else SessionResult.REFUSED


async def _has_retired_keys(session: AsyncSession, card: Card, now: datetime) -> bool:
    retired = await generations.retired(session, on=london_date(now))
    has = card.key_generations or {}
    return any(KeyId(PURPOSES[name], each) in retired for name, each in has.items())


async def _is_free(
    session: AsyncSession, means: Means, card_id: UUID, terminal_id: UUID, now: datetime
) -> bool:
    """Whether no other session is at the card.

    One that should have ended long ago is over: its server died. So is an earlier one of the same
    terminal: the card is in its field anew.
    """
    over = (
        update(CardSession)
        .where(
            CardSession.card_id == card_id,
            CardSession.ended_at.is_(None),
            (CardSession.opened_at <= now - 2 * means.total_limit)
            | (CardSession.terminal_id == terminal_id),
        )
        .values(ended_at=now, result=SessionResult.BROKEN_OFF, code="superseded")
    )
    await session.execute(over)
    running = select(CardSession.id).where(
        CardSession.card_id == card_id, CardSession.ended_at.is_(None)
    )
    return await session.scalar(running) is None


async def _plan(
    session: AsyncSession,
    means: Means,
    terminal: KnownTerminal,
    hello: Hello,
    card: Card,
    now: datetime,
) -> Plan | SessionResult:
    personalising = hello.purpose is Purpose.PERSONALISE
    holder = await grants.lock_holder(session, card.account_id)
    if personalising:
        await carriers.announce(
            session,
            means.vault,
            card.account_id,
            card.id,
            institution=means.institution,
            now=now,
        )
    records = await issuing.issue_records(
        session,
        means.keystore,
        Carrier(card.account_id, card.id, hello.uid, card.expires_on),
        institution=means.institution,
        everything=personalising or card.written_version == NOTHING_KNOWN,
        actor=terminal.actor,
        now=now,
    )
    owed = () if personalising else await _owed(session, card, records, now)
    if not records:
        card.written_version = holder.version
        if not owed:
            return SessionResult.NOTHING_OWED
    opened = CardSession(
        card_id=card.id, terminal_id=terminal.id, purpose=hello.purpose, opened_at=now
    )
    session.add(opened)
    await session.flush()
    return Plan(
        session_id=opened.id,
        card_id=card.id,
        steps=(
            card_steps.making(means.keystore, hello.uid, card, records)
            if personalising
            else await card_steps.updating(
                session, means.keystore, hello.uid, card, records, owed, now=now
            )
        ),
        updates=owed,
        holder_version=None if Block() in owed else holder.version,
    )


async def _owed(
    session: AsyncSession, card: Card, records: Records, now: datetime
) -> tuple[Update, ...]:
    keys = await updates.keys_due(session, card, now=now)
    return updates.ordered(card_steps.kinds(records), keys)
