"""`kentcard schemes`, `facts` and `reassess`: what council staff do at a prompt."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.cli import publications
from cardservice.cli.answers import Exit
from cardservice.cli.commands import run
from cardservice.database import Database
from entitlements import assessing, publishing
from entitlements.models import Assessment
from identity import accounts, staff
from identity.actors import SYSTEM, staff_actor
from identity.keys import FileKeyStore
from identity.models import StaffRole
from identity.personal import Vault
from identity.trail_models import AuditRow
from tests.support.people import CLERK, JEAN, NOW
from tests.support.rule_changes import NEW_SCHEME, text_of

PASSPHRASE = "a passphrase for tests"
SECOND = staff_actor(UUID(int=9), "Sam Okoro")
TO_COME = NEW_SCHEME.replace("2026-12-01", "2099-01-01")
"""In force on a day that has not passed, whenever the tests are run."""
T = TypeVar("T")


class Council:
    """A council with one resident, one supervisor (`ana`) and one adviser (`dan`)."""

    def __init__(self, directory: Path) -> None:
        self.url = f"sqlite:///{directory}/kentcard.db"
        self.vault = Vault(FileKeyStore.open(directory / "keys", PASSPHRASE))
        self.file = directory / "leisure-swimming.toml"
        self.file.write_text(TO_COME, encoding="utf-8")
        self.number = self.do(self._people)

    def do(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async def whole() -> T:
            database = Database(self.url)
            try:
                async with database.transaction() as session:
                    return await work(session)
            finally:
                await database.close()

        return asyncio.run(whole())

    async def _people(self, session: AsyncSession) -> str:
        for username, role in (("ana", StaffRole.SUPERVISOR), ("dan", StaffRole.ADVISER)):
            password = "turnip lantern oxbow river"
            await staff.add(session, username, username, role, password, actor=SYSTEM, now=NOW)
        account = await accounts.register(session, self.vault, JEAN, actor=CLERK, now=NOW)
        await assessing.assess(session, self.vault, account.id, actor=CLERK, now=NOW)
        return account.number

    def approve(self) -> None:
        async def work(session: AsyncSession) -> None:
            for row in await publishing.waiting(session):
                await publishing.approve(session, row.id, actor=SECOND, now=NOW)

        self.do(work)

    def actions(self) -> set[str]:
        async def work(session: AsyncSession) -> set[str]:
            return set(await session.scalars(select(AuditRow.action)))

        return self.do(work)


@pytest.fixture
def council(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Council:
    secret = tmp_path / "passphrase"
    secret.write_text(PASSPHRASE, encoding="utf-8")
    secret.chmod(0o600)
    FileKeyStore.initialise(tmp_path / "keys", PASSPHRASE, now=NOW)
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{tmp_path}/kentcard.db")
    monkeypatch.setenv("KENTCARD_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("KENTCARD_KEYS_PASSPHRASE_FILE", str(secret))
    assert run(["db", "upgrade"]) == Exit.DONE
    return Council(tmp_path)


Said = pytest.CaptureFixture[str]


def test_a_scheme_is_previewed_asked_for_approved_and_then_in_force(
    council: Council, capsys: Said
) -> None:
    file = str(council.file)
    assert run(["schemes", "preview", file]) == Exit.DONE
    said = capsys.readouterr().out
    assert "1 residents decided for on 2099-01-01; first day changed: 2099-01-01" in said
    assert "leisure-swimming: 1 gains" in said
    assert council.number not in said
    asked = ["schemes", "publish", file, "--as", "ana", "--reason", "The council decided so"]
    assert run(asked) == Exit.DONE
    assert "Another person decides at http://localhost:8000/staff/rules/changes" in (
        capsys.readouterr().out
    )
    assert run(asked) == Exit.NO
    assert "Another change of leisure-swimming.toml waits" in capsys.readouterr().err
    council.approve()
    assert run(["schemes", "history"]) == Exit.DONE
    assert "approved by Sam Okoro" in capsys.readouterr().out
    assert run(["schemes", "list", "--on", "2099-01-01", "--in-force"]) == Exit.DONE
    assert "Swimming for new residents" in capsys.readouterr().out
    assert run(["schemes", "show", "leisure-swimming", "--in-force"]) == Exit.DONE
    assert capsys.readouterr().out.strip() == TO_COME.strip()
    told = ["--postcode", "ME14 1XQ", "--on", "2099-01-01", "--in-force"]
    assert run(["schemes", "explain", "leisure-swimming", *told]) == Exit.DONE
    assert "note: Bring your own towel." in capsys.readouterr().out
    assert run(["schemes", "explain", "leisure-swimming", *told[:-1]]) == Exit.USAGE


def test_people_are_listed_only_to_those_who_may_see_them(council: Council, capsys: Said) -> None:
    preview = ["schemes", "preview", str(council.file), "--who"]
    assert run(preview) == Exit.USAGE
    assert run([*preview, "--as", "dan"]) == Exit.NO
    assert council.number not in capsys.readouterr().out
    assert "preview-listed" not in council.actions()
    assert run([*preview, "--as", "ana"]) == Exit.DONE
    assert f"{council.number}  gains  leisure-swimming\n" in capsys.readouterr().out
    assert "preview-listed" in council.actions()
    assert run([*preview, "--as", "ana", "--json"]) == Exit.DONE
    listed, counted = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert listed == {"account": council.number, "effect": "gains", "scheme": "leisure-swimming"}
    assert counted["preview"]["counts"] == {"leisure-swimming": {"gains": 1}}


def test_the_look_is_in_the_trail_before_anybody_is_named(
    council: Council, capsys: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(line: str) -> None:
        raise BrokenPipeError(line)

    monkeypatch.setattr(publications, "say", cut_off)
    assert run(["schemes", "preview", str(council.file), "--who", "--as", "ana"]) != Exit.DONE
    assert council.number not in capsys.readouterr().out
    assert "preview-listed" in council.actions()


def test_an_adviser_cannot_ask_and_a_file_with_faults_is_told_where(
    council: Council, capsys: Said
) -> None:
    asked = ["schemes", "publish", str(council.file), "--reason", "Why not", "--as"]
    assert run([*asked, "dan"]) == Exit.NO
    assert "dan may not ask for a change of the rules" in capsys.readouterr().err
    assert run([*asked, "nobody"]) != Exit.DONE
    council.file.write_text(TO_COME.replace('"kent"', '"surrey"'), encoding="utf-8")
    assert run([*asked, "ana"]) == Exit.NO
    assert "leisure-swimming.toml, line 21, column 1: there is no area" in capsys.readouterr().err
    council.file.write_bytes(b"\xff\xfe")
    assert run([*asked, "ana"]) == Exit.NO


def test_a_backdated_change_needs_to_be_meant(council: Council, capsys: Said) -> None:
    file = council.file.parent / "library.toml"
    text = text_of("library.toml").replace("from_age = 18", "from_age = 17")
    file.write_text(text, encoding="utf-8")
    asked = ["schemes", "publish", str(file), "--as", "ana", "--reason", "A mistake of 2012"]
    assert run(asked) == Exit.NO
    assert "1 April 2012" in capsys.readouterr().err
    assert run([*asked, "--backdated"]) == Exit.DONE
    assert "1 decisions were made for days it changes" in capsys.readouterr().out


def test_decisions_are_made_again_and_the_same(council: Council, capsys: Said) -> None:
    assert run(["schemes", "replay", "--json"]) == Exit.DONE
    said = json.loads(capsys.readouterr().out)
    assert said["counts"] == {"same": 10, "different": 0, "not kept": 0}
    assert run(["schemes", "replay", "--account", council.number]) == Exit.DONE
    assert "10 decisions came out the same, 0 different" in capsys.readouterr().out
    assert run(["schemes", "replay", "--account", "000000000"]) != Exit.DONE

    async def tamper(session: AsyncSession) -> None:
        row = (
            await session.scalars(select(Assessment).where(Assessment.scheme == "library"))
        ).one()
        row.decided_on = row.decided_on.replace(year=1990)

    council.do(tamper)
    assert run(["schemes", "replay"]) == Exit.NO
    assert "1 different" in capsys.readouterr().out


def test_a_feed_is_taken_line_by_line_and_a_bad_line_keeps_no_other_back(
    council: Council, capsys: Said
) -> None:
    feed = council.file.parent / "debts.csv"
    feed.write_text(
        "number,fact,value\n"
        f"{council.number},library_debt,501\n"
        f"{council.number},library_debt,five pounds\n"
        f"{council.number},no-such,yes\n"
        "000000000,library_debt,5\n"
        f"{council.number},guarantor,yes\n",
        encoding="utf-8",
    )
    command = ["facts", "feed", str(feed), "--from", "Library system"]
    assert run(command) == Exit.NO
    said = capsys.readouterr()
    assert "2 facts are new, 0 were known, 3 lines were refused." in said.out
    assert "line 3: 'library_debt' is whole pence" in said.err
    assert "line 4: There is no fact 'no-such'" in said.err
    assert "line 5: there is no account 000000000 in use" in said.err
    feed.write_text(f"number,fact,value\n{council.number},library_debt,501\n", encoding="utf-8")
    assert run(command) == Exit.DONE
    assert "0 facts are new, 1 were known" in capsys.readouterr().out
    feed.write_text("account;debt\n", encoding="utf-8")
    assert run(command) == Exit.USAGE
    assert run(["facts", "list"]) == Exit.DONE
    assert "library_debt" in capsys.readouterr().out


def test_everybody_is_reassessed_with_progress(council: Council, capsys: Said) -> None:
    assert council.number
    assert run(["reassess"]) == Exit.DONE
    assert run(["reassess", "--everybody"]) == Exit.DONE
    assert "1 looked at, 0 changed, 0 failed; finished" in capsys.readouterr().out
