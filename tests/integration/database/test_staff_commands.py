"""`kentcard staff`: adding, unlocking and helping somebody who lost their phone."""

import io
from pathlib import Path

import pytest

from cardservice.cli.commands import run

USERNAME = ["--username", "priya"]
ADD = ["staff", "add", *USERNAME, "--name", "Priya Shah", "--role", "card-officer"]


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "kentcard.db"
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{path}")
    monkeypatch.setattr("sys.stdin", io.StringIO("turnip lantern oxbow river\n"))
    assert run(["db", "upgrade"]) == 0
    return path


def test_adding_somebody_says_what_they_do_next(
    database: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ADD) == 0
    said = capsys.readouterr().out
    assert "Added priya, card-officer." in said
    assert "http://localhost:8000/staff/sign-in, set up an authenticator app" in said
    assert "turnip" not in said
    assert database.exists()


@pytest.mark.parametrize("command", ["unlock", "forget-app"])
@pytest.mark.usefixtures("database")
def test_somebody_can_be_helped_by_name_and_a_wrong_name_is_said(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["staff", command, *USERNAME]) != 0
    assert "There is no member of staff with that user name." in capsys.readouterr().err
    assert run(ADD) == 0
    assert run(["staff", command, *USERNAME]) == 0
    assert capsys.readouterr().out
