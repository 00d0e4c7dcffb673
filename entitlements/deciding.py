"""Officers decide applications, with reasons; residents ask for a review by somebody else.

What the rule answers once the evidence is there is decided by the rule: an officer finds facts and
judges evidence, and grants nothing that the rule does not allow.
"""

from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

import msgspec
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from entitlements import application_records as records
from entitlements import (
    assessing,
    claims,
    conclusions,
    evidence_records,
    feeds,
    gathering,
    rulebooks,
)
from entitlements.application_models import (
    Application,
    ApplicationEvent,
    ApplicationState,
    Happened,
)
from entitlements.claims import Barred
from entitlements.decision import Decision, Eligible, NotEligible
from entitlements.facts import Fed, ResidentFacts
from entitlements.grants import lock_holder
from identity import four_eyes, notices, person_keys
from identity.actors import Actor
from identity.models import Account
from identity.personal import Vault
from readers.contract.windows import london_date

LONGEST_REASON: Final = 1000


class Outcome(StrEnum):
    """What an officer may do with an application."""

    GRANT = "grant"
    REFUSE = "refuse"
    ASK_FOR_MORE = "ask-for-more"


class NotDecided(StrEnum):
    """Why an officer's decision does not stand."""

    NOT_CLAIMED = "not-claimed"
    RULE_SAYS_OTHERWISE = "rule-says-otherwise"


class NoReview(StrEnum):
    """Why a resident cannot ask for a review."""

    NOT_REFUSED = "not-refused"
    REVIEWED = "reviewed"
    TOO_LATE = "too-late"


class Outlook(msgspec.Struct, frozen=True):
    """What the rule says of an application's scheme.

    Attributes:
        firm: on what is proved.
        said: on what the resident said besides.
        proved: the facts of the first.
        stated: the facts of the second.
    """

    firm: Decision
    said: Decision
    proved: ResidentFacts
    stated: ResidentFacts


async def outlook(session: AsyncSession, vault: Vault, row: Application, *, on: date) -> Outlook:
    """What the rule says today of what an application is for.

    Raises:
        NoSuchAccount: no account with that id.
    """
    book = await rulebooks.in_force(session)
    decide_scheme = rulebooks.deciders(book)[row.scheme]
    known = await gathering.gather_stated(session, vault, row.account_id)
    firm, said = decide_scheme(known.proved.facts, on), decide_scheme(known.stated, on)
    return Outlook(firm, said, known.proved.facts, known.stated)


async def decide(
    session: AsyncSession,
    vault: Vault,
    application_id: UUID,
    outcome: Outcome,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Application | NotDecided | Barred:
    """Decide an application one looks after. The reason reaches the resident as it is written.

    Raises:
        InvalidDetails: `reason` is empty, too long or cannot be shown.
        NoSuchApplication: there is none.
    """
    row = await held(session, application_id, actor=actor, now=now)
    if not isinstance(row, Application):
        return row
    words = four_eyes.checked_reason(reason, longest=LONGEST_REASON)
    if outcome is Outcome.ASK_FOR_MORE:
        await _ask_for_more(session, vault, row, words, actor=actor, now=now)
    elif outcome is Outcome.REFUSE:
        await conclusions.refuse(session, vault, row, (words,), actor=actor, now=now)
    else:
        firm = (await outlook(session, vault, row, on=london_date(now))).firm
        if not isinstance(firm, Eligible):
            return NotDecided.RULE_SAYS_OTHERWISE
        told = (words, *conclusions.told_of(firm))
        await conclusions.grant(session, vault, row, firm, words=told, actor=actor, now=now)
    claims.free(row)
    await session.flush()
    return row


async def settle_fact(
    session: AsyncSession,
    vault: Vault,
    application_id: UUID,
    fact: str,
    value: Fed,
    *,
    reason: str,
    actor: Actor,
    now: datetime,
) -> Application | NotDecided | Barred:
    """Find out a fact that no document shows. If the rule can answer then, it does.

    Raises:
        InvalidDetails: `reason` is empty, too long or cannot be shown.
        NoSuchApplication: there is none.
        UnknownFact: the rules have no such fact, or it cannot have that value.
    """
    row = await held(session, application_id, actor=actor, now=now)
    if not isinstance(row, Application):
        return row
    words = four_eyes.checked_reason(reason, longest=LONGEST_REASON)
    await feeds.tell(session, vault, row.account_id, fact, value=value, actor=actor, now=now)
    await conclude_by_rule(session, vault, row, words, actor=actor, now=now)
    return row


async def conclude_by_rule(
    session: AsyncSession,
    vault: Vault,
    row: Application,
    reason: str = "",
    *,
    actor: Actor,
    now: datetime,
) -> bool:
    """Close an application that the rule can answer now, and decide every scheme anew.

    A review ends by rule only with a yes: a second no is a person's to give.

    Args:
        session: the transaction.
        vault: opens and seals.
        row: the application.
        reason: an officer's words, which come first.
        actor: whose finding completed it.
        now: when.

    Returns:
        Whether it is closed.
    """
    firm = (await outlook(session, vault, row, on=london_date(now))).firm
    told = (*([reason] if reason else []), *conclusions.told_of(firm))
    reviewed = row.state is ApplicationState.REVIEW_ASKED
    if isinstance(firm, Eligible):
        await conclusions.grant(session, vault, row, firm, words=told, actor=actor, now=now)
    elif isinstance(firm, NotEligible) and not reviewed:
        await conclusions.refuse(session, vault, row, told, actor=actor, now=now)
    else:
        await assessing.assess(session, vault, row.account_id, actor=actor, now=now)
        return False
    claims.free(row)
    await assessing.assess(session, vault, row.account_id, actor=actor, now=now)
    return True


async def ask_review(
    session: AsyncSession,
    vault: Vault,
    account_id: UUID,
    reference: str,
    why: str,
    *,
    within: timedelta,
    actor: Actor,
    now: datetime,
) -> Application | NoReview:
    """A resident who was refused has it looked at again by somebody else, once.

    Args:
        session: the transaction.
        vault: seals what they say.
        account_id: whose application it is.
        reference: of the application.
        why: what they think is wrong.
        within: how long after the decision that may be asked.
        actor: who asks.
        now: when.

    Raises:
        InvalidDetails: `reason` is empty, too long or cannot be shown.
        NoSuchApplication: there is none of theirs by that reference.
    """
    await lock_holder(session, account_id)
    row = await records.own(session, account_id, reference, lock=True)
    if closed := await why_no_review(session, row, within=within, now=now):
        return closed
    words = four_eyes.checked_reason(why, longest=LONGEST_REASON)
    row.state, row.closed_at = ApplicationState.REVIEW_ASKED, None
    claims.free(row)
    await evidence_records.keep_again(session, row)
    personal = await person_keys.for_writing(session, vault, account_id)
    asked = Happened.REVIEW_ASKED
    records.note(session, personal, row, asked, actor=actor, now=now, words=words)
    await session.flush()
    return row


async def why_no_review(
    session: AsyncSession, row: Application, *, within: timedelta, now: datetime
) -> NoReview | None:
    """Why a review of an application cannot be asked for; None when it can."""
    if row.state is not ApplicationState.REFUSED or row.closed_at is None:
        return NoReview.NOT_REFUSED
    asked = select(ApplicationEvent.id).where(
        ApplicationEvent.application_id == row.id,
        ApplicationEvent.what == Happened.REVIEW_ASKED.value,
    )
    if await session.scalar(asked) is not None:
        return NoReview.REVIEWED
    return NoReview.TOO_LATE if row.closed_at + within < now else None


async def held(
    session: AsyncSession, application_id: UUID, *, actor: Actor, now: datetime
) -> Application | NotDecided | Barred:
    """The application if the actor looks after it and may decide it, locked."""
    found = await session.get(Application, application_id)
    if found is None:
        return Barred.GONE
    await lock_holder(session, found.account_id)
    row = await session.get(
        Application, application_id, with_for_update=True, populate_existing=True
    )
    if row is None:
        return Barred.GONE
    if barred := await claims.why_barred(session, row, UUID(actor.id)):
        return barred
    return row if claims.is_held_by(row, actor, now) else NotDecided.NOT_CLAIMED


async def _ask_for_more(
    session: AsyncSession,
    vault: Vault,
    row: Application,
    words: str,
    *,
    actor: Actor,
    now: datetime,
) -> None:
    """A review stays one: it goes on waiting for staff, who see what comes."""
    if row.state is ApplicationState.SUBMITTED:
        row.state = ApplicationState.EVIDENCE_WANTED
    personal = await person_keys.for_writing(session, vault, row.account_id)
    wanted = Happened.EVIDENCE_WANTED
    records.note(session, personal, row, wanted, actor=actor, now=now, words=words)
    account = await session.get_one(Account, row.account_id)
    text = _MORE.format(reference=row.reference)
    await notices.tell(session, vault, account, "application-needs-more", text, now=now)


_MORE: Final = (
    "We need something more for your application {reference}.\n\n"
    "Sign in to your Kent Card account and choose “Your requests” to read what, and to send it."
)
"""What it is stands on the page alone: a message goes where anybody may read it."""
