"""How the demo tells what it does: one plain line a step."""

import sys
from collections.abc import Callable
from typing import TextIO

import httpx
import msgspec


class Report:
    """Prints each step with what was expected and what came, and counts.

    On a terminal a line shows the step while it runs; in a pipe only whole lines are written.
    """

    def __init__(self, out: TextIO = sys.stdout) -> None:
        self._out = out
        self._live = out.isatty()
        self.as_expected = 0
        self.not_as_expected = 0

    def scene(self, title: str) -> None:
        """A heading, for example the day the next steps happen on."""
        print(f"\n{title}", file=self._out, flush=True)

    def note(self, text: str) -> None:
        """A line that is no step."""
        print(text, file=self._out, flush=True)

    def step(self, what: str, expected: str, act: Callable[[], str]) -> None:
        """Run ``act``, print what came of it, and count it.

        A failing act is a step that did not come as expected; the story goes on.
        """
        number = self.as_expected + self.not_as_expected + 1
        if self._live:
            print(f"  .. {number:2} {what} …", end="\r", file=self._out, flush=True)
        try:
            came = act()
        except (StepFailed, httpx.HTTPError) as error:
            came = f"failed: {error}"
        right = came == expected
        self.as_expected += right
        self.not_as_expected += not right
        self._print(StepLine(number, what, expected, came))

    def _print(self, line: "StepLine") -> None:
        if self._live:
            print("\x1b[2K", end="", file=self._out)
        print(line.text(), file=self._out, flush=True)

    def total(self) -> str:
        """The last line of a demo that was played once."""
        return f"demo: {self.as_expected} steps as expected, {self.not_as_expected} not"


class StepFailed(Exception):
    """A step could not be played; the text says what was missing."""


class StepLine(msgspec.Struct, frozen=True):
    """One finished step."""

    number: int
    what: str
    expected: str
    came: str

    def text(self) -> str:
        """The line, with a word rather than a colour for how it went."""
        if self.came == self.expected:
            return f"  ok {self.number:2} {self.what}: expected and came: {self.came}"
        return f" NOT {self.number:2} {self.what}: expected: {self.expected}; came: {self.came}"
