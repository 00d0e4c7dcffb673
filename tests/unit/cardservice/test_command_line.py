"""`kentcard`: what it prints and the codes it exits with."""

import argparse
import io
import json
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from cardservice import cli
from cardservice.cli.commands import parser, run
from cardservice.cli.serving import listen
from cardservice.errors import NotReady
from identity.models import StaffRole

EXPLAIN = ["schemes", "explain", "travel-older"]
PASSWORD = "correct horse battery staple\n"


@pytest.fixture(autouse=True)
def in_a_directory_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    for variable in ("KENTCARD_CONFIG", "KENTCARD_CLOCK", "KENTCARD_DATABASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    yield
    structlog.reset_defaults()


@pytest.fixture
def ready(capsys: pytest.CaptureFixture[str]) -> None:
    """Keys and database as a newcomer makes them."""
    assert run(["keys", "init"]) == 0
    assert run(["db", "upgrade"]) == 0
    capsys.readouterr()


def _commands(
    of: argparse.ArgumentParser, words: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    yield words
    for action in of._actions:  # noqa: SLF001  (argparse offers no other way to walk)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001  (likewise)
            for name, inner in action.choices.items():
                yield from _commands(inner, (*words, name))


@pytest.mark.parametrize("words", list(_commands(parser())), ids=" ".join)
def test_every_command_explains_itself(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as left:
        run([*words, "--help"])
    assert left.value.code == 0
    assert "usage: kentcard" in capsys.readouterr().out


def test_the_names_people_rely_on_are_there() -> None:
    names = {" ".join(words) for words in _commands(parser())}
    assert {
        "serve",
        "worker",
        "db upgrade",
        "db downgrade",
        "demo",
        "staff add",
        "staff list",
        "staff roles",
        "staff change-role",
        "client add",
        "client list",
        "client secret",
        "client disable",
        "schemes explain",
        "terminal enrol",
        "terminal list",
        "terminal show",
        "terminal rename",
        "terminal set",
        "terminal revoke",
        "keys init",
        "status-list build",
    } <= names


def test_serve_listens_on_loopback_unless_told_otherwise() -> None:
    asked = parser().parse_args(["serve"])
    assert (asked.host, asked.port) == ("127.0.0.1", 8000)


def test_connections_do_not_hold_small_answers_back() -> None:
    with listen("127.0.0.1", 0) as listener:
        # What asyncio looks at before it sets TCP_NODELAY.
        assert listener.proto == socket.IPPROTO_TCP


@pytest.mark.parametrize("host", ["192.0.2.1", "::2"])
def test_an_address_that_is_not_ours_is_said(host: str) -> None:
    with pytest.raises(NotReady, match=f"Cannot listen on {host}"):
        listen(host, 0)


@pytest.mark.parametrize("words", [[], ["no-such"], ["serve", "--port", "x"], ["db", "downgrade"]])
def test_wrong_usage_is_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(words)
    assert left.value.code == 2
    assert capsys.readouterr().err


def test_a_day_that_is_none_is_said_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        run(["schemes", "explain", "library", "--born", "1960-02-30"])
    assert left.value.code == 2
    assert "'1960-02-30' is not a day of the calendar; write it as 2026-11-30" in (
        capsys.readouterr().err
    )


def test_the_day_before_pensionable_age_is_not_yet(capsys: pytest.CaptureFixture[str]) -> None:
    asked = [*EXPLAIN, "--born", "1960-07-31", "--postcode", "ME14 1XQ", "--on", "2026-11-29"]
    assert run(asked) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("not yet")
    assert lines[1].startswith("reason: ")
    assert "eligible from 2026-11-30" in lines
    assert run([*asked, "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["answer"], data["eligible_from"]) == ("not yet", "2026-11-30")
    asked[-1] = "2026-11-30"
    assert run(asked) == 0


def test_an_unknown_birth_date_is_asked_for_and_never_a_yes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*EXPLAIN, "--postcode", "ME14 1XQ", "--on", "2026-11-30", "--json"]) == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["answer"], data["needed"]) == ("unknown", ["birth_date"])


def test_a_postcode_that_is_not_in_the_table_leaves_the_district_unknown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run([*EXPLAIN, "--born", "1950-01-01", "--postcode", "SW1A 1AA"]) == 1
    said = capsys.readouterr()
    assert "unknown" in said.out.splitlines()[0]
    assert "not in the table" in said.err


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["schemes", "explain", "no-such"], "There is no scheme 'no-such'"),
        ([*EXPLAIN, "--postcode", "nonsense"], "postcode"),
    ],
)
def test_what_cannot_be_looked_up_is_wrong_usage(
    words: list[str], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(words) == 2
    said = capsys.readouterr().err
    assert said.startswith("kentcard: ")
    assert expected in said


def test_faulty_rule_files_are_told_line_by_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["schemes", "check"]) == 0
    assert run(["schemes", "check", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("kentcard: ")


def test_a_settings_file_with_three_faults_reports_all_three(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "faulty.toml"
    file.write_text('institution = 1\nbase_url = "x"\nno_such = 1\n')
    assert run(["--config", str(file), "db", "upgrade"]) == 3
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert all(line.startswith("kentcard: ") for line in lines)


@pytest.mark.parametrize("words", [["serve"], ["worker", "--once"], ["terminal", "list"]])
def test_without_a_database_it_says_what_to_do_first(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    run(["keys", "init"])
    assert run(words) == 3
    assert "Run: kentcard db upgrade" in capsys.readouterr().err


def test_keys_are_made_once_and_kept(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["keys", "init"]) == 0
    store, secret = Path("var/keys.json"), Path("var/keys.passphrase")
    before = store.read_bytes()
    assert store.stat().st_mode & 0o077 == secret.stat().st_mode & 0o077 == 0
    assert run(["keys", "init"]) == 1
    assert store.read_bytes() == before
    capsys.readouterr()
    assert run(["keys", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {"purpose": "card.write", "generation": 1, "key_id": "wri.1"} in listed


@pytest.mark.usefixtures("ready")
def test_a_wrong_passphrase_and_a_missing_one_are_faults(
    capsys: pytest.CaptureFixture[str],
) -> None:
    secret = Path("var/keys.passphrase")
    secret.write_text("another passphrase\n")
    assert run(["keys", "list"]) == 3
    secret.unlink()
    assert run(["keys", "list"]) == 3
    assert "KENTCARD_KEYS_PASSPHRASE_FILE" in capsys.readouterr().err


@pytest.mark.usefixtures("ready")
def test_a_terminal_is_made_listed_enrolled_anew_and_revoked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    enrol = ["terminal", "enrol", "--name", "Kiosk", "--service", "library"]
    assert run([*enrol, "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert run(enrol) == 1  # the name is taken
    assert run(["terminal", "enrol", "--terminal", made["terminal"]]) == 0
    assert capsys.readouterr().out.splitlines()[0] != made["code"]
    assert run(["terminal", "revoke", made["terminal"]]) == 0
    assert run(["terminal", "revoke", made["terminal"], "--json"]) == 0
    assert run(["terminal", "revoke", "00000000-0000-0000-0000-000000000001"]) == 1
    capsys.readouterr()
    assert run(["terminal", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert [(each["name"], each["state"]) for each in listed] == [("Kiosk", "revoked")]
    assert run(["terminal", "list"]) == 0
    assert "Kiosk" in capsys.readouterr().out


@pytest.mark.usefixtures("ready")
def test_a_terminal_is_renamed_set_up_from_afar_and_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["terminal", "enrol", "--name", "Kiosk", "--service", "library", "--json"]) == 0
    own = json.loads(capsys.readouterr().out)["terminal"]
    assert run(["terminal", "rename", own, "--name", "Desk 2", "--place", "Upstairs"]) == 0
    assert "It is Desk 2, at Upstairs." in capsys.readouterr().out
    assert run(["terminal", "set", own, "--product", "library-kiosk", "--show-seconds", "9"]) == 0
    assert run(["terminal", "set", own, "--title", "Welcome", "--json"]) == 0
    again = ["terminal", "set", own, "--again-as-others", "show_seconds"]
    capsys.readouterr()
    assert run([*again, "--json"]) == 0
    settings = json.loads(capsys.readouterr().out)["set_up"]["settings"]
    assert (settings["title"], settings["show_seconds"]) == ("Welcome", 4)
    assert run(["terminal", "show", own, "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["name"], shown["place"]) == ("Desk 2", "Upstairs")
    assert (shown["product"], shown["troubles"]) == ("library-kiosk", ["never-enrolled"])
    assert run(["terminal", "show", own]) == 0
    assert "Upstairs" in capsys.readouterr().out


@pytest.mark.usefixtures("ready")
@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (["show", "00000000-0000-0000-0000-000000000001"], 1),
        (["rename", "00000000-0000-0000-0000-000000000001", "--name", "X"], 1),
        (["set", "00000000-0000-0000-0000-000000000001", "--show-seconds", "5"], 1),
        (["rename", "{own}"], 2),
        (["rename", "{own}", "--name", " "], 2),
        (["set", "{own}", "--show-seconds", "0"], 2),
        (["set", "{own}", "--title", "x" * 41], 2),
        (["set", "{own}", "--advice", "alone"], 2),
    ],
)
def test_what_cannot_be_done_with_a_terminal_is_refused(
    capsys: pytest.CaptureFixture[str], words: list[str], exit_code: int
) -> None:
    assert run(["terminal", "enrol", "--name", "Kiosk", "--service", "library", "--json"]) == 0
    own = json.loads(capsys.readouterr().out)["terminal"]
    assert run(["terminal", *(word.format(own=own) for word in words)]) == exit_code
    assert capsys.readouterr().err


@pytest.mark.usefixtures("ready")
def test_a_terminal_with_nothing_to_do_is_wrong_usage() -> None:
    assert run(["terminal", "enrol", "--name", "Idle"]) == 2
    assert run(["terminal", "enrol", "--name", "X", "--service", "travel", "--authority", "y"]) == 2


@pytest.mark.usefixtures("ready")
def test_staff_passwords_come_from_standard_input_and_are_judged(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["staff", "add", "--username", "sam", "--name", "Sam Clerk", "--role", "card-officer"]
    monkeypatch.setattr(sys, "stdin", io.StringIO("short\n"))
    assert run(add) == 2
    assert "password" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD))
    assert run(add) == 0
    assert PASSWORD.strip() not in capsys.readouterr().out


@pytest.mark.usefixtures("ready")
def test_a_role_is_changed_and_listed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add = ["staff", "add", "--username", "sam", "--name", "Sam Clerk", "--role", "adviser"]
    monkeypatch.setattr(sys, "stdin", io.StringIO(PASSWORD))
    assert run(add) == 0
    assert run(["staff", "change-role", "--username", "SAM", "--role", "auditor"]) == 0
    assert run(["staff", "change-role", "--username", "nobody", "--role", "auditor"]) != 0
    assert "There is no member of staff with that user name." in capsys.readouterr().err
    assert run(["staff", "list"]) == 0
    assert capsys.readouterr().out == "sam  auditor\n"


def test_the_table_of_roles_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["staff", "roles"]) == 0
    lines = capsys.readouterr().out.splitlines()
    heads = [line for line in lines if not line.startswith(" ")]
    assert heads == [role.value for role in StaffRole]
    auditor, administrator = lines.index("auditor"), lines.index("administrator")
    assert lines[auditor + 1 : administrator] == [
        "  be signed in, and sign out",
        "  change their own password, authenticator app and passkeys (step-up)",
        "  read the rules, their history and what waits to be published",
        "  read what was done and by whom",
    ]


@pytest.mark.usefixtures("ready")
def test_status_lists_are_printed_or_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["status-list", "build", "--service", "library"]) == 0
    assert capsys.readouterr().out.startswith("library eyJ")
    assert run(["status-list", "build", "--out", str(tmp_path / "lists")]) == 0
    assert sorted(each.name for each in (tmp_path / "lists").iterdir()) == [
        "identity.jwt",
        "leisure.jwt",
        "library.jwt",
        "travel.jwt",
    ]
    capsys.readouterr()
    assert run(["status-list", "build", "--service", "travel", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"travel"}


@pytest.mark.usefixtures("ready")
def test_the_worker_does_what_is_due_and_ends() -> None:
    assert run(["worker", "--once"]) == 0


@pytest.mark.usefixtures("ready")
def test_the_database_goes_up_and_down(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["db", "downgrade", "base"]) == 0
    assert "no revision" in capsys.readouterr().out
    assert run(["db", "upgrade", "0001"]) == 0
    assert "0001" in capsys.readouterr().out


@pytest.mark.usefixtures("ready")
def test_a_revision_that_does_not_exist_is_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["db", "upgrade", "9999"]) == 2
    assert capsys.readouterr().err.startswith("kentcard: ")


def test_simulated_time_is_refused_outside_demo_mode(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KENTCARD_CLOCK", "2026-11-30T09:00:00+00:00")
    assert run(["db", "upgrade"]) == 3
    assert "demo mode" in capsys.readouterr().err


def test_a_database_that_cannot_be_reached_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KENTCARD_DATABASE_URL", "postgresql://kent@localhost:1/kent")
    assert run(["terminal", "list"]) == 3
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_terminal_only_install_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(sys.modules, "cardservice.cli.commands")
    monkeypatch.setitem(sys.modules, "sqlalchemy.exc", None)
    assert cli.main(["serve"]) == 3
    said = capsys.readouterr().err
    assert "pip install 'kent-card[server]'" in said
    assert "sqlalchemy" in said
