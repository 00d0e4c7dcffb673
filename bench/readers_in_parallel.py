"""One terminal with sixteen readers beside one with one: from the card's arrival to the answer.

The terminal is whole (monitor, a thread and a context for each reader, journal) and offline. Cards
are virtual, in another process, and answer as late as radio at 106 kbit/s would (`bench._radio`).
Readers are tapped in turn, each every 0.4 seconds.
"""

import subprocess
import sys
import tempfile
import threading
import time
from datetime import timedelta
from pathlib import Path
from statistics import median, quantiles

import msgspec

from readers.card.channel import CardArrived, CardEvent
from readers.clock import system_clock
from readers.contract.services import Service
from readers.contract.wire import ReadKeys
from readers.pcsc.channel import connect
from readers.pcsc.monitor import Monitor
from readers.terminal.display import Kind, Picture
from readers.terminal.loop import Readers
from readers.terminal.parts import Terminal
from readers.terminal.settings import Settings
from readers.terminal.state import Identity, State, StoredBundle
from readers.virtual.namespace import enter_private_namespace
from readers.virtual.pcscd import MOST_READERS, Pcscd
from tests.support.issuer import TERMINAL, Issuer, settings_of

LIBRARY = Service.LIBRARY
SECONDS = 12.0
WARM_UP = 2


class Timed(Terminal):
    """A terminal that notes when each reader's card came, and when its answer was shown."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, clock=system_clock)
        self.came: dict[str, float] = {}
        self.took: dict[str, list[float]] = {}

    def answer(self, picture: Picture, sequence: int) -> None:
        """Show it, and note how long that was after the card came."""
        assert picture.state is Kind.ACCEPTED, picture
        self.show(picture)
        reader = threading.current_thread().name.removeprefix("reader ")
        self.took.setdefault(reader, []).append(time.perf_counter() - self.came[reader])
        self.journal.note_shown(sequence, shown=True)


def enrolled(directory: Path, issuer: Issuer) -> Settings:
    """A terminal that knows its bundle and keys and has no network."""
    state, now = State(directory), system_clock()
    state.prepare()
    state.keep_identity(
        Identity(
            terminal_id=TERMINAL, name="bench", private_key=bytes(32), bundle_keys=issuer.pinned
        )
    )
    again = msgspec.structs.replace(settings_of(LIBRARY), pass_back_seconds=0)
    services = msgspec.to_builtins({LIBRARY: again}, str_keys=True)
    token = issuer.bundle(LIBRARY, made=now, services=services)
    state.keep_bundle(StoredBundle(token, issuer.pinned))
    state.keep_read_keys(ReadKeys({LIBRARY: list(issuer.read_keys(LIBRARY))}))
    state.keep_server_time(now)
    return Settings(server_url="http://localhost:9", state_dir=directory)


def measure(pcscd: Pcscd, settings: Settings, issuer: Issuer) -> list[float]:
    """Seconds of every tap but the first of each reader."""
    terminal = Timed(settings)
    terminal.network.cut(yes=True)
    readers = Readers(terminal, connect)

    def handle(event: CardEvent) -> None:
        if isinstance(event, CardArrived):
            terminal.came[event.reader] = time.perf_counter()
        readers.handle(event)

    monitor = Monitor(handle)
    monitor.start()
    now = system_clock().replace(microsecond=0)
    cards, sockets = [], []
    for number, reader in enumerate(pcscd.readers):
        uid = bytes([4, 0xBE, 0xEF, 0, 0, 0, number])
        valid = {"valid_from": now - timedelta(days=1), "valid_until": now + timedelta(days=9)}
        record = issuer.sign(issuer.record(LIBRARY, uid=uid, status_index=number, **valid))
        cards.append(f"{LIBRARY}:{uid.hex()}:{record.hex()}")
        sockets.append(str(pcscd.socket_of(reader)))
    command = [sys.executable, "-m", "bench._passengers", str(SECONDS), *sockets, *cards]
    subprocess.run(command, check=True)
    monitor.stop()
    readers.stop()
    terminal.close()
    assert len(terminal.took) == len(pcscd.readers)
    return [each for taps in terminal.took.values() for each in taps[WARM_UP:]]


def main() -> None:
    """Print both, and one as a multiple of the other."""
    enter_private_namespace()
    issuer = Issuer()
    medians = []
    print("from the card's arrival to the answer, cards as slow as radio at 106 kbit/s")
    for count in (1, MOST_READERS):
        with tempfile.TemporaryDirectory() as directory:
            settings = enrolled(Path(directory) / "state", issuer)
            names = [f"Bench {number}" for number in range(count)]
            with Pcscd(names, Path(directory) / "pcscd") as pcscd:
                took = measure(pcscd, settings, issuer)
        medians.append(median(took))
        worst = quantiles(took, n=100)[98]
        print(
            f"  {count:2} readers: median {medians[-1] * 1e3:6.1f} ms  p99 {worst * 1e3:6.1f} ms"
            f"  ({len(took)} taps)"
        )
    print(f"  sixteen take {medians[1] / medians[0]:.2f} of one (wanted: at most 1.3)")


if __name__ == "__main__":
    main()
