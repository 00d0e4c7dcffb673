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


@pytest.fixture
def keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "passphrase").write_text("correct horse battery staple\n")
    monkeypatch.setenv("KENTCARD_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("KENTCARD_KEYS_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    assert run(["keys", "init"]) == 0


@pytest.mark.usefixtures("database", "keys")
def test_a_code_for_a_new_password_goes_to_the_address_that_was_noted_and_is_not_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*ADD, "--email", "priya.shah@kent.example"]) == 0
    assert run(["staff", "reset-password", *USERNAME]) == 0
    said = capsys.readouterr().out
    assert "A code was sent to them." in said
    assert "/staff/sign-in/forgotten/code, within 10 minutes." in said
    assert "priya.shah@kent.example" not in said


@pytest.mark.usefixtures("database", "keys")
def test_without_a_work_address_no_code_can_be_sent_until_one_is_noted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(ADD) == 0
    assert run(["staff", "reset-password", *USERNAME]) != 0
    assert "Note their work e-mail address first" in capsys.readouterr().err
    assert run(["staff", "set-email", *USERNAME, "--email", "not an address"]) != 0
    assert run(["staff", "set-email", *USERNAME, "--email", "priya.shah@kent.example"]) == 0
    assert run(["staff", "reset-password", *USERNAME]) == 0
