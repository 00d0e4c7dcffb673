"""Every message between a terminal and the server.

JSON by msgspec; unknown fields are ignored, so that either side may be older. A field is never
reused; a new one has a default. Bytes travel as base64. Only a change that an old peer must not
ignore raises :data:`WIRE_VERSION`.
"""

from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from readers.contract.reasons import Reason
from readers.contract.record import Index, Number, Sequence
from readers.contract.services import Service
from readers.contract.windows import DatedWindow

WIRE_VERSION: Final = 1
OLDEST_WIRE_VERSION: Final = 1
"""Of terminals that a server of this version still speaks with."""
MAX_BATCH: Final = 500

ENROL_PATH: Final = "/api/terminal/enrol"
BUNDLE_PATH: Final = "/api/terminal/bundle"
READ_KEYS_PATH: Final = "/api/terminal/read-keys"
TAPS_PATH: Final = "/api/terminal/taps"
CHECKS_PATH: Final = "/api/terminal/checks"
PAIRING_PATH: Final = "/api/terminal/pairing-code"
CARD_SESSION_PATH: Final = "/api/terminal/card-session"
STATUS_LISTS_PATH: Final = "/status-lists"
STATUS_SHARDS_PATH: Final = "/status-shards"
LISTS: Final = "lists"
"""Of the question for a bundle: in what form the terminal wants its status lists."""
LISTS_IN_SHARDS: Final = "shards"
VENUE_BUNDLE_PATH: Final = "/venue-bundle"
VENUE: Final = "venue"
"""In place of a terminal's id in the bundle that every venue gets, which is secret to nobody."""
KENT: Final = "kent-county-council"
"""The authority whose times of travel apply where nobody named another."""

Uid = Annotated[bytes, Meta(min_length=4, max_length=10)]
Apdu = Annotated[bytes, Meta(min_length=1, max_length=512)]
Link = Annotated[bytes, Meta(min_length=32, max_length=32)]
PASS_BACK_SECONDS: Final = 10
"""For so long a card that is tapped again gets the answer it got, where nothing else is set."""


def status_list_path(service: Service) -> str:
    """Where a service's status list is public; its token's ``sub`` is a URI of this path."""
    return f"{STATUS_LISTS_PATH}/{service}"


def status_shards_path(service: Service) -> str:
    """Where a service's shards are public, each under its digest; its manifest's ``sub``."""
    return f"{STATUS_SHARDS_PATH}/{service}"


class Purpose(StrEnum):
    """What a terminal may do."""

    VALIDATE = "validate"
    UPDATE = "update"
    PERSONALISE = "personalise"


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The one-time code an operator was given, and the terminal's new public key (Ed25519)."""

    code: Annotated[str, Meta(min_length=4, max_length=64)]
    public_key: Annotated[bytes, Meta(min_length=32, max_length=32)]
    wire_version: int = WIRE_VERSION


class Enrolled(msgspec.Struct, frozen=True, kw_only=True):
    """The server's answer: who the terminal is from now on, and the key its bundles must carry.

    Attributes:
        bundle_keys: key id -> Ed25519 public key (32 bytes), pinned by the terminal.
        server_time: aware UTC; the terminal's clock may not run behind it.
    """

    terminal_id: str
    name: str
    bundle_keys: dict[str, bytes]
    server_time: datetime


class StalePolicy(StrEnum):
    """What a service wants when the status list is older than it tolerates."""

    ALLOW_AND_FLAG = "allow-and-flag"
    REFER = "refer"


class ServiceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How one service is checked.

    Attributes:
        stale_after_hours: age of the status list (from its ``iat``) from which ``stale_policy``
            applies.
        window_start, window_end: London times of a working day in which a use may begin; both or
            neither. Those of the day the bundle was made: terminals that know no ``windows`` go by
            them, and so does a day that none of ``windows`` covers.
        windows: the same with their days, as published: a change inside the bundle's life happens
            on its day, with or without a network.
        pass_back_seconds: how long the same card gets the same answer; 0: it is decided anew.
    """

    stale_after_hours: int
    stale_policy: StalePolicy
    window_start: time | None = None
    window_end: time | None = None
    windows: list[DatedWindow] = []
    pass_back_seconds: Annotated[int, Meta(ge=0, le=3600)] = PASS_BACK_SECONDS


class Bundle(msgspec.Struct, frozen=True, kw_only=True):
    """What a terminal needs to decide offline. Claims of a token of type ``kentcard-bundle+jwt``.

    Attributes:
        iat, exp: whole seconds.
        terminal_id: whom it is for.
        issuer_keys: COSE key id (text) -> Ed25519 public key that signs records.
        status_keys: key id -> Ed25519 public key that signs status lists.
        bundle_keys: key id -> the keys the next bundle may be signed by.
        status_lists: service -> status list token.
        bank_holidays: free days for the travel window.
        minima: service -> place in the status list -> the lowest sequence a record there may have.
            Only of records that were written anew with less in them: an older one was put back.
        hotlists: service -> token of a :class:`readers.contract.shards.Manifest`, for a terminal
            that said in its question that it knows ``LISTS_IN_SHARDS``; it then gets no
            ``status_lists``, and fetches the shards that it has not.
        set_up: a :class:`readers.contract.products.SetUp`, read apart, so that a setting which a
            terminal cannot take costs it no list.
    """

    iat: int
    exp: int
    terminal_id: str
    name: str
    place: str
    services: dict[Service, ServiceSettings]
    purposes: list[Purpose]
    issuer_keys: dict[str, bytes]
    status_keys: dict[str, bytes]
    bundle_keys: dict[str, bytes]
    status_lists: dict[Service, str]
    bank_holidays: list[date]
    minima: dict[Service, dict[Index, Sequence]] = {}
    hotlists: dict[Service, str] = {}
    refresh_seconds: int = 60
    set_up: dict[str, Any] = {}
    wire_version: int = WIRE_VERSION


class SignedBundle(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``BUNDLE_PATH``: the token whose claims are a :class:`Bundle`."""

    token: str
    server_time: datetime


READ_KEYS_EVERY: Final = timedelta(hours=1)
"""How often a terminal that is online asks for its read keys, whatever else happens. So no card may
need a new one earlier."""


class ReadKey(msgspec.Struct, frozen=True, kw_only=True):
    """A service's read master (AES-128) of one generation; diversified per card by the terminal."""

    generation: int
    key: Annotated[bytes, Meta(min_length=16, max_length=16)]

    def __repr__(self) -> str:
        """Without the key: it must not reach a log."""
        return f"ReadKey(generation={self.generation})"


class ReadKeys(msgspec.Struct, frozen=True):
    """Answer of ``READ_KEYS_PATH``: newest generation first, for the terminal's services only."""

    keys: dict[Service, list[ReadKey]]


class Mode(StrEnum):
    """Whether the server was asked before the light."""

    ONLINE = "online"
    OFFLINE = "offline"


class TapEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One decided tap as the terminal journalled it.

    Attributes:
        sequence: the terminal's own count, from 1 without gaps.
        taken_at: aware UTC by the terminal's clock.
        number, status_index, record_sequence: from a verified record, else absent.
        reason: why not; absent when accepted without a remark. An accepted tap with a reason is
            flagged (list-stale).
        repeats: the tap whose answer was given again, because the same card came back at once.
        shown: whether the answer was put on the screen. False: the terminal ended between writing
            it down and noting that it was shown. Absent from terminals that do not note it.
        link: see :mod:`readers.contract.chain`; absent from terminals that keep no chain.
    """

    sequence: Sequence
    taken_at: Annotated[datetime, Meta(tz=True)]
    service: Service
    accepted: bool
    mode: Mode
    reason: Reason | None = None
    number: Number | None = None
    status_index: Index | None = None
    record_sequence: Sequence | None = None
    repeats: Sequence | None = None
    shown: bool | None = None
    link: Link | None = None


class TapUpload(msgspec.Struct, frozen=True, kw_only=True):
    """A batch; any order, any repetition: (terminal, sequence) makes it idempotent."""

    taps: Annotated[list[TapEvent], Meta(min_length=1, max_length=MAX_BATCH)]


class TapsStored(msgspec.Struct, frozen=True, kw_only=True):
    """The server's receipt: it now holds every one of these for ever.

    Attributes:
        stored: sequences that are safe at the server, new or known before.
        new: how many of them it had not seen before.
    """

    stored: list[int]
    new: int
    server_time: datetime


class SeenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """The verified record a terminal read, as far as the server needs it to answer."""

    number: Number
    status_index: Index
    record_sequence: Sequence


class CheckRequest(msgspec.Struct, frozen=True, kw_only=True):
    """An online terminal asks before the light; ``record`` is absent when the card holds none."""

    service: Service
    uid: Uid
    record: SeenRecord | None = None


class CheckAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What the server knows now.

    Attributes:
        status: of the record, as :class:`readers.contract.statuslist.Status`; absent when no
            record was named.
        update_owed: whether a card session with purpose *update* would write something.
        least_sequence: the lowest sequence the record may have, if there is such a bound.
    """

    status: int | None
    update_owed: bool
    server_time: datetime
    least_sequence: Sequence | None = None


class PairingOffer(msgspec.Struct, frozen=True, kw_only=True):
    """Answer of ``PAIRING_PATH``: what the screen shows to whoever wants the reader for themselves.

    Attributes:
        code: to be typed at a member of staff's browser, once.
        expires_at: aware UTC by the server's clock.
    """

    code: str
    expires_at: datetime
    server_time: datetime


# -- card session, over a WebSocket; the terminal forwards APDUs and nothing else ------------------


class UpdateKind(StrEnum):
    """What is done to a card that is in use, in the order in which it is done.

    A terminal may know the kind, and never of which service.
    """

    BLOCK = "block"
    REMOVE = "remove"
    CHANGE = "change"
    UNBLOCK = "unblock"
    ADD = "add"
    ROLL_KEYS = "roll-keys"


class Hello(msgspec.Struct, frozen=True, tag="hello", kw_only=True):
    """Terminal -> server, first message: the card in the field and what it is there for."""

    purpose: Purpose
    uid: Uid
    wire_version: int = WIRE_VERSION


class Command(msgspec.Struct, frozen=True, tag="command", kw_only=True):
    """Server -> terminal: send this to the card. ``step`` counts from 1.

    ``doing`` are values of :class:`UpdateKind`, for the screen; a kind that the terminal does not
    know is none of its business.
    """

    step: int
    apdu: Apdu
    doing: list[str] = []


class Answer(msgspec.Struct, frozen=True, tag="answer", kw_only=True):
    """Terminal -> server: what the card answered to ``step``."""

    step: int
    apdu: Apdu


class Broken(msgspec.Struct, frozen=True, tag="broken", kw_only=True):
    """Terminal -> server: the card or reader is gone; the session is over and can be run again."""

    reason: Reason


class SessionResult(StrEnum):
    """How a card session ended."""

    DONE = "done"
    NOTHING_OWED = "nothing-owed"
    NO_ORDER = "no-order"
    UNKNOWN_CARD = "unknown-card"
    CARD_FAILED = "card-failed"
    BROKEN_OFF = "broken-off"
    TIMED_OUT = "timed-out"
    REFUSED = "refused"


class Ended(msgspec.Struct, frozen=True, tag="ended", kw_only=True):
    """Server -> terminal, last message, with words for the screen.

    ``usable`` is false when what was done is that nobody can use the card any more.
    """

    result: SessionResult
    title: str
    advice: str = ""
    usable: bool = True


FromTerminal = Hello | Answer | Broken
FromServer = Command | Ended
