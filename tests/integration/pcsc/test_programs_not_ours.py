"""Programs that we did not write see our readers and speak to our card through pcscd.

libfreefare speaks DESFire EV1 with AES in a way of its own; its libnfc is built here from Debian's
source, for Debian's own knows no reader behind pcscd.
"""

import json
import shutil
import sys
from pathlib import Path

import pytest

from tests.support.foreign import READER, UID, Came, in_private_namespace
from tests.support.libnfc import DIRECTORY, LIBRARY, MISSING, PROJECT

SESSION = PROJECT / "tests" / "support" / "freefare_session.py"
AS_NAMED = f"{READER} 00 00"
ATR = "3b:81:80:01:80:80"
WITH_PCSC = ["env", f"LD_LIBRARY_PATH={DIRECTORY}"]

needs_libfreefare = pytest.mark.skipif(
    not (LIBRARY.exists() and shutil.which("mifare-desfire-info")), reason=MISSING
)
pytestmark = pytest.mark.pcsc


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        shutil.which(program) is None, reason=f"{program} is not installed, so it was not tried"
    )


def run(directory: Path, *commands: list[str]) -> list[Came]:
    came = in_private_namespace(directory, *commands)
    assert len(came) == len(commands)
    return came


@needs("opensc-tool")
def test_opensc_tool_lists_our_reader_and_reads_the_cards_number(tmp_path: Path) -> None:
    tool = ["opensc-tool", "--reader", "0"]
    readers, atr, uid, wrong = run(
        tmp_path,
        ["opensc-tool", "--list-readers"],
        [*tool, "--atr"],
        [*tool, "--send-apdu", "FF:CA:00:00:00"],
        [*tool, "--send-apdu", "FF:CA:02:00:00"],
    )
    assert AS_NAMED in readers.output
    assert atr.output.strip() == ATR
    assert "SW1=0x90, SW2=0x00" in uid.output
    assert UID.hex(" ").upper() in uid.output
    assert "SW1=0x90" not in wrong.output


@needs("pcsc_scan")
def test_pcsc_scan_sees_the_reader_and_the_card_on_it(tmp_path: Path) -> None:
    listed, watched = run(
        tmp_path, ["pcsc_scan", "-r"], ["timeout", "--preserve-status", "3", "pcsc_scan", "-c"]
    )
    assert AS_NAMED in listed.output
    assert "Card inserted" in watched.output
    assert ATR.replace(":", " ").upper() in watched.output


@needs_libfreefare
def test_libfreefares_own_tool_knows_the_card_for_a_desfire(tmp_path: Path) -> None:
    [came] = run(tmp_path, [*WITH_PCSC, "mifare-desfire-info"])
    assert came.status == 0, came.errors
    assert f"UID:                      0x{UID.hex()}" in came.output
    assert "Version:              3.0" in came.output
    assert "Master Key settings (0x0f)" in came.output


@needs_libfreefare
def test_libfreefare_makes_an_application_authenticates_and_reads_in_every_mode(
    tmp_path: Path,
) -> None:
    [came] = run(tmp_path, [*WITH_PCSC, sys.executable, str(SESSION)])
    assert came.status == 0, came.errors
    assert json.loads(came.output) == {
        "card": "Mifare DESFire",
        "wrong key": -1,
        "plain": "written by libfreefare",
        "maced": "written by libfreefare",
        "enciphered": "written by libfreefare",
        "keys": 1,
    }
