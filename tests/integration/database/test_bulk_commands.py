"""`kentcard bureau`, `batches` and `renew`: cards in bulk at a prompt."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import date
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice import issuance
from cardservice.cli.answers import Exit
from cardservice.cli.commands import run
from cardservice.database import Database
from cardservice.models import Card, CardState
from identity import accounts, staff
from identity.actors import SYSTEM
from identity.keys import FileKeyStore
from identity.models import StaffRole
from identity.personal import Vault
from tests.support.bureau import CardWorks, failed
from tests.support.people import CLERK, JEAN, NOW

PASSPHRASE = "a passphrase for tests"
T = TypeVar("T")


class Council:
    """A council with a bureau's keys, staff, and one resident whose card a bureau is to make."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.url = f"sqlite:///{directory}/kentcard.db"
        self.store = FileKeyStore.open(directory / "keys", PASSPHRASE)
        self.vault = Vault(self.store)
        self.works = CardWorks()
        self.keys = directory / "works.json"
        self.keys.write_bytes(self.works.public())
        self.resident = self.do(self._people)

    def do(self, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
        async def whole() -> T:
            database = Database(self.url)
            try:
                async with database.transaction() as session:
                    return await work(session)
            finally:
                await database.close()

        return asyncio.run(whole())

    async def _people(self, session: AsyncSession) -> UUID:
        people = (
            ("ana", StaffRole.CARD_OFFICER),
            ("ben", StaffRole.SUPERVISOR),
            ("dan", StaffRole.ADVISER),
        )
        for username, role in people:
            password = "turnip lantern oxbow river"
            await staff.add(session, username, username, role, password, actor=SYSTEM, now=NOW)
        account = await accounts.register(session, self.vault, JEAN, actor=CLERK, now=NOW)
        await issuance.order(session, self.vault, account.id, None, actor=CLERK, now=NOW)
        return account.id


@pytest.fixture
def council(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Council:
    (tmp_path / "keys.passphrase").write_text(f"{PASSPHRASE}\n")
    monkeypatch.setenv("KENTCARD_DATABASE_URL", f"sqlite:///{tmp_path}/kentcard.db")
    monkeypatch.setenv("KENTCARD_KEYS", str(tmp_path / "keys"))
    monkeypatch.setenv("KENTCARD_KEYS_PASSPHRASE_FILE", str(tmp_path / "keys.passphrase"))
    FileKeyStore.initialise(tmp_path / "keys", PASSPHRASE, now=NOW)
    assert run(["db", "upgrade"]) == Exit.DONE
    return Council(tmp_path)


def said(capsys: pytest.CaptureFixture[str], *words: str, code: Exit = Exit.DONE) -> str:
    """What a command answers, or complains about."""
    capsys.readouterr()
    assert run(list(words)) == code, capsys.readouterr().err
    heard = capsys.readouterr()
    return heard.out if code is Exit.DONE else heard.err


def test_a_batch_goes_out_and_a_wrong_file_comes_back_with_its_line(
    council: Council, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "bureau", "add", "Card Works", "--keys", str(council.keys))
    assert "Card Works" in said(capsys, "bureau", "list")
    assert json.loads(said(capsys, "bureau", "council-key"))["crv"] == "Ed25519"
    assert "kent-card: 1 orders wait" in said(capsys, "batches", "list")
    make = ("batches", "make", "kent-card", "--bureau", "Card Works", "--as")
    assert "may not" in said(capsys, *make, "dan", code=Exit.NO)
    batch = said(capsys, *make, "ana").splitlines()[0]
    download = ("batches", "download", batch, "--to", str(council.directory), "--as", "ana")
    assert "Another person" in said(capsys, *download, code=Exit.NO)
    assert "may not" in said(capsys, "batches", "release", batch, "--as", "ana", code=Exit.NO)
    said(capsys, "batches", "release", batch, "--as", "ben")
    assert "Wrote 1 cards" in said(capsys, *download)
    sealed = (council.directory / f"kentcard-batch-{batch}.jwe").read_bytes()
    _head, rows = council.works.opened(sealed, council.store)
    assert rows[0]["name"] == "Jean O'Malley"
    answer = council.directory / "made.jws"
    results = ("batches", "results", batch, str(answer), "--as", "ana")
    answer.write_bytes(council.works.answer(UUID(batch), [failed(1), failed(1)]))
    refused = said(capsys, *results, code=Exit.NO)
    assert "line 3: Row 1 is there twice" in refused
    assert "Nothing was taken from this file." in refused
    answer.write_bytes(council.works.answer(UUID(batch), [failed(1)]))
    assert "1 ordered again" in said(capsys, *results)
    assert "taken before" in said(capsys, *results, code=Exit.NO)
    listed = json.loads(said(capsys, "batches", "list", "--json"))
    assert listed["batches"][0]["state"] == "answered"
    assert listed["waiting"][0]["ready"] == 1


def test_what_cannot_be_done_is_said(council: Council, capsys: pytest.CaptureFixture[str]) -> None:
    add = ("bureau", "add", "Card Works", "--keys")
    (council.directory / "private.json").write_text(
        json.dumps({"keys": [council.works.signing.as_dict(private=True)]})
    )
    private = str(council.directory / "private.json")
    assert "private key" in said(capsys, *add, private, code=Exit.USAGE)
    said(capsys, *add, str(council.keys))
    assert "already" in said(capsys, *add, str(council.keys), code=Exit.NO)
    said(capsys, "bureau", "set-keys", "Card Works", "--keys", str(council.keys))
    encoder = ("bureau", "set-encoder", "Card Works", "--terminal", "Nowhere")
    assert "no terminal" in said(capsys, *encoder, code=Exit.NO)
    nobody = ("batches", "make", "kent-card", "--bureau", "Nobody", "--as", "ana")
    assert "no bureau" in said(capsys, *nobody, code=Exit.NO)
    nothing = ("batches", "make", "travel-pass", "--bureau", "Card Works", "--as", "ana")
    assert "No order" in said(capsys, *nothing, code=Exit.NO)
    unknown = ("batches", "cancel", str(UUID(int=1)), "--as", "ana")
    assert "no such batch" in said(capsys, *unknown, code=Exit.NO)
    said(capsys, "bureau", "end", "Card Works")
    assert "no bureau" in said(capsys, "bureau", "end", "Card Works", code=Exit.NO)


def test_a_renewal_is_previewed_run_and_told_of(
    council: Council, capsys: pytest.CaptureFixture[str]
) -> None:
    async def hold(session: AsyncSession) -> None:
        for card in await issuance.cards_of(session, council.resident):
            card.state = CardState.DESTROYED
        await session.flush()
        session.add(
            Card(
                account_id=council.resident,
                created_at=NOW,
                state_since=NOW,
                state=CardState.ACTIVE,
                sealed_uid=b"sealed",
                uid_index=b"found",
                expires_on=date(2028, 3, 31),
            )
        )

    council.do(hold)
    day = ("--on", "2028-03-31")
    assert "No run was ever begun." in said(capsys, "renew", "status")
    shown = said(capsys, "renew", "preview", *day)
    assert "1 are asked about first" in shown
    assert "1: no use of the card is recorded, which does not mean it is not used" in shown
    counted = json.loads(said(capsys, "renew", "preview", *day, "--json"))
    assert counted["outcomes"] == {"asks": 1}
    assert "No run was ever begun." in said(capsys, "renew", "status")
    assert "may not" in said(capsys, "renew", "run", *day, "--as", "ana", code=Exit.NO)
    assert "1 looked at, 1 done now" in said(capsys, "renew", "run", *day, "--as", "ben")
    assert "1 looked at, 0 done now" in said(capsys, "renew", "run", *day, "--as", "ben")
    [row] = json.loads(said(capsys, "renew", "status", "--json"))
    assert (row["on"], row["state"], row["asked"]) == ("2028-03-31", "finished", 1)
