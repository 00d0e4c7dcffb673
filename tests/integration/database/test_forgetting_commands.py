"""`kentcard erasure` and `kentcard retention`: what an operator types, also after a disaster."""

import asyncio
import json
import shutil
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import msgspec
import pytest

from cardservice.cli.answers import Exit
from cardservice.cli.commands import run
from cardservice.database import Database
from identity import accounts, erasure, signin
from identity.errors import PersonErased
from identity.keys import FileKeyStore
from identity.models import ErasureBasis
from identity.personal import Vault
from tests.support.people import CLERK, JEAN, NOW

OTHER = msgspec.structs.replace(JEAN, given_names="Thaddeus", email="thad@example.org")
PASSPHRASE = "a passphrase for tests"
LATER = NOW + timedelta(days=15)


class Site:
    """A service with its own database and keys."""

    def __init__(self, directory: Path, at: Callable[[datetime], None]) -> None:
        self.path = directory / "kentcard.db"
        self.ledger = directory / "erased.jsonl"
        self.at = at
        self._keys = directory / "keys"

    def jean_asks(self) -> UUID:
        """Jean and Thaddeus are registered, and Jean asks to be erased at NOW."""
        return asyncio.run(self._jean_asks())

    def opens(self, account_id: UUID) -> bool:
        """Whether the record can be read."""
        return asyncio.run(self._opens(account_id))

    async def _jean_asks(self) -> UUID:
        vault, database = self._vault(), Database(f"sqlite:///{self.path}")
        async with database.transaction() as session:
            await accounts.register(session, vault, OTHER, actor=CLERK, now=NOW)
            jean = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
            await signin.send_code(session, vault, OTHER.email, now=NOW)
            basis = ErasureBasis.RESIDENT
            await erasure.ask(
                session, vault, jean.id, basis, grace=erasure.GRACE, actor=CLERK, now=NOW
            )
        await database.close()
        return jean.id

    async def _opens(self, account_id: UUID) -> bool:
        database = Database(f"sqlite:///{self.path}")
        try:
            async with database.transaction() as session:
                await accounts.person(
                    session, self._vault(), account_id, actor=CLERK, reason="x", now=LATER
                )
        except PersonErased:
            return False
        finally:
            await database.close()
        return True

    def _vault(self) -> Vault:
        return Vault(FileKeyStore.open(self._keys, PASSPHRASE))


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    def at(moment: datetime) -> None:
        monkeypatch.setenv("KENTCARD_CLOCK", moment.isoformat())

    (tmp_path / "passphrase").write_text(PASSPHRASE)
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{tmp_path}/kentcard.db")
    monkeypatch.setenv("KENTCARD_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("KENTCARD_KEYS_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    monkeypatch.setenv("KENTCARD_OUTBOX", str(tmp_path / "outbox"))
    monkeypatch.setenv("KENTCARD_DEMO", "1")
    at(NOW)
    assert run(["keys", "init"]) == Exit.DONE
    assert run(["db", "upgrade"]) == Exit.DONE
    return Site(tmp_path, at)


def test_nobody_is_erased_before_their_time_and_the_trail_is_whole_after_it(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    jean = site.jean_asks()
    assert run(["erasure", "run"]) == Exit.DONE
    assert "0 records erased, 0 failed." in capsys.readouterr().out
    assert site.opens(jean)
    site.at(LATER)
    assert run(["erasure", "run"]) == Exit.DONE
    assert "1 records erased, 0 failed." in capsys.readouterr().out
    assert not site.opens(jean)
    assert run(["audit", "verify"]) == Exit.DONE
    assert "The audit trail is whole" in capsys.readouterr().out


def test_the_worker_erases_and_removes_too(site: Site) -> None:
    jean = site.jean_asks()
    site.at(LATER)
    assert run(["worker", "--once"]) == Exit.DONE
    assert not site.opens(jean)
    assert run(["retention", "list", "--json"]) == Exit.DONE


def test_whoever_comes_back_with_a_backup_is_erased_again(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    jean = site.jean_asks()
    backup = site.path.with_suffix(".backup")
    shutil.copy(site.path, backup)
    site.at(LATER)
    run(["erasure", "run"])
    assert run(["erasure", "ledger", "--to", str(site.ledger)]) == Exit.DONE
    assert json.loads(site.ledger.read_text())["account"] == str(jean)
    assert "Jean" not in site.ledger.read_text()
    for beside in site.path.parent.glob("kentcard.db-*"):
        beside.unlink()
    shutil.copy(backup, site.path)
    site.at(NOW + timedelta(days=1))  # before its own time in the backup
    assert site.opens(jean)
    capsys.readouterr()
    assert run(["erasure", "apply", str(site.ledger)]) == Exit.DONE
    said = capsys.readouterr().out
    assert "1 in the ledger, 1 of them had come back. 1 records erased, 0 failed." in said
    assert not site.opens(jean)
    assert run(["erasure", "apply", str(site.ledger)]) == Exit.DONE
    assert "0 of them had come back" in capsys.readouterr().out


@pytest.mark.parametrize("line", ["", "{}", "not json", '{"account": "7", "erased_at": "now"}'])
def test_a_line_that_is_none_is_named_and_nobody_is_erased(
    site: Site, capsys: pytest.CaptureFixture[str], line: str
) -> None:
    jean = site.jean_asks()
    good = f'{{"account":"{jean}","erased_at":"2026-11-22T10:00:00Z"}}'
    site.ledger.write_text(f"{good}\n{line}\n")
    assert run(["erasure", "apply", str(site.ledger)]) == Exit.USAGE
    assert "Line 2 of" in capsys.readouterr().err
    assert site.opens(jean)


def test_periods_are_listed_and_applied(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    site.jean_asks()
    site.at(NOW + timedelta(days=8))
    assert run(["retention", "list"]) == Exit.DONE
    lines = capsys.readouterr().out.splitlines()
    codes = next(line for line in lines if line.startswith("one_time_code"))
    assert codes.split("  ")[-1].strip() == "1"
    assert "1 day after the code ran out" in codes
    assert run(["retention", "run"]) == Exit.DONE
    assert "3 rows and messages were over their time" in capsys.readouterr().out
    assert run(["retention", "run"]) == Exit.DONE
    assert "0 rows and messages" in capsys.readouterr().out
