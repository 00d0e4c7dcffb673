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
AFTER_AN_UPDATE = frozenset({"updated", "update-failed"})
PATIENCE_SECONDS = 12.0


class Shown(msgspec.Struct, frozen=True):
    """One state of a terminal's screen, as it tells it on ``/state`` and ``/events``."""

    state: str
    title: str = ""
    advice: str = ""
    reason: str | None = None
    taps: int = 0
    uploaded: int = 0
    online: bool = False

    def answer(self) -> str:
        """The answer in one phrase: ``accepted``, ``refused: not-held`` ..."""
        return self.state if self.reason is None else f"{self.state}: {self.reason}"


class Screen:
    """A terminal's own screen, watched from its loopback address."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._shown: list[Shown] = []
        threading.Thread(target=self._watch, daemon=True).start()

    def now(self) -> Shown:
        """What it shows at this moment."""
        return msgspec.convert(_get(f"{self.url}/state"), Shown)

    def mark(self) -> int:
        """A place in what it has shown so far."""
        return len(self._shown)

    def wait_for(self, states: frozenset[str], since: int) -> Shown:
        """The first of ``states`` it shows after ``since``."""

        def found() -> list[Shown]:
            return [shown for shown in self._shown[since:] if shown.state in states]

        wait_until(
            lambda: bool(found()), f"{self.url} to show {sorted(states)}", seconds=PATIENCE_SECONDS
        )
        return found()[0]

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
        """Set the time for every process."""
        set_demo_clock(self._clock, simulated)

    def new_card(self, label: str) -> str:
        """A blank card as it comes from the factory; answers its id on the tray."""
        return str(_post(f"{self._tray}/cards", {"label": label})["id"])

    def tap(self, card: str, reader: int, *, tear_after: int | None = None) -> str:
        """Lay a card on a reader, wait for the answer, lift it; answers what was shown."""
        with self.laid(card, reader, tear_after=tear_after) as (screen, since):
            return screen.wait_for(ANSWERS, since).answer()

    def tap_and_hold(self, card: str, reader: int, *, tear_after: int | None = None) -> str:
        """Tap and leave the card in the field until the update after the answer is over."""
        with self.laid(card, reader, tear_after=tear_after) as (screen, since):
            answer = screen.wait_for(ANSWERS, since).answer()
            after = screen.wait_for(AFTER_AN_UPDATE, since)
            return f"{answer}, then {after.state}"

    @contextmanager
    def laid(
        self, card: str, reader: int, *, tear_after: int | None = None
    ) -> Iterator[tuple[Screen, int]]:
        """A card on a reader for the length of the block, with the screen and its mark."""
        screen = self.screens[reader]
        since = screen.mark()
        _post(f"{self._tray}/readers/{reader}/lay", {"card": card, "tear_after": tear_after})
        try:
            yield screen, since
        finally:
            httpx.post(
                f"{self._tray}/readers/{reader}/lift", timeout=10
            )  # torn: nothing lies there
            wait_until(lambda: screen.now().state == "waiting", f"{screen.url} to wait again")


def _get(url: str) -> dict[str, object]:
    return _content(httpx.get(url, timeout=10))


def _post(url: str, content: dict[str, object]) -> dict[str, object]:
    return _content(httpx.post(url, json=content, timeout=10))


def _content(answer: httpx.Response) -> dict[str, object]:
    if not answer.is_success:
        raise StepFailed(f"{answer.url} answered {answer.status_code}: {answer.text[:200]}")
    content: dict[str, object] = answer.json() if answer.content else {}
    return content
