"""`kentcard audit` and `kentcard keys rotate`: what an operator types, and what a script reads."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from cardservice import jobs
from cardservice.cli.answers import Exit
from cardservice.cli.commands import run
from cardservice.database import Database
from cardservice.models import Tap, Terminal
from identity import accounts
from identity.db import new_id
from identity.keys import FileKeyStore, Purpose
from identity.personal import Vault
from readers.contract.services import Service
from readers.contract.wire import Mode
from readers.verify.state import pinned_key
from tests.support.audit import act, tamper
from tests.support.people import CLERK, JEAN, NOW

PASSPHRASE = "a passphrase for tests"


class Site:
    """A service with its own database and keys, and one resident."""

    def __init__(self, directory: Path) -> None:
        self.url = f"sqlite:///{directory}/kentcard.db"
        self.keys = directory / "keys"
        self.elsewhere = directory / "elsewhere" / "checkpoints.jsonl"

    async def register(self) -> None:
        vault = Vault(FileKeyStore.open(self.keys, PASSPHRASE))
        database = Database(self.url)
        async with database.transaction() as session:
            await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        await database.close()

    async def tap(self, *sequences: int) -> int:
        """Taps of one terminal, sealed."""
        database = Database(self.url)
        async with database.transaction() as session:
            terminal = Terminal(
                name=str(new_id()),
                place="Gateway",
                authority="kent",
                services=[],
                purposes=[],
                created_at=NOW,
            )
            session.add(terminal)
            await session.flush()
            session.add_all(_tap(terminal, sequence) for sequence in sequences)
        sealed = await jobs.seal_taps(database, now=NOW)
        await database.close()
        return sealed

    async def act(self) -> None:
        database = Database(self.url)
        await act(database, "act")
        await database.close()

    async def tamper(self, *statements: str) -> None:
        database = Database(self.url)
        await tamper(database, *statements)
        await database.close()


def _tap(terminal: Terminal, sequence: int) -> Tap:
    return Tap(
        terminal_id=terminal.id,
        sequence=sequence,
        taken_at=NOW,
        received_at=NOW,
        service=Service.LIBRARY,
        accepted=True,
        mode=Mode.OFFLINE,
        digest=bytes(32),
    )


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    made = Site(tmp_path)
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE)
    monkeypatch.setenv("KENTCARD_DATABASE_URL", made.url)
    monkeypatch.setenv("KENTCARD_KEYS", str(made.keys))
    monkeypatch.setenv("KENTCARD_KEYS_PASSPHRASE_FILE", str(secret))
    FileKeyStore.initialise(made.keys, PASSPHRASE, now=NOW)
    assert run(["db", "upgrade"]) == Exit.DONE
    asyncio.run(made.register())
    return made


def test_a_whole_trail_is_said_to_be_whole_and_what_was_not_checked(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asyncio.run(site.tap(1, 2, 3)) == 3
    capsys.readouterr()
    assert run(["audit", "verify"]) == Exit.DONE
    said = capsys.readouterr().out
    assert "The audit trail is whole (acts 1, taps 1)." in said
    assert "a cut at the end would not be seen" in said
    assert run(["audit", "verify", "--json"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out) == {
        "type": "intact",
        "ends": {"acts": 1, "taps": 1},
        "checkpoints": 0,
        "unopened": [],
        "forgotten": {},
    }


def test_a_changed_row_is_named_with_exit_code_one(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(site.tamper("UPDATE audit_row SET actor_label = 'Nobody' WHERE id = 1"))
    capsys.readouterr()
    assert run(["audit", "verify"]) == Exit.NO
    assert capsys.readouterr().out.startswith("Audit row 1 is not as it was written")
    assert run(["audit", "verify", "--json"]) == Exit.NO
    said = json.loads(capsys.readouterr().out)
    assert (said["type"], said["chain"], said["number"]) == ("broken", "acts", 1)


def test_a_changed_tap_is_noticed(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(site.tap(1, 2))
    asyncio.run(site.tamper("UPDATE tap SET accepted = NOT accepted WHERE sequence = 2"))
    assert run(["audit", "verify"]) == Exit.NO
    assert "Batch of taps 1 holds other rows than were sealed." in capsys.readouterr().out


def test_a_tap_that_staff_came_to_trust_is_as_it_was_sealed(site: Site) -> None:
    asyncio.run(site.tap(1))
    asyncio.run(site.tamper("UPDATE tap SET after_revocation = NOT after_revocation"))
    assert run(["audit", "verify"]) == Exit.DONE


def test_a_cut_is_seen_with_the_file_that_is_kept_elsewhere(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(site.act())
    assert run(["audit", "checkpoint", "--to", str(site.elsewhere)]) == Exit.DONE
    given = ["audit", "verify", "--checkpoints", str(site.elsewhere)]
    assert run(given) == Exit.DONE
    assert "1 checkpoints kept elsewhere agree" in capsys.readouterr().out
    asyncio.run(
        site.tamper(
            "DELETE FROM audit_row WHERE id > 1",
            "UPDATE chain_head SET number = 1, hash = (SELECT hash FROM audit_row)",
            "DELETE FROM audit_checkpoint",
        )
    )
    assert run(["audit", "verify"]) == Exit.DONE
    assert run(given) == Exit.NO
    assert "Audit row 2 and everything after it is missing." in capsys.readouterr().out


def test_a_checkpoint_without_a_file_is_printed(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["audit", "checkpoint"]) == Exit.DONE
    assert json.loads(capsys.readouterr().out)["ends"][0]["chain"] == "acts"
    assert site.keys.exists()


@pytest.mark.parametrize("content", [None, "torn", "\x00"])
def test_a_checkpoint_file_that_cannot_be_read_is_a_fault_and_says_which(
    site: Site, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    site.elsewhere.parent.mkdir()
    if content is not None:
        site.elsewhere.write_text(content)
    assert run(["audit", "verify", "--checkpoints", str(site.elsewhere)]) == Exit.FAULT
    assert str(site.elsewhere) in capsys.readouterr().err


@pytest.mark.parametrize("purpose", ["data", "index", "audit.sign"])
def test_a_key_is_rotated_and_everything_brought_to_it(
    site: Site, capsys: pytest.CaptureFixture[str], purpose: str
) -> None:
    capsys.readouterr()
    assert run(["keys", "rotate", purpose]) == Exit.DONE
    said = capsys.readouterr().out.splitlines()
    assert said[0].endswith(".2. Keep a copy of the key store.")
    assert said[-1] == "Everything is at the newest keys."
    assert ("0 people done, 1 to do." in said) == (purpose != "audit.sign")
    assert run(["keys", "rekey"]) == Exit.DONE
    assert "1 to do" not in capsys.readouterr().out
    assert len(msgspec.json.decode(site.keys.read_bytes())) > 1


def test_the_pin_is_what_a_venue_takes(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert run(["keys", "pin"]) == Exit.DONE
    store = FileKeyStore.open(site.keys, PASSPHRASE)
    public = store.public_key(store.current(Purpose.BUNDLE_SIGN)).public_bytes_raw()
    assert pinned_key(capsys.readouterr().out) == {"bun.1": public}
