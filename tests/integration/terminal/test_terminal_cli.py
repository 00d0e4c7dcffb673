"""``kentcard-terminal`` as people and scripts use it: its words, its exit codes, its data."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from readers.terminal.keyboard import UINPUT
from tests.support.tiny_server import CODE, TinyServer

Run = Callable[..., "subprocess.CompletedProcess[str]"]
COMMAND = (sys.executable, "-m", "readers.cli")


@pytest.fixture
def run(tmp_path: Path, server: TinyServer) -> Run:
    def running(
        *arguments: str, stdin: str = "", **environ: str
    ) -> "subprocess.CompletedProcess[str]":
        settings = {
            "KENTCARD_TERMINAL_SERVER_URL": server.url,
            "KENTCARD_TERMINAL_STATE_DIR": str(tmp_path / "state"),
            "KENTCARD_DEMO": "1",
            "KENTCARD_CLOCK": server.now.isoformat(),
        }
        return subprocess.run(
            [*COMMAND, *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": os.environ["PATH"], **settings, **environ},
        )

    return running


def test_enrolling_with_the_code_on_standard_input(run: Run) -> None:
    done = run("enrol", stdin=f"{CODE}\n")
    assert (done.returncode, done.stdout) == (0, "Enrolled as Gateway (t-ashford).\n")
    again = run("enrol", stdin=f"{CODE}\n")
    assert again.returncode == 1
    assert "enrolled terminal already" in again.stderr


def test_enrolling_answers_as_data(run: Run) -> None:
    done = run("enrol", "--code", CODE, "--json")
    assert json.loads(done.stdout) == {"terminal_id": "t-ashford", "name": "Gateway"}


@pytest.mark.parametrize(
    ("code", "exit_code", "words"),
    [("WRNG-WRNG-WRNG", 1, "because code-not-accepted"), ("", 2, "four groups")],
)
def test_a_code_that_does_not_work(run: Run, code: str, exit_code: int, words: str) -> None:
    done = run("enrol", stdin=code)
    assert done.returncode == exit_code
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_server_that_cannot_be_reached_is_a_fault_with_its_remedy(run: Run) -> None:
    done = run("enrol", "--code", CODE, KENTCARD_TERMINAL_SERVER_URL="http://127.0.0.1:9")
    assert done.returncode == 3
    assert "No answer from http://127.0.0.1:9" in done.stderr
    assert "Check the network" in done.stderr


def test_running_without_being_enrolled(run: Run) -> None:
    done = run("run")
    assert done.returncode == 1
    assert "not enrolled" in done.stderr
    assert "kentcard-terminal enrol" in done.stderr


def test_running_with_a_secret_of_the_till_that_is_open_to_others(run: Run, tmp_path: Path) -> None:
    assert run("enrol", stdin=CODE).returncode == 0
    secret = tmp_path / "till.secret"
    secret.write_text("letmein")
    secret.chmod(0o644)
    done = run("run", KENTCARD_TERMINAL_TILL_SECRET_FILE=str(secret))
    assert done.returncode == 2
    for words in ("mode 0644", "one word of 32", "umask 077"):
        assert words in done.stderr
    assert "letmein" not in done.stderr


@pytest.mark.skipif(UINPUT.exists(), reason="this machine has the device")
def test_running_with_a_keyboard_on_a_machine_that_has_none_to_give(run: Run) -> None:
    assert run("enrol", stdin=CODE).returncode == 0
    done = run("run", KENTCARD_TERMINAL_KEYBOARD="true", KENTCARD_TERMINAL_PRODUCT="library-kiosk")
    assert done.returncode == 2
    assert "/dev/uinput cannot be used" in done.stderr
    assert "modprobe uinput" in done.stderr
    assert "Traceback" not in done.stderr


def test_settings_with_three_faults_are_all_told(run: Run, tmp_path: Path) -> None:
    config = tmp_path / "terminal.toml"
    config.write_text('screen_port = 0\nservice = "parking"\ncolour = "red"\n')
    done = run("doctor", "--config", str(config))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 3
    for word in ("screen_port", "parking", "colour"):
        assert word in done.stderr


def test_time_is_simulated_in_demonstrations_only(run: Run) -> None:
    done = run("doctor", KENTCARD_DEMO="")
    assert done.returncode == 2
    assert "only demo mode" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("fly",), ("enrol", "--what")])
def test_wrong_usage(run: Run, arguments: tuple[str, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert "usage: kentcard-terminal" in done.stderr


@pytest.mark.parametrize("command", [(), ("enrol",), ("run",), ("doctor",)])
def test_every_command_has_help(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: kentcard-terminal")


def test_the_doctor_answers_in_words_and_as_data(run: Run) -> None:
    words = run("doctor", PCSCLITE_CSOCK_NAME="/nonexistent")
    assert words.returncode == 3
    assert "pcscd is not running" in words.stdout
    assert "FAULT" in words.stdout
    assert "kentcard-terminal enrol" in words.stdout
    data = json.loads(run("doctor", "--json").stdout)
    assert data["ok"] is False
    assert {"level", "code", "text", "remedy"} == set(data["findings"][0])
    assert "not-enrolled" in {finding["code"] for finding in data["findings"]}


WITHOUT_THE_SERVER = """
import sys
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"sqlalchemy", "litestar", "alembic", "jinja2", "structlog"}:
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
import readers.cli
sys.exit(readers.cli.main(["enrol", "--code", sys.argv[1]]))
"""


def test_a_terminal_needs_nothing_of_the_servers_stack(tmp_path: Path, server: TinyServer) -> None:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_THE_SERVER, CODE],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={
            "PATH": os.environ["PATH"],
            "KENTCARD_TERMINAL_SERVER_URL": server.url,
            "KENTCARD_TERMINAL_STATE_DIR": str(tmp_path / "state"),
        },
    )
    assert done.returncode == 0, done.stderr
