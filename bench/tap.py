"""What a tap costs through a running pcscd, in parts, beside the bare exchange of as many bytes.

The floor is an echo card behind the same reader: as many commands and answers of the same length,
with no cryptography on either side. The virtual card runs in this process, so its own work is part
of the exchange; a card of silicon has its own processor, but adds radio time.
"""

import os
import secrets
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from bench import _radio
from readers.card.apdu import run
from readers.card.channel import Channel
from readers.card.keys import KeyAt, diversification_input, diversify
from readers.card.layout import FILES, KENT_AID, KEY_COUNT
from readers.card.personalise import CardKeys, personalise
from readers.contract.record import Record, binding_for, sign_record
from readers.contract.services import Service
from readers.contract.statuslist import StatusList
from readers.contract.wire import Mode, Purpose, ReadKey, StalePolicy
from readers.pcsc.channel import connect
from readers.terminal.bundle import BundleView, ServiceRules
from readers.terminal.decide import Accepted, Case, Tap, decide, open_record
from readers.terminal.journal import Journal
from readers.terminal.reading import read_tap
from readers.terminal.validate import Light
from readers.virtual.card import VirtualCard
from readers.virtual.namespace import enter_private_namespace
from readers.virtual.pcscd import Pcscd
from readers.virtual.plug import Plug

READER = "Kent bench"
TAPS = 300
WARM_UP = 30
NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
UID = bytes.fromhex("04AABBCCDDEE80")
MASTER = secrets.token_bytes(16)
ISSUER = Ed25519PrivateKey.generate()


class Watched:
    """A channel that keeps how long card and reader took, and the lengths of what was said."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        self.seconds = 0.0
        self.exchanged: list[tuple[int, int]] = []
        self.on_air = 0.0

    def transmit(self, command: bytes) -> bytes:
        """Pass a command on."""
        started = time.perf_counter()
        answer = self._channel.transmit(command)
        self.seconds += time.perf_counter() - started
        self.exchanged.append((len(command), len(answer)))
        self.on_air += _radio.seconds(command, answer)
        return answer


class EchoCard:
    """Answers each command with as many bytes as it is told; no cryptography."""

    def __init__(self, lengths: list[int]) -> None:
        self._answers = [bytes(length - 2) + b"\x91\x00" for length in lengths]
        self._next = 0

    def transmit(self, command: bytes) -> bytes:  # noqa: ARG002  the answer is fixed
        """The next fixed answer."""
        answer = self._answers[self._next % len(self._answers)]
        self._next += 1
        return answer

    def reset(self) -> None:
        """Start with the first answer again."""
        self._next = 0


class Parts(msgspec.Struct):
    """Seconds of one tap by part, and the lengths of commands and answers."""

    connect: float
    exchange: float
    crypto: float
    decision: float
    journal: float
    on_air: float
    exchanged: list[tuple[int, int]]

    @property
    def whole(self) -> float:
        """All parts together."""
        return self.connect + self.exchange + self.thinking + self.journal

    @property
    def thinking(self) -> float:
        """What is neither waited for nor written."""
        return self.crypto + self.decision

    @property
    def modelled(self) -> float:
        """With radio, card and reader as modelled, and no time of the virtual card's."""
        return self.connect + self.on_air + self.thinking + self.journal


def main() -> None:
    """Print the parts of a tap."""
    enter_private_namespace()
    with tempfile.TemporaryDirectory() as directory, Pcscd([READER], Path(directory)) as pcscd:
        plug = Plug(pcscd.socket_of(READER))
        reader = pcscd.readers[0]
        plug.insert(personalised_card())
        journal = Journal(Path(directory) / "taps.db")
        parts = [tap(reader, journal) for _ in range(WARM_UP + TAPS)][WARM_UP:]
        journal.close()
        plug.remove()
        lengths = parts[0].exchanged
        plug.insert(EchoCard([answer for _, answer in lengths]))
        floor = [bare(reader, lengths) for _ in range(WARM_UP + TAPS)][WARM_UP:]
        plug.remove()
    print(f"tap through pcscd, {TAPS} taps, {len(lengths)} APDUs each (UID by the reader included)")
    base = statistics.median(floor)
    line("bare APDU exchange (floor)", floor, base)
    line("connect", [part.connect for part in parts], base)
    line("APDU exchange", [part.exchange for part in parts], base)
    line("crypto", [part.crypto for part in parts], base)
    line("decision", [part.decision for part in parts], base)
    line("crypto + decision", [part.thinking for part in parts], base)
    line("durable journal append", [part.journal for part in parts], base)
    line("whole tap", [part.whole for part in parts], base)
    line("modelled at 106 kbit/s", [part.modelled for part in parts], base)
    print("  wanted: at most 5 APDUs, crypto + decision under 1 ms, modelled under 110 ms")
    print(f"\n{_radio.__doc__}")


def line(name: str, seconds: list[float], base: float) -> None:
    """Median and 99th percentile in milliseconds, and the ratio to the floor."""
    middle, worst = statistics.median(seconds), statistics.quantiles(seconds, n=100)[98]
    times = f"median {middle * 1e3:7.3f} ms  p99 {worst * 1e3:7.3f} ms"
    print(f"  {name:28} {times}  {middle / base:6.2f} x floor")


def tap(reader: str, journal: Journal) -> Parts:
    """One accepted tap, written down as the terminal does it."""
    keys = [ReadKey(generation=1, key=MASTER)]
    started = time.perf_counter()
    with connect(reader) as channel:
        connected = time.perf_counter()
        watched = Watched(channel)
        seen = read_tap(watched, Service.LIBRARY, keys, random=os.urandom)
        assert isinstance(seen, Tap)
        record = open_record(seen, BUNDLE)
        assert isinstance(record, Record)
        opened = time.perf_counter()
        outcome = decide(Case(seen, record, BUNDLE, BUNDLE.services[Service.LIBRARY], NOW))
        decided = time.perf_counter()
    assert isinstance(outcome, Accepted)
    light = Light(outcome, Service.LIBRARY, Mode.OFFLINE, NOW, seen)
    writing = time.perf_counter()
    event = journal.append(partial(light.event, decided=outcome))
    written = time.perf_counter()
    journal.note_shown(event.sequence, shown=True)
    return Parts(
        connect=connected - started,
        exchange=watched.seconds,
        crypto=opened - connected - watched.seconds,
        decision=decided - opened,
        journal=written - writing,
        on_air=watched.on_air,
        exchanged=watched.exchanged,
    )


def bare(reader: str, lengths: list[tuple[int, int]]) -> float:
    """Seconds for as many commands and answers of the same lengths, with no card behind them."""
    commands = [b"\x90" + bytes(length - 1) for length, _ in lengths]
    with connect(reader) as channel:
        started = time.perf_counter()
        for command in commands:
            channel.transmit(command)
        return time.perf_counter() - started


def own_key(key_no: int, aid: bytes = KENT_AID) -> KeyAt:
    """A key of the bench's card."""
    return KeyAt(diversify(MASTER, diversification_input(UID, aid, key_no)), 1)


def personalised_card() -> VirtualCard:
    """A card with library membership."""
    card = VirtualCard(UID)
    keys = CardKeys(
        picc=own_key(0, bytes(3)), application={no: own_key(no) for no in range(KEY_COUNT)}
    )
    record = Record(
        service=Service.LIBRARY,
        number=24000123456789,
        entitlement_class="adult",
        valid_from=NOW - timedelta(days=1),
        valid_until=NOW + timedelta(days=365),
        sequence=1,
        status_index=4711,
        binding=binding_for(UID, Service.LIBRARY),
    )
    files = dict.fromkeys(FILES, b"")
    files[Service.LIBRARY] = sign_record(record, key_id=b"rec.1", sign=ISSUER.sign)
    run(personalise(keys, files, random=os.urandom), card)
    return card


BUNDLE = BundleView(
    terminal_id="bench",
    name="bench",
    place="bench",
    issued_at=NOW,
    expires_at=NOW + timedelta(days=30),
    refresh=timedelta(minutes=5),
    purposes=frozenset({Purpose.VALIDATE}),
    services={
        Service.LIBRARY: ServiceRules(
            stale_after=timedelta(days=1),
            stale_policy=StalePolicy.ALLOW_AND_FLAG,
            window=None,
            statuses=StatusList.of_size(2**14),
            listed_at=NOW,
            list_expires_at=NOW + timedelta(days=30),
        )
    },
    issuer_keys={b"rec.1": ISSUER.public_key()},
    next_keys={},
    bank_holidays=frozenset(),
)


if __name__ == "__main__":
    main()
