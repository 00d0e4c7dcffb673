"""What a venue keeps between two starts: whom it believes, its bundle, and codes it has seen."""

import base64
import binascii
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from readers.contract.wire import KENT, VENUE
from readers.terminal.errors import StateUnusable
from readers.terminal.state import BUNDLE, Identity, State
from readers.verify.errors import NeverFetched, PinUnusable

VENUE_FILE: Final = "venue.json"
FETCHED: Final = "fetched.json"
SEEN: Final = "seen.db"
SEEN_KEPT: Final = timedelta(days=1)
"""How long a code is remembered. It is good for a minute; the rest is for a clock that jumps."""
KEY_BYTES: Final = 32


class Venue(msgspec.Struct, frozen=True, kw_only=True):
    """Whom this device believes.

    Attributes:
        authority: id of the authority whose times of travel apply.
        pinned: key id -> Ed25519 key (32 bytes) that the first bundle may be signed by.
    """

    server_url: str
    authority: str = KENT
    pinned: dict[str, bytes]


class VenueState(State):
    """The state directory of a venue; the bundle in it is kept as a terminal keeps its own."""

    def venue(self) -> Venue:
        """Whom to believe.

        Raises:
            NeverFetched: nobody yet.
            StateUnusable: the file cannot be read.
        """
        venue = self._read(VENUE_FILE, Venue)
        if venue is None:
            raise NeverFetched("This device has never fetched anything.")
        return venue

    def keep_venue(self, venue: Venue) -> None:
        """Store whom to believe; what another server or key vouched for is forgotten."""
        if self._read(VENUE_FILE, Venue) != venue:
            self.forget_bundle()
            self._forget(FETCHED)
            self._write(VENUE_FILE, venue)

    def identity(self) -> Identity:
        """As a terminal that signs nothing; raises as :meth:`venue`."""
        venue = self.venue()
        return Identity(
            terminal_id=VENUE, name=VENUE, private_key=b"", bundle_keys=dict(venue.pinned)
        )

    def bundle_version(self) -> int:
        """Another number when another bundle was stored, by whichever process; 0: there is none."""
        try:
            return (self.directory / BUNDLE).stat().st_mtime_ns
        except OSError:
            return 0

    def fetched_at(self) -> datetime | None:
        """When a bundle last came, by this device's clock. Raises StateUnusable."""
        return self._read(FETCHED, datetime)

    def keep_fetched_at(self, now: datetime) -> None:
        """Store when a bundle came."""
        self._write(FETCHED, now)


class Seen:
    """The codes this device has said yes to; each is taken once, whichever process asks.

    Args:
        directory: the state directory.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / SEEN

    def take(self, jti: bytes, *, now: datetime) -> datetime | None:
        """Remember a code. None: it is new. Else when it was shown here before.

        Raises:
            StateUnusable: it cannot be remembered, and so must not be accepted.
        """
        try:
            with closing(sqlite3.connect(self._path, isolation_level=None, timeout=5)) as file:
                return _take(file, jti, now)
        except sqlite3.Error as error:
            raise StateUnusable(f"{self._path} cannot be written: {error}.") from error


def _take(file: sqlite3.Connection, jti: bytes, now: datetime) -> datetime | None:
    file.execute("PRAGMA synchronous=FULL")
    file.execute("CREATE TABLE IF NOT EXISTS seen (jti BLOB PRIMARY KEY, at INTEGER NOT NULL)")
    file.execute("DELETE FROM seen WHERE at < ?", (_millis(now - SEEN_KEPT),))
    added = file.execute("INSERT OR IGNORE INTO seen VALUES (?, ?)", (jti, _millis(now)))
    if added.rowcount:
        return None
    (at,) = file.execute("SELECT at FROM seen WHERE jti = ?", (jti,)).fetchone()
    return datetime.fromtimestamp(at / 1000, UTC)


def _millis(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def pinned_key(text: str) -> Mapping[str, bytes]:
    """The key in `bun.1:AAAA…` as the card office prints it.

    Raises:
        PinUnusable: it cannot be one.
    """
    key_id, _, encoded = text.strip().partition(":")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError) as error:
        raise PinUnusable("The key is not a name, a colon and 43 letters and digits.") from error
    if not key_id or len(key) != KEY_BYTES:
        raise PinUnusable("The key is not a name, a colon and 43 letters and digits.")
    return {key_id: key}


def default_directory(environ: Mapping[str, str]) -> Path:
    """Where this account keeps such things.

    Source: XDG Base Directory Specification 0.8 (`XDG_STATE_HOME`).
    """
    base = environ.get("XDG_STATE_HOME") or str(Path.home() / ".local" / "state")
    return Path(base) / "kentcard-verify"
