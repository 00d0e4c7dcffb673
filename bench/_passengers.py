"""Cards that come and go at virtual readers, as slow as radio: ``SECONDS SOCKET UID CARD ...``.

In a process of its own, so that the cards' work is not taken from the terminal's.
"""

import sys
import threading
import time
from pathlib import Path

from bench import _radio
from readers.virtual.card import VirtualCard
from readers.virtual.plug import Plug
from tests.support.issuer import Issuer

ON_READER = 0.3
BETWEEN = 0.1


class SlowCard:
    """A card whose every answer takes as long as the model says."""

    def __init__(self, card: VirtualCard) -> None:
        self._card = card

    def transmit(self, command: bytes) -> bytes:
        """The answer, when radio and card would have given it."""
        started = time.perf_counter()
        answer = self._card.transmit(command)
        time.sleep(max(0.0, _radio.seconds(command, answer) - (time.perf_counter() - started)))
        return answer

    def reset(self) -> None:
        """Lose what power keeps."""
        self._card.reset()


def tap_until(end: float, socket: Path, card: SlowCard, *, late: float) -> None:
    """Lay one card again and again."""
    plug = Plug(socket)
    time.sleep(late)
    while time.monotonic() < end:
        card.reset()
        plug.insert(card)
        time.sleep(ON_READER)
        plug.remove()
        time.sleep(BETWEEN)


def main(seconds: float, sockets: list[str], cards: list[str]) -> None:
    """One thread for each reader."""
    issuer, end = Issuer(), time.monotonic() + seconds
    threads = []
    for number, (socket, content) in enumerate(zip(sockets, cards, strict=True)):
        service, uid, record = content.split(":")
        made = issuer.card({service: bytes.fromhex(record)}, uid=bytes.fromhex(uid))  # type: ignore[dict-item]  # its value
        late = (ON_READER + BETWEEN) * number / len(sockets)
        threads.append(
            threading.Thread(
                target=tap_until, args=(end, Path(socket), SlowCard(made)), kwargs={"late": late}
            )
        )
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


if __name__ == "__main__":
    half = 2 + (len(sys.argv) - 2) // 2
    main(float(sys.argv[1]), sys.argv[2:half], sys.argv[half:])
