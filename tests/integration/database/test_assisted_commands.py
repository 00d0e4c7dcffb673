"""`kentcard assisted`, `kentcard requests` and whose account is a clerk's own."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.cli.commands import run
from cardservice.database import Database
from identity import accounts, assisted, deaths, sessions, staff
from identity.actors import SYSTEM, Basis
from identity.assisted import Wanted
from identity.models import ChangeRequest, OwnAccount, RequestState, StaffRole
from identity.personal import Vault
from identity.sessions import SignedInSession
from identity.signin_models import SessionKind
from tests.support.people import CLERK, JEAN, NOW

T = TypeVar("T")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path / 'kentcard.db'}"
    monkeypatch.setenv("KENTCARD_DATABASE_URL", url)
    assert run(["db", "upgrade"]) == 0
    return url


def do(url: str, work: Callable[[AsyncSession], Awaitable[T]]) -> T:
    async def within() -> T:
        opened = Database(url)
        try:
            async with opened.transaction() as session:
                return await work(session)
        finally:
            await opened.close()

    return asyncio.run(within())


def acting(url: str, vault: Vault) -> str:
    """Sam acts for Jean; answers the number of her account."""

    async def work(session: AsyncSession) -> str:
        jean = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        sam = await staff.add(
            session, "sam", "Sam", StaffRole.ADVISER, "turnip lantern oxbow", actor=SYSTEM, now=NOW
        )
        token = await sessions.open_session(session, sam.id, SessionKind.STAFF, now=NOW)
        own = await sessions.look_up(session, token, now=NOW)
        assert isinstance(own, SignedInSession)
        wanted = Wanted(reason="card", presence="letter", note="A secret")
        life = timedelta(minutes=20)
        begun = await assisted.open_for(
            session, vault, jean.id, wanted, own=own, life=life, now=NOW
        )
        assert isinstance(begun, Basis)
        await deaths.report(
            session, vault, jean.id, "1/11/2026", "tell-us-once", actor=CLERK, now=NOW
        )
        return jean.number

    return do(url, work)


def test_who_acted_is_listed_without_names_or_notes(
    database: str, vault: Vault, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["assisted", "list"]) == 0
    assert "Nobody" in capsys.readouterr().out
    number = acting(database, vault)
    assert run(["assisted", "list", "--reason", "card", "--from", "2026-11-22"]) == 0
    said = capsys.readouterr().out
    assert number in said
    assert "looked only" in said
    assert "secret" not in said
    assert run(["assisted", "list", "--json", "--username", "sam"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["who"], told["presence"], told["note"]) == ("Sam", "letter", "")
    assert run(["assisted", "list", "--presence", "telephone"]) == 0
    assert "Nobody" in capsys.readouterr().out


def test_what_waits_is_listed_and_nothing_can_be_decided_here(
    database: str, vault: Vault, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["requests", "list"]) == 0
    assert "Nothing waits" in capsys.readouterr().out
    number = acting(database, vault)
    assert run(["requests", "list"]) == 0
    assert capsys.readouterr().out.split()[2:] == ["death", number, "Priya", "Shah"]
    assert run(["requests", "list", "--json"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert "asked" not in told
    with pytest.raises(SystemExit):
        run(["requests", "approve", told["id"]])

    async def waiting(session: AsyncSession) -> int | None:
        wanted = select(func.count()).where(ChangeRequest.state == RequestState.WAITING)
        return await session.scalar(wanted)

    assert do(database, waiting) == 1


def test_a_clerks_own_account_is_noted_by_its_number(
    database: str, vault: Vault, capsys: pytest.CaptureFixture[str]
) -> None:
    number = acting(database, vault)
    noting = ["staff", "own-account", "--username", "sam", "--number"]
    assert run([*noting, "123456780"]) == 2
    assert "no such account" in capsys.readouterr().err
    assert run([*noting, number]) == 0

    async def noted(session: AsyncSession) -> int | None:
        return await session.scalar(select(func.count()).select_from(OwnAccount))

    assert do(database, noted) == 1
    assert run(noting[:-1]) == 0
    assert do(database, noted) == 0
