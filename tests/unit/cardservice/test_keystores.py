"""Which key store there is and what opens it: by a file, a systemd credential or at a terminal."""

import json
import os
from pathlib import Path

import pytest

from cardservice import keystores
from cardservice.cli.answers import Exit
from cardservice.cli.commands import run
from cardservice.errors import NotReady, SettingsFaulty
from cardservice.settings import Settings, load_settings
from identity.errors import KeyStoreExists, KeyTokenMissing, WrongPassphrase
from identity.keys import FileKeyStore, Purpose
from identity.token_keys import TokenKeyStore
from tests.support.people import NOW
from tests.support.tokens import MODULE, PIN, SoftHsm
from tests.support.typing_people import at_a_terminal

PASSPHRASE = "a passphrase for tests"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(f"{PIN}\nand a second line, which is not read\n")
    return path


@pytest.fixture
def environ(tmp_path: Path, secret: Path, softhsm: SoftHsm) -> dict[str, str]:
    """Settings of a site with a token of its own."""
    place = softhsm.make(tmp_path.name)
    return {
        "KENTCARD_KEYS": str(tmp_path / "keys"),
        "KENTCARD_KEYS_PASSPHRASE_FILE": str(secret),
        "KENTCARD_KEYS_MODULE": str(place.module),
        "KENTCARD_KEYS_TOKEN": place.label,
    }


def test_a_site_with_a_token_has_its_keys_there_and_one_without_in_a_file(
    environ: dict[str, str], tmp_path: Path
) -> None:
    settings = load_settings(environ)
    made = keystores.made(settings, now=NOW)
    assert isinstance(made, TokenKeyStore)
    again = keystores.opened(settings)
    key = made.current(Purpose.CARD_MASTER)
    assert again.cmac(key, b"message") == made.cmac(key, b"message")

    plain = Settings(keys=str(tmp_path / "plain"), keys_passphrase_file=str(tmp_path / "secret"))
    assert isinstance(keystores.made(plain, now=NOW), FileKeyStore)
    with pytest.raises(KeyStoreExists):
        keystores.made(plain, now=NOW)


def test_a_commands_keys_are_in_the_token_that_the_settings_name(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert run(["keys", "init"]) == Exit.DONE
    assert f"the token {environ['KENTCARD_KEYS_TOKEN']}" in capsys.readouterr().out
    assert run(["keys", "list", "--json"]) == Exit.DONE
    assert len(json.loads(capsys.readouterr().out)) == len(Purpose)
    assert run(["keys", "init"]) == Exit.NO
    assert "There is already a key store" in capsys.readouterr().err


def test_no_passphrase_is_made_up_for_a_token(
    environ: dict[str, str],
    secret: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret.unlink()
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    assert run(["keys", "init"]) == Exit.FAULT
    said = capsys.readouterr().err
    assert "KENTCARD_KEYS_PASSPHRASE_FILE" in said
    assert "kentcard-keys" in said
    assert not secret.exists()


def test_a_systemd_credential_is_used_unless_a_file_is_set(tmp_path: Path, secret: Path) -> None:
    credential = tmp_path / "credentials" / "kentcard-keys"
    given = {"CREDENTIALS_DIRECTORY": str(credential.parent)}
    assert load_settings(given) == Settings()
    credential.parent.mkdir()
    credential.write_text("by systemd")
    assert keystores.passphrase(load_settings(given)) == "by systemd"
    set_too = given | {"KENTCARD_KEYS_PASSPHRASE_FILE": str(secret)}
    assert keystores.passphrase(load_settings(set_too)) == PIN


@pytest.mark.parametrize("typed", [PIN, "another PIN"])
def test_where_there_is_no_file_the_pin_is_asked_for_and_not_shown(
    environ: dict[str, str], secret: Path, typed: str
) -> None:
    keystores.made(load_settings(environ), now=NOW)
    secret.unlink()
    with at_a_terminal(environ, "keys", "list") as person:
        person.answer("PIN of the token: ", typed)
        assert person.ended() == (Exit.DONE if typed == PIN else Exit.FAULT)
        assert typed not in person.shown
        expected = "card.master" if typed == PIN else "The PIN does not open the token"
        assert expected in person.shown


@pytest.mark.parametrize("made", ["a directory", "bytes"])
def test_a_passphrase_file_that_cannot_be_read_is_named(tmp_path: Path, made: str) -> None:
    path = tmp_path / "secret"
    if made == "bytes":
        path.write_bytes(b"\xff\xfe\xff")
    else:
        path.mkdir()
    settings = Settings(keys=str(tmp_path / "keys"), keys_passphrase_file=str(path))
    with pytest.raises(NotReady, match=str(path)):
        keystores.opened(settings)


def test_a_wrong_pin_and_a_wrong_label_are_told_apart(
    environ: dict[str, str], secret: Path
) -> None:
    keystores.made(load_settings(environ), now=NOW)
    with pytest.raises(KeyTokenMissing, match="labelled kemt"):
        keystores.opened(load_settings(environ | {"KENTCARD_KEYS_TOKEN": "kemt"}))
    secret.write_text("another PIN")
    with pytest.raises(WrongPassphrase):
        keystores.opened(load_settings(environ))


def test_every_fault_of_the_settings_is_told_at_once() -> None:
    with pytest.raises(SettingsFaulty) as refused:
        load_settings({"KENTCARD_KEYS_MODULE": "/no/such.so", "KENTCARD_KEYS": ""})
    said = "\n".join(refused.value.faults)
    assert len(refused.value.faults) == 3
    assert "KENTCARD_KEYS_MODULE: there is no file /no/such.so." in said
    assert "KENTCARD_KEYS_MODULE, KENTCARD_KEYS_TOKEN: set both, or neither." in said
    assert "KENTCARD_KEYS: " in said
    with pytest.raises(SettingsFaulty):
        load_settings({"KENTCARD_KEYS_TOKEN": "kent"})
    with pytest.raises(SettingsFaulty):
        load_settings({"KENTCARD_KEYS_MODULE": str(MODULE)})


def test_no_secret_is_an_argument_of_any_command(capsys: pytest.CaptureFixture[str]) -> None:
    """Arguments are seen by whoever lists processes."""
    for command in (["init"], ["rotate", "data"], ["rekey"], ["list"], ["pin"]):
        with pytest.raises(SystemExit):
            run(["keys", *command, "--pin", PIN])
        with pytest.raises(SystemExit):
            run(["keys", *command, "--passphrase", PIN])
    assert os.environ.get("KENTCARD_KEYS_PIN") is None
    assert "unrecognized arguments" in capsys.readouterr().err
