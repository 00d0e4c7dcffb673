"""Applying, for residents and for staff who act for them: only what is unknown is asked.

One question a page, in the order of the rule; each answer is kept when it is given, so that an
application is gone on with at any time, on any device, alone or with help.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from litestar import Response, get, post
from litestar.di import NamedDependency
from litestar.params import FromPath
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.web.application_lines import ANSWER_WORDS, SENT_WORDS, answer_words
from cardservice.web.apply_answers import FIELD, read_answer, typed_of
from cardservice.web.environment import day
from cardservice.web.errors import NoSuchPage
from cardservice.web.forms import Typed, typed_in
from cardservice.web.pages import page, see_other
from cardservice.web.staff.rights import ACT
from cardservice.web.visitors import VisitorRequest
from cardservice.web.whose import Whose, whose_of
from cardservice.web.words import gettext as _
from entitlements import application_records as records
from entitlements import applying, assessing, conclusions
from entitlements.application_models import ApplicationState
from entitlements.applying import Changed, NotOpen, Sitting
from entitlements.decision import NotEligible
from entitlements.errors import ApplicationClosed
from entitlements.questions import Question
from identity.dates import london_date
from identity.personal import Vault
from identity.places import DISTRICTS
from identity.roles import Act

OPT: Final = {ACT: Act.APPLY_FOR_RESIDENT}
START: Final = "apply/start.html"
QUESTION: Final = "apply/question.html"
CHECK: Final = "apply/check.html"
_NOT_OPEN: Final[Mapping[NotOpen, str]] = {
    NotOpen.HELD: _("You have this already, so there is nothing to apply for."),
    NotOpen.SUSPENDED: _("You have this, but it is suspended. Ask at a Kent Gateway or library."),
    NotOpen.ELSEWHERE: _("We do not give this, so you cannot apply for it here."),
    NotOpen.DIED: _("We have been told that this person has died."),
}


@get("/apply/{scheme:str}", opt=OPT)
async def show_start(
    request: VisitorRequest,
    scheme: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Say what it is, what we know already, and whether one can apply; or go on with what is begun.

    Raises:
        UnknownScheme: there is no such scheme.
    """
    whose, on = whose_of(request), london_date(now)
    found = await records.open_for(session, whose.account_id, scheme)
    if found is not None:
        return see_other(f"{whose.base}/applications/{found.reference}")
    why = await applying.why_not_open(session, vault, whose.account_id, scheme, on=on)
    explained = await assessing.explain(session, vault, whose.account_id, on=on)
    each = next(each for each in explained if each.decision.scheme == scheme)
    refused = isinstance(each.decision, NotEligible)
    return page(
        request,
        START,
        base=whose.base,
        scheme=scheme,
        name=each.title,
        notes=each.notes,
        not_open=_NOT_OPEN[why] if why else "",
        reasons=conclusions.told_of(each.decision) if refused else (),
    )


@post("/apply/{scheme:str}", status_code=303, opt=OPT)
async def start(
    request: VisitorRequest,
    scheme: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[None]:
    """Begin, or go on with what is begun; pressed twice it is begun once.

    Raises:
        UnknownScheme: there is no such scheme.
    """
    whose = whose_of(request)
    row = await applying.start(session, vault, whose.account_id, scheme, actor=whose.actor, now=now)
    if isinstance(row, NotOpen):
        return see_other(f"{whose.base}/apply/{scheme}")
    return see_other(f"{whose.base}/applications/{row.reference}")


def whereto(whose: Whose, sitting: Sitting) -> str:
    """Where an application that was not sent goes on: its next question, or the answers."""
    here = f"{whose.base}/applications/{sitting.row.reference}"
    return f"{here}/questions/{sitting.asks.fact}" if sitting.asks else f"{here}/check"


@get("/applications/{reference:str}/questions/{fact:str}", opt=OPT)
async def ask(
    request: VisitorRequest,
    reference: FromPath[str],
    fact: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Ask one question, with what was answered before.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
        NoSuchPage: nothing of the kind is asked.
    """
    whose = whose_of(request)
    sitting = await _sitting(whose, reference, session, vault, now)
    if sitting.row.state is not ApplicationState.STARTED:
        return see_other(f"{whose.base}/applications/{reference}")
    question = _question(sitting, fact)
    typed = typed_of(question, sitting.answers[fact]) if fact in sitting.answers else {}
    return _question_page(request, whose, sitting, question, typed)


@post("/applications/{reference:str}/questions/{fact:str}", status_code=200, opt=OPT)
async def answer(
    request: VisitorRequest,
    reference: FromPath[str],
    fact: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Keep the answer and go on, or say what is wrong with it.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
        NoSuchPage: nothing of the kind is asked.
    """
    whose, typed = whose_of(request), await typed_in(request)
    sitting = await _sitting(whose, reference, session, vault, now)
    here = f"{whose.base}/applications/{reference}"
    if sitting.row.state is not ApplicationState.STARTED:
        return see_other(here)
    question = _question(sitting, fact)
    given = read_answer(question, typed)
    if isinstance(given, str):
        return _question_page(request, whose, sitting, question, typed, {FIELD: given})
    try:
        await applying.save(
            session,
            vault,
            whose.account_id,
            reference,
            fact,
            given.value,
            actor=whose.actor,
            now=now,
        )
    except ApplicationClosed:  # sent from another tab meanwhile
        return see_other(here)
    return see_other(whereto(whose, await _sitting(whose, reference, session, vault, now)))


@get("/applications/{reference:str}/check", opt=OPT)
async def show_answers(
    request: VisitorRequest,
    reference: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Show what was answered and what is known, before it is sent.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
    """
    whose = whose_of(request)
    sitting = await _sitting(whose, reference, session, vault, now)
    if sitting.row.state is not ApplicationState.STARTED:
        return see_other(f"{whose.base}/applications/{reference}")
    if sitting.asks is not None:
        return see_other(whereto(whose, sitting))
    return _check_page(request, whose, sitting)


@post("/applications/{reference:str}/check", status_code=200, opt=OPT)
async def send(
    request: VisitorRequest,
    reference: FromPath[str],
    session: NamedDependency[AsyncSession],
    vault: NamedDependency[Vault],
    now: NamedDependency[datetime],
) -> Response[Any]:
    """Send it, unless something is not as the page that was sent showed it.

    Raises:
        NoSuchApplication: there is none of theirs by that reference.
    """
    whose, typed = whose_of(request), await typed_in(request)
    try:
        sent = await applying.submit(
            session,
            vault,
            whose.account_id,
            reference,
            seen=typed.get("seen", ""),
            actor=whose.actor,
            now=now,
        )
    except ApplicationClosed:
        return see_other(f"{whose.base}/applications/{reference}")
    if isinstance(sent, Changed):
        if sent.sitting.asks is not None:
            return see_other(whereto(whose, sent.sitting))
        faults = {"answers": _("Something changed since you looked. Check it and send it again")}
        return _check_page(request, whose, sent.sitting, faults)
    return see_other(f"{whose.base}/applications/{reference}")


async def _sitting(
    whose: Whose, reference: str, session: AsyncSession, vault: Vault, now: datetime
) -> Sitting:
    on = london_date(now)
    return await applying.sitting(session, vault, whose.account_id, reference, on=on)


def _question(sitting: Sitting, fact: str) -> Question:
    if sitting.asks is not None and sitting.asks.fact == fact:
        return sitting.asks
    for question in sitting.asked:
        if question.fact == fact:
            return question
    raise NoSuchPage(_("Page not found"))


def _question_page(
    request: VisitorRequest,
    whose: Whose,
    sitting: Sitting,
    question: Question,
    typed: Typed,
    faults: Mapping[str, str] | None = None,
) -> Response[str]:
    return page(
        request,
        QUESTION,
        status=422 if faults else 200,
        faults=faults,
        typed=typed,
        question=question,
        choices=tuple(ANSWER_WORDS.items()),
        name=sitting.scheme.title,
        here=f"{whose.base}/applications/{sitting.row.reference}",
        back=_before(whose, sitting, question),
    )


def _before(whose: Whose, sitting: Sitting, question: Question) -> str:
    """The question before this one; from the first, the account."""
    asked = [each.fact for each in sitting.asked]
    place = asked.index(question.fact) if question.fact in asked else len(asked)
    here = f"{whose.base}/applications/{sitting.row.reference}"
    return f"{here}/questions/{asked[place - 1]}" if place else f"{whose.base}/requests"


def _check_page(
    request: VisitorRequest,
    whose: Whose,
    sitting: Sitting,
    faults: Mapping[str, str] | None = None,
) -> Response[str]:
    here = f"{whose.base}/applications/{sitting.row.reference}"
    return page(
        request,
        CHECK,
        status=409 if faults else 200,
        faults=faults,
        here=here,
        name=sitting.scheme.title,
        seen=sitting.seen,
        answers=[(each, answer_words(each, sitting.answers[each.fact])) for each in sitting.asked],
        known=_known(sitting),
        follows=SENT_WORDS[sitting.sent.wanted],
        back=f"{whose.base}/requests",
    )


def _known(sitting: Sitting) -> list[tuple[str, str]]:
    """What the answer rests on besides the answers, as far as a page may show it."""
    facts, known = sitting.facts, []
    if facts.birth_date:
        known.append((_("Date of birth"), day(facts.birth_date)))
    if facts.district:
        home = DISTRICTS.get(facts.district)
        known.append((_("Main home"), home.name if home else _("Outside Kent and Medway")))
    return known
