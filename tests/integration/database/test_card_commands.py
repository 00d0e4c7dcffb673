"""`kentcard cards`: how an account's cards stand, and what became of one."""

import asyncio
import json
from pathlib import Path
from uuid import UUID

import pytest

from cardservice import issuance, lifecycle
from cardservice.cli.commands import run
from cardservice.database import Database
from cardservice.models import CardState
from identity import accounts, staff
from identity.actors import SYSTEM
from identity.keys import FileKeyStore
from identity.models import StaffRole
from identity.personal import Vault
from tests.support.people import CLERK, JEAN, NOW

PASSWORD = "a long enough pass phrase for tests"


@pytest.fixture
def database_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    (tmp_path / "passphrase").write_text("a passphrase for tests\n")
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{tmp_path}/kentcard.db")
    monkeypatch.setenv("KENTCARD_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("KENTCARD_KEYS_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    assert run(["db", "upgrade"]) == 0
    return f"sqlite:///{tmp_path}/kentcard.db"


@pytest.fixture
def jean(database_at: str, tmp_path: Path) -> tuple[str, str]:
    """The number of an account and the id of its card in use; an adviser and an officer work."""
    vault = Vault(FileKeyStore.open(tmp_path / "keys", "a passphrase for tests"))

    async def begin() -> tuple[str, str]:
        database = Database(database_at)
        async with database.transaction() as session:
            for role in (StaffRole.ADVISER, StaffRole.CARD_OFFICER):
                await staff.add(session, role.value, "Sam", role, PASSWORD, actor=SYSTEM, now=NOW)
            account = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
            placed = await issuance.order(session, vault, account.id, None, actor=CLERK, now=NOW)
            card = await lifecycle.locked(session, placed.card_id)
            card.sealed_uid, card.uid_index = b"sealed", b"chip"
            await issuance.complete(session, card, actor=CLERK, now=NOW)
            number = account.number
        await database.close()
        return number, str(placed.card_id)

    return asyncio.run(begin())


def state_of(database_at: str, card_id: str) -> CardState:
    async def look() -> CardState:
        database = Database(database_at)
        async with database.transaction() as session:
            state = (await lifecycle.locked(session, UUID(card_id))).state
        await database.close()
        return state

    return asyncio.run(look())


def test_cards_are_shown_and_moved_by_who_may(
    database_at: str, jean: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    number, card_id = jean
    capsys.readouterr()
    assert run(["cards", "show", f"{number[:3]} {number[3:]}", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert (shown["card"], shown["state"], shown["last day"]) == (card_id, "active", "2028-03-31")
    lost = ["cards", "move", card_id, "lost", "--why", "holder-said", "--by", "adviser"]
    assert run(lost) == 0
    assert state_of(database_at, card_id) is CardState.LOST
    assert run(["cards", "show", number]) == 0
    assert "lost" in capsys.readouterr().out


def test_what_the_table_or_the_role_does_not_have_is_refused(
    database_at: str, jean: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    _, card_id = jean
    by = ["--why", "misuse", "--by"]
    assert run(["cards", "move", card_id, "suspended", *by, "adviser"]) == 1
    assert run(["cards", "move", card_id, "dispatched", *by, "card-officer"]) == 1
    assert run(["cards", "move", str(UUID(int=1)), "lost", *by, "adviser"]) == 1
    assert run(["cards", "show", "999999999"]) == 1
    stolen = ["cards", "move", card_id, "stolen", *by, "adviser"]
    assert run([*stolen, "--crime-reference", "<none>"]) == 2
    assert state_of(database_at, card_id) is CardState.ACTIVE
    with pytest.raises(SystemExit):
        run(["cards", "move", card_id, "replaced", *by, "adviser"])
    assert run(["cards", "move", card_id, "suspended", *by, "card-officer"]) == 0
    assert "is suspended now" in capsys.readouterr().out
