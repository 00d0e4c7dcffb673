"""`kentcard partners`: adding an organisation, its credentials, and stopping either."""

import json
from pathlib import Path
from typing import Any

import pytest

from cardservice.cli.commands import run
from tests.support.oidc import new_key


@pytest.fixture(autouse=True)
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{tmp_path}/kentcard.db")
    assert run(["db", "upgrade"]) == 0


@pytest.fixture
def keys(tmp_path: Path) -> str:
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [new_key("a")[1]]}))
    return str(path)


def answered(capsys: pytest.CaptureFixture[str], *words: str) -> Any:  # noqa: ANN401  (JSON)
    capsys.readouterr()
    assert run([*words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def added(capsys: pytest.CaptureFixture[str], *schemes: str) -> str:
    made = answered(capsys, "partners", "add", "--name", "Example Theatre", *schemes)
    organisation: str = made["organisation"]
    return organisation


def credentials(capsys: pytest.CaptureFixture[str], organisation: str) -> dict[str, str]:
    shown = answered(capsys, "partners", "show", organisation)
    return {each["client"]: each["state"].split(",")[0] for each in shown["credentials"]}


def test_an_organisation_is_added_with_what_it_may_ask_about(
    capsys: pytest.CaptureFixture[str],
) -> None:
    organisation = added(capsys, "--scheme", "travel-older", "--scheme-with-band", "library")
    shown = answered(capsys, "partners", "show", organisation)
    assert shown["schemes"] == [
        {"scheme": "library", "band": "told"},
        {"scheme": "travel-older", "band": "not told"},
    ]
    assert shown["credentials"] == []
    [listed] = answered(capsys, "partners", "list")
    assert listed == {"organisation": organisation, "name": "Example Theatre", "state": "in-use"}
    answered(capsys, "partners", "agree", organisation, "--scheme", "library")
    shown = answered(capsys, "partners", "show", organisation)
    assert shown["schemes"] == [{"scheme": "library", "band": "not told"}]


def test_a_replaced_credential_goes_on_beside_the_new_one_and_a_third_ends_it(
    capsys: pytest.CaptureFixture[str], keys: str
) -> None:
    organisation = added(capsys)
    make = ("partners", "credential", organisation, "--keys", keys)
    first, second = (answered(capsys, *make)["client"] for _ in range(2))
    assert credentials(capsys, organisation) == {first: "replaced", second: "in-use"}
    third = answered(capsys, *make)["client"]
    sandbox = answered(capsys, *make, "--sandbox")["client"]
    assert credentials(capsys, organisation) == {
        first: "stopped",
        second: "replaced",
        third: "in-use",
        sandbox: "in-use",
    }
    states = {each["client"]: each["state"] for each in answered(capsys, "client", "list")}
    assert states[first] == "disabled"
    answered(capsys, "partners", "credential", organisation, "--stop", third)
    assert credentials(capsys, organisation)[third] == "stopped"
    assert run(["partners", "credential", organisation, "--stop", third]) == 1


def test_a_suspended_organisation_shows_as_such_until_it_is_lifted(
    capsys: pytest.CaptureFixture[str],
) -> None:
    organisation = added(capsys)
    answered(capsys, "partners", "suspend", organisation)
    assert answered(capsys, "partners", "list")[0]["state"] == "suspended"
    answered(capsys, "partners", "suspend", organisation, "--lift")
    assert answered(capsys, "partners", "list")[0]["state"] == "in-use"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("add", "--name", "Example Theatre"), "There is an organisation named"),
        (("add", "--name", "Other", "--scheme", "offer-nowhere"), "no scheme offer-nowhere"),
        (("add", "--name", " x"), "Enter a name"),
        (("show", "00000000-0000-0000-0000-000000000000"), "no such organisation"),
        (("suspend", "00000000-0000-0000-0000-000000000000"), "no such organisation"),
    ],
)
def test_what_cannot_be_done_is_said(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    added(capsys)
    assert run(["partners", *words]) in {1, 2, 3}
    assert said in capsys.readouterr().err


def test_people_read_tables(capsys: pytest.CaptureFixture[str], keys: str) -> None:
    organisation = added(capsys, "--scheme", "library")
    assert run(["partners", "credential", organisation, "--keys", keys]) == 0
    assert run(["partners", "show", organisation]) == 0
    said = capsys.readouterr().out
    assert "Example Theatre: in-use" in said
    assert "library" in said
