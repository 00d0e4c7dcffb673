"""What the story plays on: readers, cards, screens and the time, all reached over HTTP."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import httpx
import msgspec

from cardservice.demo.processes import wait_until
from cardservice.demo.report import StepFailed
from readers.clock import set_demo_clock

ANSWERS = frozenset({"accepted", "refused", "try-again"})
HOLDING = frozenset({"hold-card"})
ENDS = frozenset({"updated", "refused", "try-again", "fault"})
"""How a card session can end on the screen."""
PATIENCE_SECONDS = 12.0


class Shown(msgspec.Struct, frozen=True):
    """One state of a terminal's screen, as it tells it on ``/state`` and ``/events``."""

    state: str
    at: datetime
    title: str = ""
    advice: str = ""
    reason: str = ""
    taps: int = 0
    uploaded: int = 0
    online: bool = False
    bundle_at: datetime | None = None

    def answer(self) -> str:
        """The answer in one phrase: ``accepted``, ``refused: not-held`` ..."""
        return f"{self.state}: {self.reason}" if self.reason else self.state


class Screen:
    """A terminal's own screen, watched from its loopback address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._shown: list[Shown] = []
        threading.Thread(target=self._watch, daemon=True).start()

    def now(self) -> Shown:
        """What it shows at this moment."""
        return msgspec.convert(_get(f"{self.url}/state"), Shown)

    def wait_for(self, states: frozenset[str], after: datetime) -> Shown:
        """The first of ``states`` that came up after ``after``, by the terminal's clock.

        Raises:
            StepFailed: if none comes; the text says what it shows instead.
        """
        try:
            wait_until(
                lambda: self._first(states, after) is not None,
                f"{self.url} to show {', '.join(sorted(states))}",
                seconds=PATIENCE_SECONDS,
            )
        except StepFailed as error:
            raise StepFailed(f"{error} It shows {self.now().answer()}.") from error
        shown = self._first(states, after)
        if shown is None:
            raise StepFailed("what was shown is gone")
        return shown

    def _first(self, states: frozenset[str], after: datetime) -> Shown | None:
        # The edge of a picture may change (a tap is uploaded); the time it came up does not.
        fitting = (one for one in self._shown if one.state in states and one.at > after)
        return next(fitting, None)

    def has_news_from(self, simulated: datetime) -> bool:
        """Whether its bundle was made at that time or later (to the second)."""
        made = self.now().bundle_at
        return made is not None and made >= simulated.replace(microsecond=0)

    def cut_network(self, *, cut: bool) -> None:
        """Part the terminal from the server, or join them again (demo mode only)."""
        _post(f"{self.url}/network", {"cut": cut})

    def _watch(self) -> None:
        with httpx.stream("GET", f"{self.url}/events", timeout=None) as answer:  # noqa: S113  as long as the demo
            for line in answer.iter_lines():
                if line.startswith("data:"):
                    self._shown.append(msgspec.convert(json.loads(line[5:]), Shown))


class Stage:
    """Readers with their terminals, virtual cards, and a clock that everybody reads.

    Args:
        tray_url: the process that lays virtual cards on readers.
        clock: the file behind ``KENTCARD_CLOCK``.
        screens: one for each reader, in the readers' order.
    """

    def __init__(self, tray_url: str, clock: Path, screens: list[Screen]) -> None:
        self._tray = tray_url
        self._clock = clock
        self.screens = screens

    def jump_to(self, simulated: datetime) -> None:
        """Set the time for every process, and wait until the terminals have news from then."""
        set_demo_clock(self._clock, simulated)
        for screen in self.screens:
            wait_until(lambda: screen.has_news_from(simulated), f"{screen.url} to hear the server")  # noqa: B023  called at once

    def new_card(self, label: str) -> str:
        """A blank card as it comes from the factory; answers its id on the tray."""
        return str(_post(f"{self._tray}/cards", {"label": label})["id"])

    def tap(self, card: str, reader: int) -> str:
        """Lay a card on a reader, wait for the answer, lift it; answers what was shown."""
        with self._laid(card, reader) as (screen, before):
            return screen.wait_for(ANSWERS, before).answer()

    def tap_and_hold(self, card: str, reader: int, *, tear_after: int | None = None) -> str:
        """Tap and leave the card in the field until the update after the answer is over.

        Args:
            card: which.
            reader: where.
            tear_after: at which command, counted from the laying, the card loses its power.
        """
        with self._laid(card, reader, tear_after) as (screen, before):
            answer = screen.wait_for(ANSWERS, before)
            holding = screen.wait_for(HOLDING, answer.at)
            after = screen.wait_for(ENDS, holding.at)
            return f"{answer.answer()}, then {after.state}"

    def make(self, card: str, desk: int) -> str:
        """Lay a blank card on a desk until it is personalised, or not."""
        with self._laid(card, desk) as (screen, before):
            return screen.wait_for(ENDS, before).state

    @contextmanager
    def _laid(
        self, card: str, reader: int, tear_after: int | None = None
    ) -> Iterator[tuple[Screen, datetime]]:
        """A card on a reader for the length of the block, with the screen and when it was laid."""
        screen = self.screens[reader]
        before = screen.now().at
        _post(f"{self._tray}/readers/{reader}/lay", {"card": card, "tear_after": tear_after})
        try:
            yield screen, before
        finally:
            _post(f"{self._tray}/readers/{reader}/lift", {})


def _get(url: str) -> dict[str, object]:
    return _content(httpx.get(url, timeout=10))


def _post(url: str, content: dict[str, object]) -> dict[str, object]:
    return _content(httpx.post(url, json=content, timeout=10))


def _content(answer: httpx.Response) -> dict[str, object]:
    if not answer.is_success:
        raise StepFailed(f"{answer.url} answered {answer.status_code}: {answer.text[:200]}")
    content: dict[str, object] = answer.json() if answer.content else {}
    return content
