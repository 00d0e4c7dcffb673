"""`kentcard client`: registering sites, listing them, changing a secret and stopping one."""

import json
from pathlib import Path

import pytest

from cardservice.cli.commands import run
from tests.support.oidc import new_key

ADD = ["client", "add", "--name", "Example Leisure", "--basis", "consent"]
REDIRECT = ["--redirect", "https://leisure.example/callback"]


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{tmp_path}/kentcard.db")
    assert run(["db", "upgrade"]) == 0


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> list[dict[str, str]]:
    capsys.readouterr()
    assert run([*words, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    return answer if isinstance(answer, list) else [answer]


def test_a_client_is_added_listed_given_a_new_secret_and_disabled(
    capsys: pytest.CaptureFixture[str],
) -> None:
    [added] = answered(capsys, *ADD, *REDIRECT, "--scope", "openid", "--scope", "email")
    [listed] = answered(capsys, "client", "list")
    assert listed == {
        "client": added["client"],
        "name": "Example Leisure",
        "basis": "consent",
        "auth": "client_secret_basic",
        "scopes": "email,openid",
        "state": "in-use",
    }
    [changed] = answered(capsys, "client", "secret", added["client"])
    assert changed["secret"] not in {"", added["secret"]}
    assert answered(capsys, "client", "disable", added["client"])[0]["disabled"]
    assert answered(capsys, "client", "list")[0]["state"] == "disabled"
    assert run(["client", "disable", added["client"]]) == 1


def test_people_read_the_secret_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*ADD, *REDIRECT]) == 0
    said = capsys.readouterr().out
    secret = said.split("Secret: ")[1].splitlines()[0]
    assert "shown this once" in said
    assert run(["client", "list"]) == 0
    listed = capsys.readouterr().out
    assert "Example Leisure" in listed
    assert secret not in listed


def test_a_client_that_signs_brings_its_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = tmp_path / "keys.json"
    signs = [*ADD, *REDIRECT, "--auth", "private_key_jwt", "--keys", str(keys)]
    keys.write_text("{}")
    assert run(signs) == 2
    assert f"{keys} is no JWK Set" in capsys.readouterr().err
    keys.write_text(json.dumps({"keys": [new_key()[1]]}))
    assert answered(capsys, *signs)[0]["secret"] is None


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ([*ADD], 2, "redirect_uris: Enter the address"),
        ([*ADD, "--redirect", "http://leisure.example"], 2, "An address begins with https://"),
        (["client", "secret", "kc-unknown"], 1, "There is no client 'kc-unknown'"),
        (["client", "disable", "kc-unknown"], 1, "There is no client 'kc-unknown'"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_changed(
    more: list[str], code: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(more) == code
    assert words in capsys.readouterr().err
    assert answered(capsys, "client", "list") == []
