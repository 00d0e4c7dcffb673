"""The drill: fill, back up, change, lose everything, restore, and go on, on either engine."""

import asyncio
import base64
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from sqlalchemy import func, select

from cardservice import replacement, updates
from cardservice.cli.commands import run
from cardservice.leaps import SEQUENCES
from cardservice.models import Tap
from entitlements import status
from entitlements.models import ServiceRecord
from identity import sessions, staff
from identity.models import Account, StaffRole
from identity.sessions import NotSignedIn, SignedInSession
from identity.signin_models import SessionKind
from identity.staff import PasswordRight
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.statuslist import Status, from_claim
from readers.terminal.journal import Counts, Journal, send_again
from readers.virtual.card import VirtualCard
from tests.integration.backups.conftest import Place
from tests.support.people import CLERK, JEAN, NOW
from tests.support.server import Machine, World, tap, world, world_on

LATER = msgspec.structs.replace(JEAN, given_names="Asha", email="asha@example.com")
PASSWORD = "an owl in the larder"


async def command(*words: str) -> int:
    """Run a command as somebody at a shell does, beside a server that runs."""
    return await asyncio.to_thread(run, list(words))


def secret(place: Place) -> tuple[str, str]:
    return "--passphrase-file", str(place.directory / "backup.passphrase")


async def back_up(place: Place) -> None:
    assert await command("backup", str(place.backup), *secret(place)) == 0


async def restore(place: Place) -> int:
    return await command("restore", str(place.backup), *secret(place))


async def upload(machine: Machine, numbers: Sequence[int]) -> None:
    batch = wire.TapUpload(taps=[tap(number) for number in numbers])
    answer = await machine.post(wire.TAPS_PATH, batch)
    assert answer.status_code == 200, answer.text


def taken(journal: Journal, number: int) -> None:
    """Taps at a terminal, each shown."""
    for _ in range(number):
        journal.note_shown(journal.append(tap).sequence, shown=True)


async def hand_over(journal: Journal, machine: Machine) -> None:
    """What a terminal does with its journal while it is in touch."""
    taps = journal.pending(limit=100)
    answer = await machine.post(wire.TAPS_PATH, wire.TapUpload(taps=taps))
    assert answer.status_code == 200, answer.text
    stored = msgspec.json.decode(answer.content, type=wire.TapsStored).stored
    journal.mark_uploaded(stored, now=NOW)


async def taps_stored(served: World) -> int:
    count: int = await served.do(lambda session: session.scalar(select(func.count(Tap.sequence))))
    return count


async def sequence_of(served: World, account_id: UUID) -> tuple[int, int, int]:
    """Of the library record: its next-but-one signed sequence, the written one, its place."""
    async with served.database.transaction() as session:
        row = (
            await session.scalars(
                select(ServiceRecord).where(
                    ServiceRecord.account_id == account_id,
                    ServiceRecord.service == Service.LIBRARY,
                )
            )
        ).one()
        return row.sequence, row.written_sequence, row.status_index


async def write_again(served: World, machine: Machine, card: VirtualCard, account: UUID) -> int:
    """Have the card written anew at a tap; the sequence that is on it then."""
    card_id = await served.card_id(account)
    async with served.database.transaction() as session:
        await updates.rewrite(session, card_id, actor=CLERK, now=served.clock())
    ended = await machine.card_session(wire.Purpose.UPDATE, card)
    assert ended is not None
    assert ended.result is wire.SessionResult.DONE, ended
    record = served.read(card, Service.LIBRARY)
    assert record is not None
    card.reset()
    return record.sequence


class Before:
    """What there was when everything was lost."""

    machine: Machine
    journal: Journal
    card: VirtualCard
    jean: UUID
    token: str
    on_card: int
    later_place: int


async def fill_and_back_up(served: World, place: Place) -> Before:
    before = Before()
    desk = await served.machine("Desk")
    before.machine = await served.machine(
        "Kiosk", services=(Service.LIBRARY,), purposes=(wire.Purpose.VALIDATE, wire.Purpose.UPDATE)
    )
    before.jean = await served.register(JEAN)
    before.card = await served.issue(before.jean, desk)
    async with served.database.transaction() as session:
        sam = await staff.add(
            session, "sam", "Sam", StaffRole.SUPERVISOR, PASSWORD, actor=CLERK, now=served.clock()
        )
    async with served.database.transaction() as session:
        before.token = await sessions.open_session(
            session, sam.id, SessionKind.STAFF, now=served.clock()
        )
    before.journal = Journal(place.directory / "taps.db")
    taken(before.journal, 5)
    await hand_over(before.journal, before.machine)
    await back_up(place)
    return before


async def go_on(served: World, before: Before) -> None:
    """What happens after the backup, and is lost with the database."""
    before.on_card = await write_again(served, before.machine, before.card, before.jean)
    taken(before.journal, 3)
    await hand_over(before.journal, before.machine)
    later = await served.register(LATER)
    desk = await served.machine("Another desk")
    await served.issue(later, desk)
    _, _, before.later_place = await sequence_of(served, later)
    async with served.database.transaction() as session:
        await sessions.end(session, before.token, actor=CLERK, now=served.clock())


async def test_after_everything_was_lost_people_sign_in_cards_are_accepted_and_no_tap_is_missing(
    place: Place, database_url: str, on: Callable[[str], None]
) -> None:
    paths = {"keys": str(place.keys)}
    async with world(database_url, place.keystore(), **paths) as served:
        on(served.settings.database_url)
        before = await fill_and_back_up(served, place)
        await go_on(served, before)
        lists = place.directory / "lists"
        assert await command("status-list", "build", "--out", str(lists)) == 0
    place.keys.unlink()

    on(place.elsewhere)
    assert await restore(place) == 0
    assert place.keys.stat().st_mode & 0o777 == 0o600
    async with world_on(place.elsewhere, place.keystore(), **paths) as served:
        before.machine = Machine(before.machine.id, before.machine._key, served.clock, served.url)  # noqa: SLF001  (its key outlives its server)
        await people_sign_in(served, before)
        await the_card_is_accepted(served, before)
        await taps_are_sent_again(served, before)
        await places_are_not_given_out_again(served, before)
        assert await command("audit", "verify") == 0


async def people_sign_in(served: World, before: Before) -> None:
    async with served.database.transaction() as session:
        told = await staff.check_password(
            session, served.vault, "sam", PASSWORD, now=served.clock()
        )
        ended = await sessions.look_up(session, before.token, now=served.clock())
        accounts = await session.scalar(select(func.count(Account.id)))
    assert isinstance(told, PasswordRight)
    assert isinstance(ended, NotSignedIn)
    assert not isinstance(ended, SignedInSession)
    assert accounts == 1


async def the_card_is_accepted(served: World, before: Before) -> None:
    """By what is on it, though the database never knew; and what is written next is newer."""
    record = served.read(before.card, Service.LIBRARY)
    assert record is not None
    assert record.sequence == before.on_card
    listed = await status_of(served)
    assert listed[record.status_index] == Status.VALID
    signed, written, _ = await sequence_of(served, before.jean)
    assert signed >= SEQUENCES
    assert written < before.on_card
    ended = await before.machine.card_session(wire.Purpose.UPDATE, before.card)
    assert ended is not None
    assert ended.result is wire.SessionResult.DONE, ended
    after = served.read(before.card, Service.LIBRARY)
    assert after is not None
    assert after.sequence > before.on_card
    assert after.sequence > SEQUENCES


async def status_of(served: World) -> Any:  # noqa: ANN401  (a list of either form)
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        token = (await client.get("/status-lists/library")).text
    content = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
    return from_claim(claims["status_list"])


async def taps_are_sent_again(served: World, before: Before) -> None:
    """A terminal keeps what it uploaded for a day, and hands all of it over again when told."""
    assert await taps_stored(served) == 5
    taken(before.journal, 3)
    assert len(before.journal.pending(limit=100)) == 3
    assert send_again(before.journal.path) == 8
    await hand_over(before.journal, before.machine)
    assert await taps_stored(served) == 11
    assert before.journal.counts() == Counts(taps=11, uploaded=11)
    before.journal.close()


async def places_are_not_given_out_again(served: World, before: Before) -> None:
    async with served.database.transaction() as session:
        places = [await status.new_index(session, Service.LIBRARY) for _ in range(50)]
    assert min(places) >= status.LEAST_SIZE > before.later_place


async def test_what_a_newer_list_refused_is_refused_again(
    place: Place, database_url: str, on: Callable[[str], None], tmp_path: Path
) -> None:
    lists = tmp_path / "lists"
    async with world(database_url, place.keystore(), keys=str(place.keys)) as served:
        on(served.settings.database_url)
        before = await fill_and_back_up(served, place)
        later = await served.register(LATER)
        await served.issue(later, await served.machine("Another desk"))
        for account in (before.jean, later):
            card_id = await served.card_id(account)
            async with served.database.transaction() as session:
                await replacement.report_lost(session, card_id, actor=CLERK, now=served.clock())
        _, _, known = await sequence_of(served, before.jean)
        _, _, unknown = await sequence_of(served, later)
        assert await command("status-list", "build", "--out", str(lists)) == 0
    place.keys.unlink()
    on(place.elsewhere)
    assert await restore(place) == 0
    async with world_on(place.elsewhere, place.keystore(), keys=str(place.keys)) as served:
        assert (await status_of(served))[known] == Status.VALID
        assert await command("status-list", "adopt", str(lists / "library.jwt")) == 0
        listed = await status_of(served)
        assert (listed[known], listed[unknown]) == (Status.SUSPENDED, Status.SUSPENDED)
        assert await command("status-list", "adopt", str(lists / "library.jwt")) == 0
        token = (lists / "library.jwt").read_text()
        (lists / "library.jwt").write_text(token[:-8] + "AAAAAAAA")
        assert await command("status-list", "adopt", str(lists / "library.jwt")) == 1
        assert await command("audit", "verify") == 0


async def test_a_backup_of_a_busy_database_holds_one_moment(
    place: Place, database_url: str, on: Callable[[str], None], capsys: pytest.CaptureFixture[str]
) -> None:
    async with world(database_url, place.keystore(), keys=str(place.keys)) as served:
        on(served.settings.database_url)
        machine = await served.machine(
            "Kiosk", services=(Service.LIBRARY,), purposes=(wire.Purpose.VALIDATE,)
        )
        await upload(machine, range(1, 3))
        backing_up = asyncio.create_task(back_up(place))
        number = 3
        while not backing_up.done():
            await upload(machine, range(number, number + 5))
            number += 5
        await backing_up
    on(place.elsewhere)
    place.keys.unlink()
    capsys.readouterr()
    assert await command("restore", str(place.backup), *secret(place), "--json") == 0
    assert json.loads(capsys.readouterr().out)["revision"]
    async with world_on(place.elsewhere, place.keystore(), keys=str(place.keys)) as served:
        stored = await taps_stored(served)
        assert (stored - 2) % 5 == 0  # each batch is one transaction
        machine = Machine(machine.id, machine._key, served.clock, served.url)  # noqa: SLF001  (as above)
        await upload(machine, range(1, number))
        assert await taps_stored(served) == number - 1
