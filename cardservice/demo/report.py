"""How the demo tells what it does: one plain line a step."""

import sys
from collections.abc import Callable
from typing import TextIO

import httpx

CLEAR_LINE = "\x1b[2K"


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
        self.note(f"\n{title}")

    def note(self, text: str) -> None:
        """A line that is no step."""
        self._write(f"{text}\n")

    def step(self, what: str, expected: str, act: Callable[[], str]) -> None:
        """Run ``act``, print what came of it, and count it.

        A failing act is a step that did not come as expected; the story goes on.
        """
        number = self.as_expected + self.not_as_expected + 1
        if self._live:
            self._write(f"  .. {number:2} {what} …\r")
        try:
            came = act()
        except (StepFailed, httpx.HTTPError) as error:
            came = f"failed: {error}"
        right = came == expected
        self.as_expected += right
        self.not_as_expected += not right
        self.note(f"{CLEAR_LINE if self._live else ''}{line_of(number, what, expected, came)}")

    def broke_off(self, scene: str, error: Exception) -> None:
        """Count a scene that could not be played to its end as a step that did not come."""
        self.not_as_expected += 1
        self.note(f" NOT    {scene} The scene broke off: {error}")

    def _write(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()

    def total(self) -> str:
        """The last line of a demo that was played once."""
        return f"demo: {self.as_expected} steps as expected, {self.not_as_expected} not"


class StepFailed(Exception):
    """A step could not be played; the text says what was missing."""


def line_of(number: int, what: str, expected: str, came: str) -> str:
    """One finished step, with a word rather than a colour for how it went."""
    if came == expected:
        return f"  ok {number:2} {what}: expected and came: {came}"
    return f" NOT {number:2} {what}: expected: {expected}; came: {came}"
