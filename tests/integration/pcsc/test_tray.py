"""The tray as a process, over HTTP, with its cards behind a real pcscd."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from readers.card.channel import CardArrived, CardLeft
from readers.errors import CardRemoved
from readers.pcsc.channel import connect
from readers.virtual.pcscd import Pcscd
from tests.support.patience import PATIENCE
from tests.support.pcsc import Watch

pytestmark = pytest.mark.pcsc

GET_UID = bytes.fromhex("FFCA000000")
SELECT_CARD_LEVEL = bytes.fromhex("905A00000300000000")


class TrayProcess:
    def __init__(self, pcscd: Pcscd, directory: Path) -> None:
        readers = [f"{name}={pcscd.socket_of(name)}" for name in pcscd.readers[:3]]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "readers.virtual.tray", "--directory", str(directory)]
            + [part for reader in readers for part in ("--reader", reader)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline().rpartition(":")[2])

    def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, dict[str, Any]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        text = body if isinstance(body, str) else json.dumps(body)
        try:
            if method == "POST":
                named = {"Content-Type": "application/json", **named}
            connection.request(method, path, text if method == "POST" else None, named)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()

    def end(self, how: signal.Signals = signal.SIGTERM) -> int:
        self._process.send_signal(how)
        return self._process.wait(PATIENCE)

    def close(self) -> None:
        self._process.kill()  # has no effect on one that has ended
        self._process.communicate()


@pytest.fixture
def tray(pcscd: Pcscd, tmp_path: Path) -> Iterator[TrayProcess]:
    with closing(TrayProcess(pcscd, tmp_path / "cards")) as process:
        yield process
        assert process.end() == 0


def test_a_card_is_made_laid_read_and_lifted(pcscd: Pcscd, tray: TrayProcess) -> None:
    name = pcscd.readers[1]
    status, card = tray.ask("POST", "/cards", {"label": "Ann's card"})
    assert status == 200
    with Watch().running(len(pcscd.readers)) as watch:
        status, state = tray.ask("POST", "/readers/1/lay", {"card": card["id"]})
        assert status == 200
        assert state["readers"][1] == {"index": 1, "name": name, "card": card["id"]}
        assert state["cards"] == [card]
        assert watch.next() == CardArrived(name)
        with connect(name) as channel:
            assert channel.transmit(GET_UID) == bytes.fromhex(card["uid"]) + b"\x90\x00"
        status, state = tray.ask("POST", "/readers/1/lift", {})
        assert state["readers"][1]["card"] is None
        assert watch.next() == CardLeft(name)


def test_a_card_torn_away_at_its_second_command_counts_as_lifted(
    pcscd: Pcscd, tray: TrayProcess
) -> None:
    name = pcscd.readers[0]
    _, card = tray.ask("POST", "/cards", {"label": ""})
    with Watch().running(len(pcscd.readers)) as watch:
        tray.ask("POST", "/readers/0/lay", {"card": card["id"], "tear_after": 2})
        assert watch.next() == CardArrived(name)
        with connect(name) as channel:
            channel.transmit(GET_UID)
            assert channel.transmit(SELECT_CARD_LEVEL) == b"\x91\x00"
            with pytest.raises(CardRemoved):
                channel.transmit(SELECT_CARD_LEVEL)
        assert watch.next() == CardLeft(name)
    assert tray.ask("GET", "/state")[1]["readers"][0]["card"] is None
    assert tray.ask("POST", "/readers/0/lay", {"card": card["id"]})[0] == 200


def test_cards_outlive_the_process_even_when_it_is_killed(pcscd: Pcscd, tmp_path: Path) -> None:
    with ExitStack() as processes:
        _kill_and_look_again(pcscd, tmp_path, processes)
    files = list(tmp_path.glob("*.json"))
    assert [file.stat().st_mode & 0o777 for file in files] == [0o600]


def _kill_and_look_again(pcscd: Pcscd, directory: Path, processes: ExitStack) -> None:
    first = processes.enter_context(closing(TrayProcess(pcscd, directory)))
    name = pcscd.readers[0]
    _, card = first.ask("POST", "/cards", {"label": "kept"})
    with Watch().running(len(pcscd.readers)) as watch:
        first.ask("POST", "/readers/0/lay", {"card": card["id"]})
        assert watch.next() == CardArrived(name)
        create = bytes.fromhex("90CA000005 0102030F81 00")  # an application 030201, one AES key
        with connect(name) as channel:
            assert channel.transmit(create) == b"\x91\x00"
        first.end(signal.SIGKILL)
        assert watch.next() == CardLeft(name)
        second = processes.enter_context(closing(TrayProcess(pcscd, directory)))
        assert second.ask("GET", "/state")[1]["cards"] == [card]
        second.ask("POST", "/readers/0/lay", {"card": card["id"]})
        assert watch.next() == CardArrived(name)
        with connect(name) as channel:
            select = bytes.fromhex("905A00000301020300")
            assert channel.transmit(select) == b"\x91\x00"
        assert second.end() == 0
        assert watch.next() == CardLeft(name)


def test_an_occupied_reader_and_a_card_laid_elsewhere_are_conflicts(tray: TrayProcess) -> None:
    _, one = tray.ask("POST", "/cards", {"label": "one"})
    _, two = tray.ask("POST", "/cards", {"label": "two"})
    tray.ask("POST", "/readers/0/lay", {"card": one["id"]})
    for path, card in (("/readers/0/lay", two), ("/readers/1/lay", one)):
        status, problem = tray.ask("POST", path, {"card": card["id"]})
        assert (status, problem["code"]) == (409, "reader-occupied")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("POST", "/readers/9/lay", {"card": "x"}, 404, "no-such-reader"),
        ("POST", "/readers/-1/lift", {}, 404, "no-such-reader"),
        ("POST", "/readers/0/lay", {"card": "../x"}, 404, "no-such-card"),
        ("POST", "/readers/0/lay", {}, 400, "bad-request"),
        ("POST", "/cards", {"label": "x", "uid": "00"}, 400, "bad-request"),
        ("POST", "/cards", "not json", 400, "bad-request"),
        ("POST", "/cards", " " * 5000, 400, "bad-request"),
        ("GET", "/cards", None, 404, "no-such-reader"),
        ("POST", "/state", {}, 404, "no-such-reader"),
    ],
)
def test_what_cannot_be_done_is_said_in_json(
    tray: TrayProcess, method: str, path: str, body: object, status: int, code: str
) -> None:
    got, problem = tray.ask(method, path, body)
    assert (got, problem["code"]) == (status, code)
    assert problem["detail"]
    assert tray.ask("GET", "/state")[0] == 200


def test_tearing_before_the_first_command_is_refused(tray: TrayProcess) -> None:
    _, card = tray.ask("POST", "/cards", {"label": ""})
    status, _ = tray.ask("POST", "/readers/0/lay", {"card": card["id"], "tear_after": 0})
    assert status == 400
    assert tray.ask("GET", "/state")[1]["readers"][0]["card"] is None


def test_a_page_elsewhere_cannot_use_the_tray(tray: TrayProcess) -> None:
    assert tray.ask("GET", "/state", Host="evil.example")[0] == 400
    form = "application/x-www-form-urlencoded"
    assert tray.ask("POST", "/cards", {"label": ""}, Content_Type=form)[0] == 400
    assert tray.ask("GET", "/state")[1]["cards"] == []


def test_a_drawer_with_a_broken_file_is_refused_by_name(pcscd: Pcscd, tmp_path: Path) -> None:
    (tmp_path / "0123abcd.json").write_text('{"label": "half a c')
    reader = f"one={pcscd.socket_of(pcscd.readers[0])}"
    command = [sys.executable, "-m", "readers.virtual.tray", "--directory", str(tmp_path)]
    result = subprocess.run(
        [*command, "--reader", reader], capture_output=True, text=True, check=False
    )
    assert result.returncode == 3
    assert "0123abcd.json" in result.stderr
    assert (tmp_path / "0123abcd.json").read_text() == '{"label": "half a c'
