"""`kentcard keys` for card keys: rotate, roll, retire, and the ceremony with two custodians."""

import asyncio
import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from cardservice import generations
from cardservice.card_keys import FIRST
from cardservice.cli.answers import Exit
from cardservice.cli.commands import run
from cardservice.database import Database
from cardservice.key_components import check_value, combined, written
from cardservice.models import Card, CardState
from identity import accounts
from identity.db import new_id
from identity.keys import FileKeyStore, KeyId, Purpose
from identity.personal import Vault
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW
from tests.support.typing_people import Typist, at_a_terminal

PASSPHRASE = "a passphrase for tests"
MASTER = Purpose.CARD_MASTER
ONE, OTHER = bytes(range(16)), bytes(range(100, 116))
KEY = combined([ONE, OTHER])


class Site:
    """A service with its own database and keys, and one card."""

    def __init__(self, directory: Path) -> None:
        secret = directory / "passphrase"
        secret.write_text(PASSPHRASE)
        self.keys = directory / "keys"
        self.url = f"sqlite:///{directory}/kentcard.db"
        self.environ: Mapping[str, str] = {
            "KENTCARD_DATABASE_URL": self.url,
            "KENTCARD_KEYS": str(self.keys),
            "KENTCARD_KEYS_PASSPHRASE_FILE": str(secret),
        }

    @property
    def store(self) -> FileKeyStore:
        return FileKeyStore.open(self.keys, PASSPHRASE)

    @property
    def made(self) -> int:
        """How many generations of the master key there are."""
        return len(self.store.generations(MASTER))

    async def issue(self) -> None:
        database, vault = Database(self.url), Vault(self.store)
        async with database.transaction() as session:
            account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
            card = Card(
                account_id=account.id, state=CardState.ACTIVE, created_at=NOW, state_since=NOW
            )
            card.uid_index = card.sealed_uid = new_id().bytes
            generations.note(card, FIRST)
            session.add(card)
        await database.close()

    async def trail(self, action: str) -> dict[str, Any]:
        database = Database(self.url)
        async with database.transaction() as session:
            query = select(AuditRow.detail).where(AuditRow.action == action)
            found: dict[str, Any] = (await session.scalars(query)).one()
        await database.close()
        return found


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path)
    for name, value in made.environ.items():
        monkeypatch.setenv(name, value)
    FileKeyStore.initialise(made.keys, PASSPHRASE, now=NOW)
    assert run(["db", "upgrade"]) == Exit.DONE
    asyncio.run(made.issue())
    return made


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:  # noqa: ANN401  (JSON)
    capsys.readouterr()
    assert run([*arguments, "--json"]) == Exit.DONE
    return json.loads(capsys.readouterr().out)


def test_a_card_key_is_rotated_rolled_and_retired(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "rotate", "card.write"]) == Exit.DONE
    said = capsys.readouterr().out
    value = generations.check_value(site.store, KeyId(Purpose.CARD_WRITE, 2))
    assert f"Made wri.2, check value {value}. Keep a copy of the key store." in said
    assert "at their next online tap" in said
    rolling = told(capsys, "keys", "rolling")
    assert rolling["remaining"] == 1
    cards = {
        (each["purpose"], each["generation"]): each["cards"] for each in rolling["generations"]
    }
    assert (cards["card.write", 1], cards["card.write", 2]) == (1, 0)
    assert len(cards) == len(FIRST) + 1
    assert run(["keys", "rolling"]) == Exit.DONE
    assert "1 cards still have an older key than is in use." in capsys.readouterr().out

    assert run(["keys", "retire", "card.write", "1"]) == Exit.NO
    assert "say --even-though 1" in capsys.readouterr().err
    assert run(["keys", "retire", "card.write", "2"]) == Exit.NO
    assert run(["keys", "retire", "card.write", "7"]) == Exit.NO
    capsys.readouterr()
    until = ["keys", "retire", "card.write", "1", "--on", "2099-01-01", "--even-though", "1"]
    assert run(until) == Exit.DONE
    said = capsys.readouterr().out
    assert "From 2099-01-01 on, wri.1 and whatever came before it count no more." in said
    assert "1 cards must be replaced." in said


def test_a_read_key_waits_for_terminals_unless_a_day_is_said(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["keys", "rotate", "card.read-library"]) == Exit.DONE
    assert told(capsys, "keys", "rolling")["remaining"] == 0
    day = date(2026, 1, 1).isoformat()  # is over, so it is as soon as terminals have it
    assert run(["keys", "rotate", "card.read-library", "--from", day]) == Exit.DONE
    rolling = told(capsys, "keys", "rolling")
    assert rolling["remaining"] == 0
    begins = {
        each["generation"]: each["used_from"]
        for each in rolling["generations"]
        if each["purpose"] == "card.read-library"
    }
    assert begins[2] == begins[3]
    assert run(["keys", "rotate", "card.read-library", "--from", "2099-01-01"]) == Exit.DONE
    assert run(["keys", "rotate", "data", "--from", day]) == Exit.USAGE
    assert "--from is for card keys" in capsys.readouterr().err
    assert len(site.store.generations(Purpose.DATA)) == 1


@pytest.mark.parametrize("wrong", ["record.sign", "card", ""])
def test_a_key_that_is_on_no_card_is_not_retired(site: Site, wrong: str) -> None:
    with pytest.raises(SystemExit):
        run(["keys", "retire", wrong, "1"])
    assert site.made == 1


def begin(*more: str) -> int:
    names = ["--custodian", "Ada", "--custodian", "Ben"]
    return run(["keys", "ceremony", "begin", MASTER.value, *names, *more])


def enter(site: Site, name: str, component: str, value: str) -> tuple[int, Typist]:
    """A custodian alone at a terminal."""
    command = ["keys", "ceremony", "enter", "--custodian", name]
    with at_a_terminal(site.environ, *command) as person:
        person.answer(f"Component of {name}, eight groups: ", component)
        person.answer("Its check value: ", value)
        return person.ended(), person


def bring(site: Site, name: str, component: bytes) -> tuple[int, Typist]:
    return enter(site, name, written(component), check_value(component))


def test_two_custodians_make_a_key_that_neither_knows(site: Site) -> None:
    assert begin() == Exit.DONE
    status, ada = bring(site, "Ada", ONE)
    assert status == Exit.DONE
    assert "It waits for Ben." in ada.shown
    assert site.made == 1
    status, ben = bring(site, "Ben", OTHER)
    assert status == Exit.DONE
    assert f"Made card.master 2, check value {check_value(KEY)}." in ben.shown
    for person in (ada, ben):
        for secret in (ONE, OTHER, KEY):
            assert written(secret) not in person.shown
            assert secret.hex() not in person.shown.lower()
    key = KeyId(MASTER, 2)
    assert generations.check_value(site.store, key) == check_value(KEY)
    held = asyncio.run(site.trail("key-ceremony-held"))
    assert held["components"] == [f"Ada {check_value(ONE)}", f"Ben {check_value(OTHER)}"]
    assert held["check_value"] == check_value(KEY)
    assert run(["keys", "ceremony", "status"]) == Exit.NO


def test_what_is_kept_of_a_custodian_is_sealed_and_only_the_owner_reads_the_file(
    site: Site,
) -> None:
    begin()
    bring(site, "Ada", ONE)
    (kept,) = site.keys.parent.glob("keys.ceremony*")
    assert kept.stat().st_mode & 0o777 == 0o600
    for form in (ONE, ONE.hex().encode(), written(ONE).encode()):
        assert form not in kept.read_bytes()


def test_a_component_can_be_brought_in_a_file(site: Site, tmp_path: Path) -> None:
    begin()
    sheet = tmp_path / "sheet"
    for name, component in (("Ada", ONE), ("Ben", OTHER)):
        sheet.write_text(f"{written(component)}\n{check_value(component)}\n")
        command = ["keys", "ceremony", "enter", "--custodian", name, "--file", str(sheet)]
        assert run(command) == Exit.DONE
    assert generations.check_value(site.store, KeyId(MASTER, 2)) == check_value(KEY)


def test_a_mistyped_component_or_check_value_is_refused_and_can_be_typed_again(
    site: Site,
) -> None:
    begin()
    mistyped = written(ONE).replace("0001E", "0011E")
    assert mistyped != written(ONE)
    status, person = enter(site, "Ada", mistyped, check_value(ONE))
    assert status == Exit.NO
    assert "Mistyped: group 1 of 8" in person.shown
    status, person = enter(site, "Ada", written(ONE), "ABCDEF")
    assert status == Exit.NO
    assert "belongs to another component" in person.shown
    assert bring(site, "Ada", ONE)[0] == Exit.DONE
    assert site.made == 1


def test_a_key_of_another_check_value_than_expected_is_not_made(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    begin("--check-value", "ABCDEF")
    bring(site, "Ada", ONE)
    status, ben = bring(site, "Ben", OTHER)
    assert status == Exit.NO
    assert f"would have the check value {check_value(KEY)}, not ABCDEF" in ben.shown
    assert site.made == 1
    assert run(["keys", "ceremony", "abandon"]) == Exit.DONE
    assert "No key was made." in capsys.readouterr().out
    assert begin("--check-value", check_value(KEY).lower()) == Exit.DONE
    bring(site, "Ada", ONE)
    assert bring(site, "Ben", OTHER)[0] == Exit.DONE
    assert site.made == 2


def test_the_same_component_twice_makes_no_key(site: Site) -> None:
    begin()
    bring(site, "Ada", ONE)
    status, ben = bring(site, "Ben", ONE)
    assert status == Exit.NO
    assert "the same component" in ben.shown
    assert site.made == 1


def test_who_is_no_custodian_or_has_come_already_is_not_heard(site: Site) -> None:
    begin()
    bring(site, "Ada", ONE)
    for name in ("Ada", "Mallory"):
        status, person = bring(site, name, OTHER)
        assert status == Exit.NO
        assert f"waits for Ben, not for {name}" in person.shown
    assert site.made == 1


@pytest.mark.parametrize(
    "names", [[], ["Ada"], ["Ada", "ada"], ["Ada", "Ben", "Cy"]], ids=["0", "1", "same", "3"]
)
def test_a_ceremony_has_two_custodians(site: Site, names: list[str]) -> None:
    given = [part for name in names for part in ("--custodian", name)]
    assert run(["keys", "ceremony", "begin", MASTER.value, *given]) == Exit.NO
    assert run(["keys", "ceremony", "status"]) == Exit.NO
    assert site.made == 1


def test_a_ceremony_waits_over_night_and_another_cannot_begin(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    begin()
    assert begin() == Exit.NO
    assert "Another ceremony is under way" in capsys.readouterr().err
    assert bring(site, "Ben", OTHER)[0] == Exit.DONE
    assert told(capsys, "keys", "ceremony", "status")["missing"] == ["Ada"]
    assert bring(site, "Ada", ONE)[0] == Exit.DONE
    assert site.made == 2


def test_a_spoilt_file_is_said_and_can_be_abandoned(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    begin()
    file = site.keys.with_name("keys.ceremony")
    file.write_bytes(file.read_bytes()[:-9])
    assert run(["keys", "ceremony", "status"]) == Exit.NO
    assert "is not whole" in capsys.readouterr().err
    assert run(["keys", "ceremony", "abandon"]) == Exit.DONE
    assert run(["keys", "ceremony", "abandon"]) == Exit.NO
    assert begin() == Exit.DONE


def test_a_component_that_was_changed_in_the_file_makes_no_key(site: Site) -> None:
    begin()
    bring(site, "Ada", ONE)
    file = site.keys.with_name("keys.ceremony")
    kept = json.loads(file.read_bytes())
    kept["custodians"] = ["Eve", "Ben"]
    kept["brought"] = {"Eve": kept["brought"]["Ada"]}
    file.write_text(json.dumps(kept))
    status, ben = bring(site, "Ben", OTHER)
    assert status == Exit.NO
    assert "What Eve brought was changed since" in ben.shown
    assert site.made == 1


def test_a_component_is_made_for_whoever_has_no_dice(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["keys", "ceremony", "component"]) == Exit.DONE
    component, value = capsys.readouterr().out.splitlines()
    begin()
    assert enter(site, "Ada", component, value)[0] == Exit.DONE
