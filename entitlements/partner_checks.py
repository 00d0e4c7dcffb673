"""The question a partner asks about whoever shows a card: yes, no, or that it cannot be told."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, assert_never

import msgspec
from msgspec import Meta

from entitlements import partner_answers, sandbox, showing, subjects
from entitlements.callers import Caller
from entitlements.card_questions import BY_TEST_CARD, Question
from entitlements.partner_answers import NOBODY, Answered, CheckAnswer
from entitlements.partner_answers import Held as Has
from entitlements.partner_errors import OfferUnknown
from entitlements.partner_models import CredentialKind
from entitlements.schemes.rule import Rule, Scheme
from entitlements.showing import CardShown, Found, Means, Nobody, Shown, WrongCode
from identity.executors import Executor
from readers.contract.windows import london_date

SchemeId = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$",
        max_length=64,
        description="An offer or scheme that your organisation may ask about.",
    ),
]


class CheckRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a partner asks, and what it was shown."""

    offer: SchemeId
    shown: Shown


class Told(msgspec.Struct, frozen=True):
    """The answer, and what is still to be written about guesses.

    Attributes:
        wrong: number for which a wrong number or code is to be counted; empty for none.
        right: number whose count begins anew; empty for none.
    """

    answer: CheckAnswer
    wrong: str = ""
    right: str = ""


async def check(
    executor: Executor,
    means: Means,
    caller: Caller,
    schemes: Mapping[str, Scheme],
    asked: CheckRequest,
    *,
    now: datetime,
) -> Told:
    """Answer a partner. Each statement stands for itself; nothing has to hold together.

    Args:
        executor: runs the statements.
        means: finds whose card it is.
        caller: who asks.
        schemes: in force.
        asked: about what, and what was shown.
        now: the moment.

    Raises:
        OfferUnknown: there is no such offer, or it is another organisation's.
        TooManyGuesses: the organisation sent so many wrong codes that it has to wait.
    """
    on = london_date(now)
    rule = rule_for(caller, schemes, asked.offer, on)
    question = Question(caller.organisation_id, asked.offer, on, now)
    if caller.kind is CredentialKind.SANDBOX:
        return Told(await _of_the_sandbox(executor, caller, rule, asked, question))
    found = await showing.find(executor, means, asked.shown, question)
    match found:
        case Nobody():
            return Told(NOBODY)
        case WrongCode(number):
            return Told(NOBODY, wrong=number)
        case Found():
            told = await _about(executor, caller, rule, found, question)
            right = asked.shown.number if isinstance(asked.shown, CardShown) else ""
            return Told(told, right=right if found.guessed else "")
        case never:
            assert_never(never)


def rule_for(caller: Caller, schemes: Mapping[str, Scheme], offer: str, on: date) -> Rule | None:
    """The rule in force for what a partner names; None where none is.

    The sandbox knows the example offers too, and every offer before it begins.

    Raises:
        OfferUnknown: there is no such offer, or it is another organisation's.
    """
    testing = caller.kind is CredentialKind.SANDBOX
    if testing and offer in sandbox.examples():
        return sandbox.examples()[offer].rules[-1]
    scheme = schemes.get(offer) if offer in caller.agreed else None
    if scheme is None:
        raise OfferUnknown("There is no such offer, or your organisation may not ask about it.")
    return scheme.rule_on(on) or (scheme.rules[-1] if testing else None)


async def _about(
    executor: Executor, caller: Caller, rule: Rule | None, found: Found, asked: Question
) -> CheckAnswer:
    holder = found.holder
    has = None
    if holder.entitlement_class is not None and holder.valid_until is not None:
        has = Has(holder.entitlement_class, holder.valid_until, holder.used)
    tells = caller.agreed[asked.scheme]
    told = partner_answers.answer(rule, has, tells_band=tells, subject=holder.subject or "")
    if told.decision is not Answered.YES or holder.subject is not None:
        return told
    subject = await subjects.of_account(
        executor, asked.organisation_id, holder.account_id, now=asked.now
    )
    return msgspec.structs.replace(told, subject=subject)


async def _of_the_sandbox(
    executor: Executor, caller: Caller, rule: Rule | None, asked: CheckRequest, question: Question
) -> CheckAnswer:
    """Test cards alone, by number and code; and nobody's guesses are counted."""
    shown = asked.shown
    card = sandbox.BY_NUMBER.get(int(shown.number)) if isinstance(shown, CardShown) else None
    right = card is not None and isinstance(shown, CardShown) and shown.code == card.code
    if card is None or not right or not card.known:
        return NOBODY
    number = card.number
    given = question.parameters() | {"number": number}
    row = (await executor.execute(BY_TEST_CARD, given)).one_or_none()
    has = sandbox.holds_of(card, rule, question.on, used=row.used if row else 0)
    told = partner_answers.answer(
        rule,
        has,
        tells_band=caller.agreed.get(asked.offer, True),
        subject=row.subject if row else "",
    )
    if told.decision is not Answered.YES or row is not None:
        return told
    subject = await subjects.of_test_card(
        executor, question.organisation_id, number, now=question.now
    )
    return msgspec.structs.replace(told, subject=subject)
