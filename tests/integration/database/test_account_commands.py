"""`kentcard account` and `kentcard messages`."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest

from cardservice.cli.commands import run
from cardservice.database import Database
from identity import accounts, activation, outbox, sessions, staff
from identity.actors import SYSTEM
from identity.devices import Browser
from identity.keys import FileKeyStore
from identity.models import StaffRole
from identity.personal import Vault
from identity.sessions import SignedIn, SignedInSession
from identity.signin_models import SessionKind
from readers.clock import system_clock
from tests.support.people import CLERK, JEAN, NOW

PASSWORD = "a long enough pass phrase for tests"
LAPTOP = Browser("Firefox on Windows", "the laptop's cookie")


class Place:
    """A database and a key store for the commands."""

    def __init__(self, directory: Path) -> None:
        self.url = f"sqlite:///{directory}/kentcard.db"
        self.vault = Vault(FileKeyStore.open(directory / "keys", "a passphrase for tests"))

    async def registered(self) -> str:
        database = Database(self.url)
        async with database.transaction() as session:
            jean = await accounts.register(session, self.vault, JEAN, actor=CLERK, now=NOW)
            outbox.queue(session, self.vault, "x@example.com", "note", "Hello", now=NOW)
            outbox.queue(session, self.vault, "", "note", "", withheld=True, now=NOW)
        await database.close()
        return jean.number

    async def opens(self, code: str) -> bool:
        database = Database(self.url)
        async with database.transaction() as session:
            done = await activation.redeem(
                session, self.vault, code, "31/7/1960", browser=LAPTOP, now=system_clock()
            )
        await database.close()
        return isinstance(done, SignedIn)

    async def signed_in(self) -> tuple[str, dict[str, str]]:
        """Jean, Ann and Sam of staff, signed in; answers Jean's number and their tokens."""
        database, now, tokens = Database(self.url), system_clock(), {}
        other = msgspec.structs.replace(JEAN, email="ann@example.com")
        async with database.transaction() as session:
            made = [
                await accounts.register(session, self.vault, details, actor=CLERK, now=now)
                for details in (JEAN, other)
            ]
            for name, account in zip(("jean", "ann"), made, strict=True):
                tokens[name] = await sessions.open_session(
                    session, account.id, SessionKind.RESIDENT, now=now
                )
            sam = await staff.add(
                session, "sam", "Sam", StaffRole.ADVISER, PASSWORD, actor=SYSTEM, now=now
            )
            tokens["sam"] = await sessions.open_session(session, sam.id, SessionKind.STAFF, now=now)
        await database.close()
        return made[0].number, tokens

    async def still_in(self, tokens: dict[str, str]) -> list[str]:
        """Whose token still opens something."""
        database, found = Database(self.url), []
        async with database.transaction() as session:
            for name, token in tokens.items():
                answer = await sessions.look_up(session, token, now=system_clock())
                found += [name] if isinstance(answer, SignedInSession) else []
        await database.close()
        return sorted(found)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    FileKeyStore.initialise(tmp_path / "keys", "a passphrase for tests", now=NOW)
    (tmp_path / "passphrase").write_text("a passphrase for tests\n")
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{tmp_path}/kentcard.db")
    monkeypatch.setenv("KENTCARD_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("KENTCARD_KEYS_PASSPHRASE_FILE", str(tmp_path / "passphrase"))
    assert run(["db", "upgrade"]) == 0
    return Place(tmp_path)


def test_a_code_from_the_command_line_opens_the_account(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    number = asyncio.run(place.registered())
    capsys.readouterr()
    assert run(["account", "activation-code", f"{number[:3]} {number[3:]}"]) == 0
    said = capsys.readouterr().out
    assert "It works once, until" in said
    assert asyncio.run(place.opens(said.splitlines()[0]))


def test_a_number_of_nobody_is_said(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    assert place.url
    assert run(["account", "activation-code", "123456789"]) == 1
    assert "There is no account with that number." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("whose", "said", "left"),
    [
        ("jean", "1 sign-in was ended.", ["ann", "sam"]),
        ("--everybody", "3 sign-ins were ended.", []),
    ],
)
def test_a_command_signs_a_resident_or_everybody_out(
    place: Place, capsys: pytest.CaptureFixture[str], whose: str, said: str, left: list[str]
) -> None:
    number, tokens = asyncio.run(place.signed_in())
    capsys.readouterr()
    assert run(["account", "sign-out", number if whose == "jean" else whose]) == 0
    assert capsys.readouterr().out.strip() == said
    assert asyncio.run(place.still_in(tokens)) == left


def test_nobody_is_signed_out_by_a_command_that_does_not_say_whom(place: Place) -> None:
    _number, tokens = asyncio.run(place.signed_in())
    with pytest.raises(SystemExit):
        run(["account", "sign-out"])
    assert run(["account", "sign-out", "123"]) != 0
    assert asyncio.run(place.still_in(tokens)) == ["ann", "jean", "sam"]


def test_messages_are_counted_by_what_became_of_them(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(place.registered())
    capsys.readouterr()
    assert run(["messages", "standing", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"sent": 0, "waiting": 1, "withheld": 1}
