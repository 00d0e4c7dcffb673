"""A terminal is a small box: it installs and runs without the server's stack."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def terminal_box(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A virtual environment with nothing in it but the terminal; its folder of programs."""
    place = tmp_path_factory.mktemp("terminal") / "box"
    subprocess.run([sys.executable, "-m", "venv", place], check=True)
    pip = [str(place / "bin" / "pip"), "install", "-q", "--disable-pip-version-check"]
    locked = ROOT / "requirements-terminal.lock"
    subprocess.run([*pip, "--require-hashes", "-r", str(locked)], check=True)
    subprocess.run([*pip, f"{ROOT}[terminal]"], check=True)
    return place / "bin"


@pytest.mark.slow
@pytest.mark.pcsc
@pytest.mark.usefixtures("pcscd")  # its readers are there, so that only enrolling is to do
def test_a_terminal_installs_and_runs_without_the_server(
    terminal_box: Path, tmp_path: Path
) -> None:
    for library in ("sqlalchemy", "litestar", "argon2"):
        missing = subprocess.run(
            [terminal_box / "python", "-c", f"import {library}"], capture_output=True, check=False
        )
        assert b"ModuleNotFoundError" in missing.stderr
    doctor = subprocess.run(
        [terminal_box / "kentcard-terminal", "doctor"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert doctor.returncode == 1, doctor.stderr
    assert "enrol" in doctor.stdout + doctor.stderr


@pytest.mark.slow
def test_the_server_command_on_a_terminal_says_what_to_install(terminal_box: Path) -> None:
    server = subprocess.run(
        [terminal_box / "kentcard", "serve"], capture_output=True, text=True, check=False
    )
    assert server.returncode == 3
    assert "kent-card[server]" in server.stderr
    assert "Traceback" not in server.stderr
