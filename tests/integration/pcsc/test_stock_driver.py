"""The same channel and monitor behind a driver that is not ours: Debian's vpcd."""

import socket
from pathlib import Path

import pytest

from tests.support.vpcd import DRIVER, PORT, UID, in_private_network

pytestmark = [
    pytest.mark.pcsc,
    pytest.mark.skipif(
        not DRIVER.exists(),
        reason="vsmartcard-vpcd is not installed, so the stock driver was not tried",
    ),
]


def test_our_card_answers_behind_debians_own_driver(tmp_path: Path) -> None:
    came = in_private_network(tmp_path)
    assert came["readers"] == ["Stock reader 00 00", "Stock reader 00 01"]
    assert came["uid"] == (UID + b"\x90\x00").hex()
    assert came["left"] == "CardLeft(reader='Stock reader 00 00')"
    with pytest.raises(ConnectionRefusedError):  # it never listened where others could reach it
        socket.create_connection(("127.0.0.1", PORT))
