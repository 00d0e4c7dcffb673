"""`kentcard applications`: what waits is told, and nothing that is sealed."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

import pytest
from sqlalchemy.ext.asyncio import AsyncSession

from cardservice.cli.commands import run
from cardservice.database import Database
from entitlements import applying
from entitlements.application_models import Application
from identity import accounts
from identity.personal import Vault
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


def applied(url: str, vault: Vault) -> tuple[str, str]:
    """Jean applies for a pass that needs proof; the reference, and her account's number."""

    async def work(session: AsyncSession) -> tuple[str, str]:
        jean = await accounts.register(session, vault, JEAN, actor=CLERK, now=NOW)
        scheme = "travel-disabled"
        row = await applying.start(session, vault, jean.id, scheme, actor=CLERK, now=NOW)
        assert isinstance(row, Application)
        await applying.submit(session, vault, jean.id, row.reference, actor=CLERK, now=NOW)
        return row.reference, jean.number

    return do(url, work)


def test_what_waits_is_listed_and_one_is_shown_with_what_became_of_it(
    database: str, vault: Vault, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["applications", "list"]) == 0
    assert "There are none." in capsys.readouterr().out
    reference, number = applied(database, vault)
    assert run(["applications", "list"]) == 0
    said = capsys.readouterr().out
    assert said.split()[0] == reference
    assert number in said.replace(" ", "")
    assert "O'Malley" not in said
    assert run(["applications", "list", "--state", "granted", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert run(["applications", "show", reference.lower(), "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["state"] == "evidence-wanted"
    assert {each["what"] for each in shown["events"]} == {
        "started",
        "submitted",
        "evidence-wanted",
    }


def test_an_unknown_reference_or_state_is_refused_in_words(
    database: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert database
    assert run(["applications", "show", "KA-NOSUCHXX"]) == 1
    assert "There is no application KA-NOSUCHXX." in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run(["applications", "list", "--state", "lost"])
