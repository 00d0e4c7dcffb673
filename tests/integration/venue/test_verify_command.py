"""`kentcard-verify` at the command line: what it says, and its exit codes."""

import io
import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from readers.clock import set_demo_clock
from readers.verify.cli import main
from readers.verify.state import Venue, VenueState
from tests.support.issuer import NOW
from tests.support.venue import VenueWorld, picture_of, pin_of

Run = Callable[..., int]


@pytest.fixture
def run(world: VenueWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, in the device's directory and at its time."""
    monkeypatch.setenv("KENTCARD_DEMO", "1")
    clock = tmp_path / "clock"

    def command(name: str, *arguments: str) -> int:
        set_demo_clock(clock, world.now)
        monkeypatch.setenv("KENTCARD_CLOCK", str(clock))
        return main([name, "--state", str(world.state.directory), *arguments])

    return command


def test_yes_no_and_nothing_decided_have_their_exit_codes(
    world: VenueWorld, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    world.ready()
    assert run("check", world.code()) == 0
    assert capsys.readouterr().out.startswith("Yes: Library membership is held.\n")
    assert run("check", world.code()) == 1
    assert "No: This code was shown here at 09:31" in capsys.readouterr().out
    assert run("check", "--service", "leisure", world.code(jti=bytes(12))) == 1
    assert "No: This code is for another service." in capsys.readouterr().out
    world.now = NOW.replace(year=1999)
    assert run("check", world.code()) == 3
    assert "Try again: This device’s clock is not set." in capsys.readouterr().out


def test_the_answer_as_json(
    world: VenueWorld, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    world.ready()
    assert run("check", "--json", world.code()) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["verdict"], told["service"]) == ("yes", "library")


def test_a_picture_is_a_path_or_comes_on_stdin(
    world: VenueWorld, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ready()
    picture = tmp_path / "code.png"
    picture.write_bytes(picture_of(world.code()))
    assert run("check", str(picture)) == 0
    for sent, code in (
        (picture_of(world.code(jti=bytes(12))), 0),
        (world.code(jti=b"\1" * 12).encode() + b"\n", 0),
        (picture_of("https://example.org/"), 1),
        (picture.read_bytes()[:300], 3),
        (b"", 3),
        (b"\xff\xfe\0", 1),
    ):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(sent)))
        assert run("check", "-") == code


def test_a_path_that_is_not_there_is_a_text_and_no_code(world: VenueWorld, run: Run) -> None:
    world.ready()
    assert run("check", "nowhere.png") == 1
    assert run("check", "A" * 5000) == 1


def test_before_the_first_fetch_it_says_what_to_run(
    world: VenueWorld, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, *rest in (("check", world.code()), ("serve", "--port", "0"), ("fetch",)):
        assert run(name, *rest) == 2
        assert "kentcard-verify fetch --server ADDRESS --pin KEY" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--server", "https://card.example.org"], "together"),
        (["--pin", "bun.1:AAAA"], "together"),
        (["--server", "http://card.example.org", "--pin", "PIN"], "must begin with https"),
        (["--server", "card", "--pin", "PIN"], "must be like https://"),
        (["--server", "https://card.example.org", "--pin", "AAAA"], "as the card office prints"),
    ],
)
def test_wrong_usage_of_fetch_is_told(
    world: VenueWorld,
    run: Run,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    given = [pin_of(world.issuer) if each == "PIN" else each for each in arguments]
    assert run("fetch", *given) == 2
    assert words in capsys.readouterr().err


def test_no_server_is_a_fault_and_what_was_fetched_stays(
    world: VenueWorld, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    world.ready()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        port = nobody.getsockname()[1]
        venue = Venue(server_url=f"http://localhost:{port}", pinned=world.issuer.pinned)
        (world.state.directory / "venue.json").unlink()
        bundle = (world.state.directory / "bundle.json").read_bytes()
        world.state.keep_venue(venue)
        (world.state.directory / "bundle.json").write_bytes(bundle)
        assert run("fetch") == 3
    assert "No answer from" in capsys.readouterr().err
    assert run("check", world.code()) == 0


def test_a_clock_for_demonstrations_is_refused_in_service(
    world: VenueWorld, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.ready()
    monkeypatch.setenv("KENTCARD_DEMO", "0")
    assert run("check", world.code()) == 2


def test_a_taken_port_is_told(
    world: VenueWorld, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    world.ready()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert run("serve", "--offline", "--port", str(taken.getsockname()[1])) == 2
    assert "cannot be used" in capsys.readouterr().err


def test_the_page_is_served_until_it_is_stopped(world: VenueWorld) -> None:
    world.ready()
    command = [sys.executable, "-m", "readers.verify.cli", "serve", "--offline", "--port", "0"]
    with subprocess.Popen(
        [*command, "--state", str(world.state.directory)], stdout=subprocess.PIPE, text=True
    ) as serving:
        assert serving.stdout is not None
        address = serving.stdout.readline().split()[1]
        answer = httpx.get(address, trust_env=False)
        serving.terminate()
        assert serving.wait(20) == 0
    assert "Checked here: any code." in answer.text


def test_what_is_kept_is_for_its_owner_alone(world: VenueWorld) -> None:
    world.ready()
    assert isinstance(world.state, VenueState)
    assert world.state.directory.stat().st_mode & 0o077 == 0
