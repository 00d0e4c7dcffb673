"""What becomes of a card that ends: another is ordered, its holder is asked, or neither. Once each.

The row of a card in `renewal` is written with what is done about it, in one transaction: whoever
runs it again finds it done.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Final, assert_never
from uuid import UUID

import msgspec
import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance, products, renewal_facts
from cardservice.errors import CardError, NothingAsked
from cardservice.issuance import Term
from cardservice.models import Card
from cardservice.renewal_facts import Looked
from cardservice.renewal_models import Renewal, RenewalRun, RenewalState, RunState
from cardservice.renewal_rules import Asking, Asks, Leaves, Leaving, Renews, Verdict
from entitlements.schemes.dates import day_after, in_words
from identity import audit, notices
from identity.actors import SYSTEM, Actor
from identity.dates import london_date
from identity.models import Account, AccountState
from identity.personal import Vault

KIND: Final = "card-renewal"
_TOLD_WHEN_LEFT: Final = frozenset({Leaving.NOT_ENTITLED, Leaving.NOT_ISSUED})
_LOG: Final = structlog.get_logger(__name__)


class NotRenewed(msgspec.Struct, frozen=True):
    """Why an answer made no card yet: what must be done first."""

    why: tuple[Asking | Leaving, ...]


async def act(
    session: AsyncSession, vault: Vault, run: RenewalRun, looked: Looked, *, now: datetime
) -> RenewalState | None:
    """Do what is to be done about one card; None where it was done before, or cannot be read."""
    card, verdict = looked.card, looked.verdict
    if verdict is None or await session.get(Renewal, card.id) is not None:
        return None
    state, reasons = _state_and_reasons(verdict)
    new_card = None
    if state is RenewalState.RENEWED:
        new_card = await _order(session, vault, looked, actor=SYSTEM, now=now)
    if state is RenewalState.RENEWED and new_card is None:
        state, reasons = RenewalState.ASKED, (Asking.NOT_ORDERED.value,)
    session.add(
        Renewal(
            card_id=card.id,
            run_id=run.id,
            account_id=card.account_id,
            state=state,
            reasons=list(reasons),
            decided_at=now,
            new_card_id=new_card,
        )
    )
    await _tell(session, vault, card, state, reasons, now)
    subject, detail = audit.subject_of("card", card.id), {"outcome": state.value}
    audit.record(session, "card-renewal-decided", subject, actor=SYSTEM, now=now, detail=detail)
    await session.flush()
    return state


async def keep(
    session: AsyncSession, vault: Vault, card_id: UUID, *, actor: Actor, now: datetime
) -> Renewal | NotRenewed:
    """The holder wants the card and lives where we think: make it, or say what is still lacking.

    Answered twice, one card is made.

    Raises:
        NothingAsked: nobody is asked about this card.
        CardError: the holder's record cannot be read.
    """
    row = await _asked(session, card_id)
    if row.state is RenewalState.RENEWED:
        return row
    card = await session.get_one(Card, card_id)
    said = {card_id}
    found = await renewal_facts.look(session, vault, [card], on=london_date(now), said=said)
    looked, verdict = found[0], found[0].verdict
    if verdict is None:
        raise CardError("This record cannot be read, so no card can be ordered.")
    row.answered_at = now
    if not isinstance(verdict, Renews):
        lacking = verdict.why if isinstance(verdict, Asks) else (verdict.why,)
        row.state, row.reasons = RenewalState.ASKED, [each.value for each in lacking]
        await session.flush()
        return NotRenewed(lacking)
    new_card = await _order(session, vault, looked, actor=actor, now=now)
    if new_card is None:
        row.state, row.reasons = RenewalState.ASKED, [Asking.NOT_ORDERED.value]
        await session.flush()
        return NotRenewed((Asking.NOT_ORDERED,))
    row.state, row.reasons, row.new_card_id = RenewalState.RENEWED, [], new_card
    _note(session, "card-kept", card_id, actor=actor, now=now)
    await session.flush()
    return row


async def decline(session: AsyncSession, card_id: UUID, *, actor: Actor, now: datetime) -> Renewal:
    """The holder wants no other card; until it is over they may say otherwise.

    Raises:
        NothingAsked: nobody is asked about this card.
    """
    row = await _asked(session, card_id)
    if row.state is RenewalState.ASKED:
        row.state, row.answered_at = RenewalState.DECLINED, now
        _note(session, "card-declined", card_id, actor=actor, now=now)
        await session.flush()
    return row


async def of_account(session: AsyncSession, account_id: UUID) -> Sequence[tuple[Renewal, Card]]:
    """What became of a resident's cards that ended or end, the latest first."""
    query = (
        select(Renewal, Card)
        .join(Card, Card.id == Renewal.card_id)
        .where(Renewal.account_id == account_id)
        .order_by(Card.expires_on.desc(), Card.id)
    )
    return [(row, card) for row, card in (await session.execute(query)).all()]


async def runs(session: AsyncSession) -> Sequence[RenewalRun]:
    """Every run, the latest day first."""
    query = select(RenewalRun).order_by(RenewalRun.expires_on.desc())
    return (await session.scalars(query)).all()


async def run_for(session: AsyncSession, expires_on: date) -> RenewalRun | None:
    """The run over the cards that end on a day, if it was ever begun."""
    return await session.scalar(select(RenewalRun).where(RenewalRun.expires_on == expires_on))


async def locked_run(session: AsyncSession, expires_on: date) -> RenewalRun | None:
    """The same, locked until the transaction ends."""
    query = select(RenewalRun).where(RenewalRun.expires_on == expires_on).with_for_update()
    return await session.scalar(query.execution_options(populate_existing=True))


async def in_state(session: AsyncSession, state: RunState) -> Sequence[date]:
    """The days whose runs are in a state, the earliest first."""
    query = select(RenewalRun.expires_on).where(RenewalRun.state == state)
    return (await session.scalars(query.order_by(RenewalRun.expires_on))).all()


async def days(session: AsyncSession) -> Sequence[tuple[date, int]]:
    """The days on which cards of holders end, the earliest first, and how many do."""
    query = select(Card.expires_on, func.count(Card.id)).where(
        Card.expires_on.is_not(None), Card.state.in_(renewal_facts.OF_A_HOLDER)
    )
    found = await session.execute(query.group_by(Card.expires_on).order_by(Card.expires_on))
    return [(day, count) for day, count in found.all() if day is not None]


async def standing(session: AsyncSession, run_id: UUID) -> Mapping[str, int]:
    """How many cards became what, by the value of `RenewalState`."""
    query = select(Renewal.state, func.count()).where(Renewal.run_id == run_id)
    found = (await session.execute(query.group_by(Renewal.state))).all()
    counted = {state.value: count for state, count in found}
    return {state.value: counted.get(state.value, 0) for state in RenewalState}


async def reasons_of(session: AsyncSession, run_id: UUID) -> Mapping[str, int]:
    """How many cards each reason stands for, of those who are asked or left."""
    rows = await session.scalars(select(Renewal.reasons).where(Renewal.run_id == run_id))
    return Counter(why for reasons in rows for why in reasons)


async def _asked(session: AsyncSession, card_id: UUID) -> Renewal:
    query = select(Renewal).where(Renewal.card_id == card_id).with_for_update()
    row = await session.scalar(query.execution_options(populate_existing=True))
    if row is None or row.state is RenewalState.LEFT:
        raise NothingAsked("Nobody is asked about this card.")
    return row


def _state_and_reasons(verdict: Verdict) -> tuple[RenewalState, tuple[str, ...]]:
    match verdict:
        case Renews():
            return RenewalState.RENEWED, ()
        case Asks(why):
            return RenewalState.ASKED, tuple(each.value for each in why)
        case Leaves(why):
            return RenewalState.LEFT, (why.value,)
        case never:
            assert_never(never)


def _first_day(card: Card) -> date:
    if card.expires_on is None:
        raise CardError("This card has no last day, so there is nothing to renew.")
    return day_after(card.expires_on)


async def _order(
    session: AsyncSession, vault: Vault, looked: Looked, *, actor: Actor, now: datetime
) -> UUID | None:
    """Order the next card beside the one that ends; None where it must be looked at by somebody."""
    try:
        async with session.begin_nested():
            placed = await issuance.renew(
                session,
                vault,
                looked.card.account_id,
                product=looked.card.product,
                term=Term(_first_day(looked.card), looked.schemes),
                actor=actor,
                now=now,
            )
    except CardError as error:
        _LOG.warning("card not renewed", card=str(looked.card.id), code=error.code)
        return None
    return placed.card_id


async def _tell(
    session: AsyncSession,
    vault: Vault,
    card: Card,
    state: RenewalState,
    reasons: Sequence[str],
    now: datetime,
) -> None:
    """Tell the holder once, at every address they have. Why they are asked is on their page."""
    account = await session.get_one(Account, card.account_id)
    if account.state is not AccountState.ACTIVE or card.expires_on is None:
        return
    if state is RenewalState.LEFT and not _TOLD_WHEN_LEFT & {Leaving(each) for each in reasons}:
        return
    product = products.built_in().product(card.product, card.expires_on)
    name = "card" if product is None else product.name
    text = _MESSAGES[state].format(name=name, day=in_words(card.expires_on))
    await notices.tell(session, vault, account, KIND, text, now=now)


def _note(
    session: AsyncSession, action: str, card_id: UUID, *, actor: Actor, now: datetime
) -> None:
    audit.record(session, action, audit.subject_of("card", card_id), actor=actor, now=now)


_MESSAGES: Final[Mapping[RenewalState, str]] = {
    RenewalState.RENEWED: (
        "Your {name} ends after {day}. You do not need to do anything: we are making you another "
        "and will post it to you.\n\nGo on using the one you have until then."
    ),
    RenewalState.ASKED: (
        "Your {name} ends after {day}. Before we make you another we need to ask you something."
        "\n\nSign in to your Kent Card account and choose “Renew your card”, or tell us at a Kent "
        "Gateway or library.\n\nGo on using the one you have until then."
    ),
    RenewalState.LEFT: (
        "Your {name} ends after {day}. As far as we know you cannot have another after that."
        "\n\nIf something about you has changed, or is wrong in your account, tell us at a Kent "
        "Gateway or library."
    ),
}
