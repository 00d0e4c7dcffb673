"""One tap: read, decide, write down, show; and only then bring the card up to date."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial
from typing import assert_never

import msgspec

from readers.card.apdu import run
from readers.card.channel import Channel
from readers.card.procedures import read_uid
from readers.contract.products import Product
from readers.contract.reasons import Reason
from readers.contract.record import Record
from readers.contract.services import Service
from readers.contract.wire import (
    Broken,
    CheckAnswer,
    CheckRequest,
    Ended,
    Hello,
    Mode,
    Purpose,
    SeenRecord,
    SessionResult,
    TapEvent,
    UpdateKind,
)
from readers.errors import ReadersError
from readers.terminal import display
from readers.terminal.bundle import BundleView
from readers.terminal.decide import (
    Accepted,
    Case,
    Outcome,
    Refused,
    Tap,
    TryAgain,
    decide,
    open_record,
)
from readers.terminal.display import Kind, Picture
from readers.terminal.errors import TerminalError
from readers.terminal.front_desk import tell_bus_pass
from readers.terminal.parts import Terminal
from readers.terminal.pass_back import Given
from readers.terminal.reading import failure, read_tap
from readers.terminal.relay import run_card_session

log = logging.getLogger(__name__)


def serve_card(terminal: Terminal, channel: Channel) -> None:
    """Do with the card in the field what this terminal is there for.

    Errors of card and reader are answered on the screen; none is raised.
    """
    now = terminal.clock()
    problem = terminal.problem(now)
    if problem is not None:
        terminal.show(display.of_outcome(problem, terminal.service))
    elif terminal.makes_cards:
        _make_card(terminal, channel, now)
    else:
        _validate(terminal, channel, now)


def _validate(terminal: Terminal, channel: Channel, now: datetime) -> None:
    bundle, service = terminal.holdings.bundle, terminal.service
    if bundle is None or service is None:  # taken away between the check and here
        terminal.show(display.of_outcome(TryAgain(Reason.NOT_READY), service))
        return
    terminal.show(display.READING)
    keys = terminal.holdings.keys.get(service, [])
    reading = read_tap(channel, service, keys, random=terminal.random)
    if terminal.product is Product.FRONT_DESK and reading == Refused(Reason.FOREIGN_CARD):
        picture = tell_bus_pass(terminal.server, channel, now=now)
        if picture is not None:  # no tap of ours: nothing was asked and nothing was decided
            terminal.show(picture)
            return
    match reading:
        case Tap():
            _decide(terminal, channel, reading, bundle, now)
        case Refused() | TryAgain():
            _light(terminal, Light(reading, service, Mode.OFFLINE, now))
        case _:
            assert_never(reading)


def _decide(
    terminal: Terminal, channel: Channel, tap: Tap, bundle: BundleView, now: datetime
) -> None:
    opened, rules = open_record(tap, bundle), bundle.services[tap.service]
    question, answer = _question(tap, opened), None
    outcome: Accepted | Refused
    given = terminal.pass_back.again(tap, within=rules.pass_back, now=now)
    if given is not None:
        outcome = given.outcome
    else:
        answer = terminal.asker.ask_before_the_light(question, now=now)
        outcome = (
            opened
            if isinstance(opened, Refused)
            else decide(Case(tap, opened, bundle, rules, now, answer))
        )
    mode = Mode.ONLINE if answer is not None else Mode.OFFLINE
    shown = _light(terminal, Light(outcome, tap.service, mode, now, tap, given))
    if terminal.may(Purpose.UPDATE) and not isinstance(shown, TryAgain):
        _update(terminal, channel, question, answer, shown)


class Light(msgspec.Struct, frozen=True):
    """An outcome that is about to be shown.

    Attributes:
        tap: absent when no genuine card of ours was read.
        given: the answer to the same card that this one repeats.
    """

    outcome: Outcome
    service: Service
    mode: Mode
    now: datetime
    tap: Tap | None = None
    given: Given | None = None

    def event(self, sequence: int, decided: Accepted | Refused) -> TapEvent:
        """What is written down."""
        record = decided.record
        return TapEvent(
            sequence=sequence,
            taken_at=self.now,
            service=self.service,
            accepted=isinstance(decided, Accepted),
            mode=self.mode,
            reason=decided.flag if isinstance(decided, Accepted) else decided.reason,
            number=record.number if record else None,
            status_index=record.status_index if record else None,
            record_sequence=record.sequence if record else None,
            repeats=self.given.sequence if self.given else None,
        )


def _light(terminal: Terminal, light: Light) -> Outcome:
    """Write a decided tap down, then show it; what could not be written down is not decided.

    A till is told of a yes alone, and after the light.
    """
    outcome = light.outcome
    if isinstance(outcome, TryAgain):
        terminal.show(display.of_outcome(outcome, light.service))
        return outcome
    try:
        event = terminal.journal.append(partial(light.event, decided=outcome))
    except TerminalError as error:
        log.exception("a tap was not written down")
        log.warning("%s", error.remedy)
        full = TryAgain(Reason.JOURNAL_FULL)
        terminal.show(display.of_outcome(full, light.service))
        return full
    log.info("tap %d: %s", event.sequence, event.reason or "accepted")
    terminal.answer(display.of_outcome(outcome, light.service), event.sequence)
    terminal.sync.wake()
    if light.tap is not None and light.given is None:
        terminal.pass_back.remember(Given(light.tap, outcome, event.sequence, light.now))
    if isinstance(outcome, Accepted):
        terminal.tell_till(outcome.record, now=light.now)
    return outcome


def _question(tap: Tap, opened: Record | Refused) -> CheckRequest:
    seen = None
    if isinstance(opened, Record):
        seen = SeenRecord(
            number=opened.number,
            status_index=opened.status_index,
            record_sequence=opened.sequence,
        )
    return CheckRequest(service=tap.service, uid=tap.uid, record=seen)


def _update(
    terminal: Terminal,
    channel: Channel,
    question: CheckRequest,
    answer: CheckAnswer | None,
    shown: Accepted | Refused,
) -> None:
    if answer is None:
        answer = terminal.asker.ask_after_the_light(question, now=terminal.clock())
    if answer is None or not answer.update_owed:
        return
    terminal.show(display.of_hold(shown))
    terminal.pass_back.forget(question.uid)
    done: list[str] = []

    def tell(doing: Sequence[str]) -> None:
        done.extend(doing)
        terminal.show(display.of_hold(shown, doing))

    ended = _session(terminal, channel, Hello(purpose=Purpose.UPDATE, uid=question.uid), tell)
    match ended:
        case Ended(result=SessionResult.NOTHING_OWED):
            terminal.show(display.of_outcome(shown, question.service))
        case Broken() | TerminalError() if UpdateKind.BLOCK in done:
            terminal.show(display.of_outcome(shown, question.service))  # refused, torn or not
        case _:
            terminal.show(_picture(ended, Purpose.UPDATE))


def _make_card(terminal: Terminal, channel: Channel, now: datetime) -> None:
    """Make the card that waits to be made; where none does, a desk that checks cards tests it."""
    try:
        uid = run(read_uid(), channel)
    except ReadersError as error:
        unread = failure(error)
        terminal.show(display.of_outcome(unread, None))
        _session(terminal, channel, Broken(reason=unread.reason))
        return
    terminal.show(display.HOLD_MAKING)
    ended = _session(terminal, channel, Hello(purpose=Purpose.PERSONALISE, uid=uid))
    if isinstance(ended, Ended) and ended.result is SessionResult.NO_ORDER and terminal.tests_cards:
        _validate(terminal, channel, now)
    else:
        terminal.show(_picture(ended, Purpose.PERSONALISE))


def _session(
    terminal: Terminal,
    channel: Channel,
    opening: Hello | Broken,
    doing: Callable[[Sequence[str]], None] = lambda _: None,
) -> Ended | Broken | TerminalError:
    try:
        ended = run_card_session(
            terminal.server.url,
            opening,
            channel,
            authorization=terminal.server.authorization(terminal.clock()),
            network=terminal.network,
            doing=doing,
        )
    except TerminalError as error:
        log.warning("card session (%s): %s: %s", _about(opening), error.code, error)
        return error
    log.info("card session (%s): %s", _about(opening), _told(ended))
    return ended


def _about(opening: Hello | Broken) -> str:
    return opening.purpose if isinstance(opening, Hello) else opening.reason


def _told(ended: Ended | Broken) -> str:
    return ended.result if isinstance(ended, Ended) else ended.reason


def _picture(ended: Ended | Broken | TerminalError, purpose: Purpose) -> Picture:
    match ended:
        case Ended():
            return display.of_ended(ended)
        case Broken(reason=reason):
            return display.of_broken(reason, purpose)
        case TerminalError():
            words = display.INTERRUPTED if purpose is Purpose.UPDATE else display.NO_SESSION
            return Picture(Kind.TRY_AGAIN, words, ended.code)
