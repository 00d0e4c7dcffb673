"""A venue's computer: `kentcard-verify` installs and answers without the server's stack."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from readers.clock import system_clock
from readers.contract.services import Service
from tests.support.venue import VenueWorld, picture_of

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def venue_box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing in it but the command; its folder of programs."""
    place = tmp_path_factory.mktemp("venue") / "box"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    pip = [str(place / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
    locked = ROOT / "requirements-verify.lock"
    subprocess.run([*pip, "--require-hashes", "-r", str(locked)], check=True)
    subprocess.run([*pip, "--no-deps", f"{ROOT}[verify]"], check=True)
    subprocess.run([place / "bin" / "pip", "check"], check=True)
    return place / "bin"


@pytest.mark.slow
def test_a_venue_installs_and_checks_a_code_without_the_server(
    venue_box: Path, tmp_path: Path
) -> None:
    for library in ("sqlalchemy", "litestar", "argon2", "smartcard", "numpy", "qrcode"):
        missing = subprocess.run(
            [venue_box / "python", "-c", f"import {library}"], capture_output=True, check=False
        )
        assert b"ModuleNotFoundError" in missing.stderr, library
    world = VenueWorld(tmp_path / "state")
    world.now = system_clock().replace(microsecond=0)
    world.ready()
    picture = tmp_path / "code.png"
    picture.write_bytes(picture_of(world.code(Service.LEISURE)))
    command = [venue_box / "kentcard-verify", "check", "--json", "--state", world.state.directory]
    for expected in ("", "code-shown-before"):
        told = subprocess.run(
            [*map(str, command), str(picture)], capture_output=True, text=True, check=False
        )
        assert json.loads(told.stdout)["reason"] == expected, told.stderr
        assert told.returncode == bool(expected)


@pytest.mark.slow
def test_the_server_command_at_a_venue_says_what_to_install(venue_box: Path) -> None:
    server = subprocess.run(
        [venue_box / "kentcard", "serve"], capture_output=True, text=True, check=False
    )
    assert server.returncode == 3
    assert "kent-card[server]" in server.stderr
