"""The demo's world: one server, one worker, three terminals, and who runs them."""

import secrets
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

from cardservice.demo.people import NAME, USERNAME
from cardservice.demo.processes import Processes
from cardservice.demo.stage import Screen, Stage
from readers.contract.services import Service
from readers.contract.wire import Purpose

OPENING: Final = datetime(2026, 11, 27, 10, 0, tzinfo=UTC)
"""The first morning of the story, a Friday."""

BIN: Final = Path(sys.executable).parent
PASSWORD_LETTERS: Final = 18
CODES_TO_TRY: Final = 3


class Reader(msgspec.Struct, frozen=True):
    """A reader with its terminal."""

    name: str
    place: str
    services: tuple[Service, ...]
    purposes: tuple[Purpose, ...]


READERS: Final = (
    Reader(
        "Card office desk",
        "Card office",
        (Service.LIBRARY,),
        (Purpose.PERSONALISE, Purpose.VALIDATE),
    ),
    Reader(
        "Maidstone library kiosk",
        "Maidstone library",
        (Service.LIBRARY,),
        (Purpose.VALIDATE, Purpose.UPDATE),
    ),
    Reader(
        "Ashford Gateway",
        "Ashford Gateway",
        (Service.TRAVEL,),
        (Purpose.VALIDATE, Purpose.UPDATE),
    ),
)
DESK, LIBRARY, GATEWAY = range(len(READERS))


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything of one demo is.

    Attributes:
        directory: absolute; holds database, keys, logs and terminals.
        clock: the file behind ``KENTCARD_CLOCK``.
        port: of the server; the terminals' screens follow it.
        pcsc_names: what PC/SC calls the readers, in the order of :data:`READERS`.
    """

    directory: Path
    clock: Path
    port: int
    database_url: str
    tray_url: str
    pcsc_names: Sequence[str]
    password: str = msgspec.field(default_factory=lambda: secrets.token_urlsafe(PASSWORD_LETTERS))

    @property
    def base_url(self) -> str:
        """Of the server."""
        return f"http://localhost:{self.port}"

    def screen_url(self, reader: int) -> str:
        """Of a terminal's own screen."""
        return f"http://localhost:{self.port + 1 + reader}"

    def environment(self) -> dict[str, str]:
        """What every process of the demo is told."""
        return {
            "KENTCARD_DEMO": "1",
            "KENTCARD_CLOCK": str(self.clock),
            "KENTCARD_DATABASE_URL": self.database_url,
            "KENTCARD_KEYS": str(self.directory / "keys.json"),
            "KENTCARD_KEYS_PASSPHRASE_FILE": str(self.directory / "keys.passphrase"),
            "KENTCARD_OUTBOX": str(self.directory / "outbox"),
            "KENTCARD_BASE_URL": self.base_url,
            "KENTCARD_TRAY_URL": self.tray_url,
            "KENTCARD_DEMO_SCREENS": " ".join(self.screen_url(n) for n in range(len(READERS))),
        }

    def set_up(self, processes: Processes) -> Stage:
        """Keys, database, a clerk, the server and the terminals, from nothing."""
        kentcard = str(BIN / "kentcard")
        processes.run([kentcard, "keys", "init"])
        processes.run([kentcard, "db", "upgrade"])
        processes.run(
            [
                kentcard,
                "staff",
                "add",
                "--username",
                USERNAME,
                "--name",
                "Sam Clerk",
                "--role",
                "card-officer",
            ],
            given=f"{self.password}\n",
        )
        processes.start("server", [kentcard, "serve", "--port", str(self.port)])
        processes.start("worker", [kentcard, "worker"])
        processes.wait_for("server", f"{self.base_url}/readyz")
        for number in range(len(READERS)):
            self._start_terminal(processes, number)
        screens = [Screen(self.screen_url(number)) for number in range(len(READERS))]
        return Stage(self.tray_url, self.clock, screens)

    def _start_terminal(self, processes: Processes, number: int) -> None:
        reader = READERS[number]
        command = [str(BIN / "kentcard"), "terminal", "enrol", "--json"]
        command += ["--name", reader.name, "--place", reader.place]
        command += [word for service in reader.services for word in ("--service", service)]
        command += [word for purpose in reader.purposes for word in ("--purpose", purpose)]
        code = msgspec.json.decode(processes.run(command))["code"]
        own = {
            "KENTCARD_TERMINAL_SERVER_URL": self.base_url,
            "KENTCARD_TERMINAL_STATE_DIR": str(self.directory / f"terminal-{number}"),
            "KENTCARD_TERMINAL_READER": self.pcsc_names[number],
            "KENTCARD_TERMINAL_SCREEN_PORT": str(self.port + 1 + number),
        }
        terminal = str(BIN / "kentcard-terminal")
        processes.run([terminal, "enrol"], given=f"{code}\n", **own)
        name = f"terminal-{number}-log"
        processes.start(name, [terminal, "run"], **own)
        processes.wait_for(name, f"{self.screen_url(number)}/state")

    def invitation(self, recovery_codes: Sequence[str]) -> str:
        """What to look at while the demo stays up.

        Args:
            recovery_codes: of the clerk, each good once; a phone's clock would not show her time.
        """
        codes = ", ".join(recovery_codes[:CODES_TO_TRY])
        return f"""
The server is at {self.base_url}. Four things to try:
  1. Tap: open {self.base_url}/tray, lay a card on a reader and watch its screen,
     for example {self.screen_url(LIBRARY)} (the library kiosk).
  2. Be the clerk: {self.base_url}/staff/sign-in, user name {USERNAME}, password {self.password},
     “I cannot use my app” and one of her recovery codes ({codes});
     find {NAME}: what she holds, why, why not yet, and her taps.
  3. Issue a card as the clerk: at {self.screen_url(DESK)} press “Use this reader with my browser”,
     type its code at {self.base_url}/staff/readers, then “Issue a card now” on a record;
     lay a new blank card on the first reader at {self.base_url}/tray.
  4. Be the resident: {self.base_url}/sign-in with rosa.marsh@example.org; her code is at
     {self.base_url}/outbox.
  4. Make a card: as the clerk register somebody and choose “Issue a card now”. Press the button
     on {self.screen_url(DESK)} (the desk’s reader), type its code at “Your readers”, make a blank
     at {self.base_url}/tray and lay it on the desk’s reader.
It is {NAME}'s time there, not ours. Press Ctrl-C to stop."""
