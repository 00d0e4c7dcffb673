"""The story, step by step: what is done, what is expected, and what came.

What came is read from the terminals' screens and the server's pages only.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

import httpx

from cardservice.demo.people import Clerk, Resident, card_state, tag_of, wait_for_tag
from cardservice.demo.processes import wait_until
from cardservice.demo.report import Report, StepFailed
from cardservice.demo.setting import DESK, GATEWAY, LIBRARY, Setting
from cardservice.demo.stage import Screen, Stage
from readers.clock import clock_from_environment

ACTS: Final = ("report-lost", "restore-network", "wait-for-birthday")
"""What can be left out, so that a later step cannot come as expected."""

TEAR_AT: Final = 5
"""Command of the update at which the card is torn away: inside the writing, before the commit."""


def london_winter(year: int, month: int, day: int, hour: int, minute: int = 0) -> datetime:
    """A time on London's winter clock, which is UTC."""
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def play(report: Report, stage: Stage, setting: Setting, *, leave_out: str | None = None) -> Clerk:
    """Every scene in order; answers the clerk, who has set her second factor up."""
    scenes = Scenes(report, stage, setting, leave_out)
    for scene in (
        scenes.registration,
        scenes.applying,
        scenes.first_taps,
        scenes.becoming_entitled,
        scenes.times_of_day,
        scenes.network_cut,
        scenes.torn_away,
        scenes.lost_and_replaced,
    ):
        try:
            scene()
        except (StepFailed, httpx.HTTPError) as error:
            report.broke_off(scene.__doc__ or "", error)
    return scenes.clerk


class Scenes:
    """The scenes share the two cards and the two people."""

    def __init__(
        self, report: Report, stage: Stage, setting: Setting, leave_out: str | None
    ) -> None:
        self._step = report.step
        self._scene = report.scene
        self._stage = stage
        clock = clock_from_environment(setting.environment(), demo=True)
        self.clerk = Clerk(setting.base_url, setting.password, clock)
        self._resident = Resident(setting.base_url)
        self._leave_out = leave_out
        self._card = ""
        self._new_card = ""

    def registration(self) -> None:
        """A resident registers and gets a card."""
        self._scene(
            "Friday 27 November 2026: Rosa Marsh, born 31 July 1960, comes to the card office"
        )
        self.clerk.sign_in()
        self._step(
            "the clerk registers her with two documents",
            "library held, travel not yet",
            self._register,
        )
        self._step("a card is ordered", "waiting to be made", lambda: self._card_word("order"))
        self._card = self._stage.new_card("Rosa’s card")
        self._step(
            "a blank card is laid on the desk’s reader",
            "updated",
            lambda: self._stage.make(self._card, DESK),
        )
        self._step(
            "her own page shows the card", "in use", lambda: card_state(self._resident.own_page())
        )

    def applying(self) -> None:
        """She applies, is asked nothing that is known, and has the answer at once."""
        self._step(
            "she applies for the bus pass three days early",
            "refused: You reach the qualifying age on 30 November 2026.",
            lambda: self._resident.apply("travel-older"),
        )

    def first_taps(self) -> None:
        """The card works where it should and nowhere else."""
        self._tap("a tap at Maidstone library", "accepted", LIBRARY)
        self._tap("a travel tap at Ashford Gateway", "refused: not-held", GATEWAY)

    def becoming_entitled(self) -> None:
        """On her pension date the travel entitlement is granted, and nothing is asked."""
        self._scene("Monday 30 November 2026: she has reached pension age")
        if self._leave_out != "wait-for-birthday":
            self._stage.jump_to(london_winter(2026, 11, 30, 10))
        self._step(
            "travel is granted with nothing asked",
            "held",
            lambda: wait_for_tag(self._resident, "travel-older", "held"),
        )
        self._step(
            "the next tap at the Gateway writes it to the card",
            "refused: not-held, then updated",
            lambda: self._stage.tap_and_hold(self._card, GATEWAY),
        )
        self._tap("and the tap after that", "accepted", GATEWAY)

    def times_of_day(self) -> None:
        """The statutory hours, on a working day and on a bank holiday."""
        self._scene("Tuesday 1 December 2026")
        self._stage.jump_to(london_winter(2026, 12, 1, 9, 10))
        self._tap("09:10 at the Gateway", "refused: outside-hours", GATEWAY)
        self._stage.jump_to(london_winter(2026, 12, 1, 9, 31))
        self._tap("09:31 at the Gateway", "accepted", GATEWAY)
        self._scene("Monday 28 December 2026, a bank holiday")
        self._stage.jump_to(london_winter(2026, 12, 28, 9, 10))
        self._tap("09:10 at the Gateway", "accepted", GATEWAY)

    def network_cut(self) -> None:
        """Taps go on without the network and are uploaded once when it returns."""
        screen = self._stage.screens[LIBRARY]
        uploads_are_over(screen)
        before, rows = screen.now().uploaded, self._rows()
        screen.cut_network(cut=True)
        for nth in ("first", "second", "third"):
            self._tap(f"network cut: {nth} tap at the library", "accepted", LIBRARY)
        self._step(
            "none of them is uploaded", "0 of 3", lambda: f"{screen.now().uploaded - before} of 3"
        )
        if self._leave_out != "restore-network":
            screen.cut_network(cut=False)
        self._step(
            "the network returns: all are uploaded once",
            "3 of 3, 3 on her page",
            lambda: self._uploaded(before, rows),
        )

    def torn_away(self) -> None:
        """An update broken off leaves the card as it was, and goes on at the next tap."""
        self._scene("The clerk has the card written again; it is torn away in mid-update")
        self.clerk.sign_in()
        self._step("the card waits to be written again", "something new waits", self._rewrite)
        self._step(
            "torn away while it is written",
            "accepted, then try-again",
            lambda: self._stage.tap_and_hold(self._card, LIBRARY, tear_after=TEAR_AT),
        )
        self._step(
            "whole at the next tap, and written",
            "accepted, then updated",
            lambda: self._stage.tap_and_hold(self._card, LIBRARY),
        )
        self._tap("travel is still on it", "accepted", GATEWAY)

    def lost_and_replaced(self) -> None:
        """A lost card stops working; its replacement keeps everything."""
        self._scene("She reports the card lost and gets another")
        if self._leave_out != "report-lost":
            self._step(
                "the clerk reports it lost", "reported lost", lambda: self._card_word("lost")
            )
        self._stage.jump_to(london_winter(2026, 12, 28, 9, 15))
        self._tap("the lost card at the library", "refused: suspended", LIBRARY)
        self._step(
            "a replacement is ordered", "waiting to be made", lambda: self._card_word("replace")
        )
        self._new_card = self._stage.new_card("Rosa’s new card")
        self._step(
            "a blank card is laid on the desk’s reader",
            "updated",
            lambda: self._stage.make(self._new_card, DESK),
        )
        self._step(
            "the new card at the library",
            "accepted",
            lambda: self._stage.tap(self._new_card, LIBRARY),
        )
        self._step(
            "the new card at the Gateway",
            "accepted",
            lambda: self._stage.tap(self._new_card, GATEWAY),
        )
        self._stage.jump_to(london_winter(2026, 12, 28, 9, 20))
        self._tap("the old card at the library", "refused: replaced", LIBRARY)
        self._tap("the old card at the Gateway", "refused: replaced", GATEWAY)

    def _tap(self, what: str, expected: str, reader: int) -> None:
        self._step(what, expected, lambda: self._stage.tap(self._card, reader))

    def _register(self) -> str:
        page = self.clerk.register()
        return f"library {tag_of(page, 'library')}, travel {tag_of(page, 'travel-older')}"

    def _card_word(self, change: str) -> str:
        do = self.clerk.do_at_desk if change in {"order", "replace"} else self.clerk.do
        return card_state(do(change))

    def _rewrite(self) -> str:
        waits = "Something new waits"
        return waits.lower() if waits in self.clerk.do("rewrite").text else "nothing waits"

    def _uploaded(self, before: int, rows: int) -> str:
        screen = self._stage.screens[LIBRARY]
        uploads_are_over(screen)
        on_page = self._rows() - rows
        return f"{screen.now().uploaded - before} of 3, {on_page} on her page"

    def _rows(self) -> int:
        return self._resident.taps().text.count("Maidstone library")


def uploads_are_over(screen: Screen) -> None:
    """Wait until the server has confirmed every tap, for as long as a step may take."""
    with suppress(StepFailed):
        wait_until(lambda: screen.now().uploaded == screen.now().taps, "all taps to be uploaded")
