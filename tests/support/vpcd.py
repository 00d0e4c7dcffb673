"""Debian's stock virtual reader driver with our card in it; a process of its own.

``python -m tests.support.vpcd DIRECTORY`` lays a card, reads it, and prints what came as JSON.
vpcd listens on every address: run it in a network namespace of its own, as
:func:`in_private_network` does.
"""

import fcntl
import json
import socket
import struct
import subprocess
import sys
from pathlib import Path

from readers.card.channel import CardArrived
from readers.pcsc.channel import connect, list_readers
from readers.virtual.card import VirtualCard
from readers.virtual.namespace import RUN, enter_private_namespace
from readers.virtual.pcscd import Pcscd
from readers.virtual.plug import Plug
from tests.support.pcsc import Watch

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")
PORT = 0x8C7B

# Source: Linux, include/uapi/linux/{sockios,if}.h
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1

UID = bytes.fromhex("04A1B2C3D4E5F6")
GET_UID = bytes.fromhex("FFCA000000")


class StockPcscd(Pcscd):
    """Pcscd with vpcd's one entry, which makes two readers."""

    def _write_configuration(self, library: Path) -> None:
        super()._write_configuration(library)
        entry = f"DEVICENAME /dev/null:{PORT:#X}\nLIBPATH {DRIVER}\nCHANNELID {PORT:#X}\n"
        file = self._directory / "reader.conf.d" / "kent"
        file.write_text(f'FRIENDLYNAME "{self._names[0]}"\n{entry}')


def in_private_network(directory: Path) -> dict[str, object]:
    """Run this file in mount and network namespaces of its own; its answer.

    Raises:
        RuntimeError: it failed; what it printed is in the text.
    """
    command = [sys.executable, "-m", "tests.support.vpcd", str(directory)]
    result = subprocess.run(
        ["unshare", "--mount", "--net", *command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    answer: dict[str, object] = json.loads(result.stdout)
    return answer


def _session(directory: Path) -> dict[str, object]:
    card = VirtualCard(UID)
    with StockPcscd(["Stock reader"], directory) as pcscd:
        listed = list_readers()
        plug = Plug(("127.0.0.1", PORT))
        with Watch().running(len(listed)) as watch:
            plug.insert(card)
            watch.until(CardArrived(pcscd.readers[0]))
            with connect(pcscd.readers[0]) as channel:
                answer = channel.transmit(GET_UID)
            plug.remove()
            left = watch.next()
    return {"readers": listed, "uid": answer.hex(), "left": repr(left)}


def enter_fresh_namespace() -> None:
    """After ``unshare --mount --net``: a loopback interface, and no /run/pcscd of a parent's."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))
    subprocess.run(["umount", "--lazy", RUN], check=False, capture_output=True)
    enter_private_namespace()


def main(directory: Path) -> None:
    """Set the namespaces up, run the session and print what came."""
    enter_fresh_namespace()
    json.dump(_session(directory), sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
