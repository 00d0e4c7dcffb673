"""What a virtual reader costs: our driver beside Debian's vpcd, in the same run.

``python -m bench.reader_drivers`` (root; vsmartcard-vpcd for the second half). The card
only echoes, so this is the floor under every tap measured with virtual readers.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from readers.card.channel import CardArrived, CardLeft
from readers.pcsc.channel import connect
from readers.virtual.pcscd import Pcscd
from readers.virtual.plug import Plug
from tests.support.pcsc import EchoCard, Watch
from tests.support.vpcd import DRIVER, PORT, StockPcscd, enter_fresh_namespace

APDUS = 2000
EVENTS = 30
MODULE = "bench.reader_drivers"
COMMAND = bytes.fromhex("905A00000301020300")


def timed(action: Callable[[], object]) -> float:
    """How long ``action`` takes, in milliseconds."""
    started = time.perf_counter()
    action()
    return (time.perf_counter() - started) * 1e3


def summary(times: list[float]) -> str:
    """Median and 99th percentile."""
    return f"{statistics.median(times):8.3f} / {statistics.quantiles(times, n=100)[98]:8.3f} ms"


def measure(label: str, pcscd: Pcscd, plug: Plug) -> None:
    """Print three lines for one driver. Events are timed from the plug to the monitor's handler."""
    reader = pcscd.readers[0]
    came, left = [], []
    with Watch().running(1) as watch:
        for _ in range(EVENTS):
            started = time.perf_counter()
            plug.insert(EchoCard())
            watch.until(CardArrived(reader))
            came.append((time.perf_counter() - started) * 1e3)
            started = time.perf_counter()
            plug.remove()
            watch.until(CardLeft(reader))
            left.append((time.perf_counter() - started) * 1e3)
        plug.insert(EchoCard())
        watch.until(CardArrived(reader))
        with connect(reader) as channel:
            apdus = [timed(lambda: channel.transmit(COMMAND)) for _ in range(APDUS)]
        plug.remove()
    for what, times in (("APDU round trip", apdus), ("card arrives", came), ("card leaves", left)):
        sys.stdout.write(f"{label:10} {what:16} {summary(times)}  (n={len(times)})\n")


def main(driver: str) -> None:
    """Measure one driver in a namespace of its own."""
    enter_fresh_namespace()
    with tempfile.TemporaryDirectory() as directory:
        if driver == "own":
            with Pcscd(["Bench reader"], Path(directory)) as pcscd:
                measure("own driver", pcscd, Plug(pcscd.socket_of("Bench reader")))
        else:
            with StockPcscd(["Bench reader"], Path(directory)) as pcscd:
                measure("vpcd", pcscd, Plug(("127.0.0.1", PORT)))


if __name__ == "__main__":
    if sys.argv[1:]:
        main(sys.argv[1])
    else:
        sys.stdout.write(f"{'driver':10} {'':16}   median /      p99\n")
        sys.stdout.flush()
        for name in ("own", "vpcd") if DRIVER.exists() else ("own",):
            subprocess.run(
                ["/usr/bin/unshare", "--mount", "--net", sys.executable, "-m", MODULE, name],
                check=True,
            )
        if not DRIVER.exists():
            sys.stdout.write("vpcd       not tried: apt-get install vsmartcard-vpcd\n")
