"""A library's machine signs in and asks about numbers; two codecs that are not ours agree.

`Sip2` 1.1 is the client, `pysip2` 0.1 reads every answer beside it, checksum and all.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pysip2 import (
    ACSStatusResponse,
    EndPatronSessionRequest,
    EndSessionResponse,
    LoginRequest,
    LoginResponse,
    PatronInformationRequest,
    PatronInformationResponse,
    PatronStatusRequest,
    PatronStatusResponse,
    SCStatusRequest,
    SIPMessage,
    decode_message,
    encode_message,
)
from Sip2.wrapper import Sip2Wrapper  # type: ignore[import-untyped]  # it has no types
from sqlalchemy import select

from cardservice import library_machines, replacement
from cardservice.library_models import LibraryUsage
from entitlements import grants
from entitlements.grant_states import GrantState
from entitlements.grants import EndReason, SuspendReason
from entitlements.models import ServiceNumber
from identity.models import Account, AccountState
from readers.contract.services import Service
from tests.support.people import CLERK
from tests.support.server import World
from tests.support.sip2 import MACHINE, Certificate, Responder, Wire, answering

MOMENT = "20261122    100000"
NOT_OURS = "29999000000017"
"""Of the right form, and nobody's."""


def line_of(message: SIPMessage) -> bytes:
    return encode_message(message, sequence_number=1, checksum=True)


async def library_number(world: World, account_id: UUID) -> str:
    """A resident's library number, given with their first card."""
    desk = await world.machine(f"Desk of {account_id}")
    await world.issue(account_id, desk)
    query = select(ServiceNumber.number).where(
        ServiceNumber.account_id == account_id, ServiceNumber.service == Service.LIBRARY
    )
    return str(await world.do(lambda session: session.scalar(query)))


def login(secret: str, name: str = MACHINE) -> LoginRequest:
    return LoginRequest(
        uid_algorithm="0", pwd_algorithm="0", login_user_id=name, login_password=secret
    )


def information(number: str) -> PatronInformationRequest:
    return PatronInformationRequest(
        language="001",
        transaction_date=MOMENT,
        summary=" " * 10,
        institution_id="KENT",
        patron_identifier=number,
    )


async def signed_in(responder: Responder) -> Wire:
    wire = await Wire.to(responder.port)
    answer = await wire.ask(login(await responder.machine()))
    assert answer == LoginResponse(ok="1")
    return wire


async def told(wire: Wire, number: str) -> PatronInformationResponse:
    answer = await wire.ask(information(number))
    assert isinstance(answer, PatronInformationResponse)
    return answer


def client(port: int, logs: Path, *, tls: bool) -> Any:  # noqa: ANN401  (it has no types)
    """`Sip2` as its own documentation sets it up."""
    settings = {
        "hostName": "localhost",
        "hostPort": port,
        "tlsEnable": tls,
        "institutionId": "KENT",
        "scLocation": "Maidstone",
        "logfile_path": str(logs),
        "loglevel": "CRITICAL",
    }
    return Sip2Wrapper(settings, autoConnect=True)


def a_visit(port: int, logs: Path, secret: str, number: str) -> dict[str, Any]:
    """What that client is told, message by message, and the answers as they came."""
    came: dict[str, Any] = {}
    kiosk = client(port, logs, tls=True)
    assert kiosk.login_device(MACHINE, secret) is True
    came["sc"] = kiosk.return_sc_status()
    came["sc raw"] = kiosk.return_last_response()
    came["valid"] = kiosk.login_patron(number)
    came["patron"] = kiosk.get_patron_status()
    came["patron raw"] = kiosk.return_last_response()
    older = kiosk.return_sip2()
    came["status raw"] = older.get_response(older.sip_patron_status_request())
    came["status"] = older.sip_patron_status_response(came["status raw"])
    kiosk.sip_patron_session_end()
    came["nobody"] = kiosk.login_patron(NOT_OURS)
    kiosk.disconnect()
    return came


@pytest.mark.filterwarnings("ignore:ssl.PROTOCOL_TLS is deprecated")  # that client uses it
async def test_a_kiosk_of_another_maker_learns_that_a_patron_is_valid_and_no_name(
    served: World, certificate: Certificate, tmp_path: Path
) -> None:
    jean = await served.register()
    number = await library_number(served, jean)
    async with answering(served, certificate.server()) as responder:
        secret = await responder.machine()
        came = await asyncio.to_thread(a_visit, responder.port, tmp_path, secret, number)
    assert came["sc"]["fixed"]["OnlineStatus"] == "Y"
    assert came["sc"]["variable"]["BX"] == ["YNNNYYYYYNNNNNNN"]
    assert (came["valid"], came["nobody"]) == (True, False)
    for answer in (came["patron"], came["status"]):
        fields = answer["variable"]
        assert answer["fixed"]["PatronStatus"] == " " * 14
        assert (fields["BL"], fields["CQ"], fields["PC"]) == (["Y"], ["N"], ["over-60"])
        assert fields["AA"] == fields["AE"] == [number]
        assert set(fields) == {"Raw", "AO", "AA", "AE", "BL", "CQ", "PC", "AY", "AZ"}
    second = decode_message(came["patron raw"].encode())
    assert isinstance(second.message, PatronInformationResponse)
    assert second.message.valid_patron == "Y"
    assert second.message.personal_name == number
    status = decode_message(came["status raw"].encode()).message
    assert isinstance(status, PatronStatusResponse)
    assert status.valid_patron == "Y"
    acs = decode_message(came["sc raw"].encode()).message
    assert isinstance(acs, ACSStatusResponse)
    assert (acs.terminal_location, acs.checkout_ok) == ("Maidstone library", "N")


async def block(world: World, account_id: UUID) -> None:
    async with world.database.transaction() as session:
        held = (await grants.open_by_scheme(session, account_id))["library"]
        to, why = GrantState.SUSPENDED, SuspendReason.ENQUIRY
        await grants.move(session, held, to, reason=why, actor=CLERK, now=world.clock())


async def end(world: World, account_id: UUID) -> None:
    async with world.database.transaction() as session:
        held = (await grants.open_by_scheme(session, account_id))["library"]
        await grants.end(session, held, EndReason.NOT_ELIGIBLE, actor=CLERK, now=world.clock())


async def lose(world: World, account_id: UUID) -> None:
    card_id = await world.card_id(account_id)
    async with world.database.transaction() as session:
        await replacement.report_lost(session, card_id, actor=CLERK, now=world.clock())


@pytest.mark.parametrize(
    ("happens", "flags", "words"),
    [
        pytest.param(block, "YYYY ", "You cannot use this card now", id="blocked"),
        pytest.param(end, "YYYY ", "membership has ended", id="expired"),
        pytest.param(lose, "YYYYY", "You cannot use this card now", id="reported lost"),
    ],
)
async def test_a_patron_who_may_not_borrow_is_known_and_told_so(
    served: World, happens: Callable[..., Any], flags: str, words: str
) -> None:
    jean = await served.register()
    number = await library_number(served, jean)
    async with answering(served) as responder:
        wire = await signed_in(responder)
        assert (await told(wire, number)).patron_status == " " * 14
        await happens(served, jean)
        after = await told(wire, number)
        wire.close()
    assert after.valid_patron == "Y"
    assert after.patron_status == flags + " " * 9
    assert words in after.screen_message[0]


async def test_every_number_that_is_nobodys_gets_the_same_answer(served: World) -> None:
    jean = await served.register()
    number = await library_number(served, jean)
    wrong_check = f"{number[:-1]}{(int(number[-1]) + 1) % 10}"
    async with served.database.transaction() as session:
        travel = ServiceNumber(account_id=jean, service=Service.TRAVEL, number=int(NOT_OURS))
        session.add(travel)
    strange = [NOT_OURS, wrong_check, number[:-1], number + "1", "", "0", "' OR 1=1", "²" * 14]
    async with answering(served) as responder:
        wire = await signed_in(responder)
        answers = [await told(wire, each) for each in strange]
        async with served.database.transaction() as session:
            (await session.get_one(Account, jean)).state = AccountState.CLOSED
        answers.append(await told(wire, number))
        wire.close()
    for answer in answers:
        assert (answer.valid_patron, answer.patron_status) == ("N", "YYYY" + " " * 10)
        assert answer.screen_message == ("We do not know this number. Ask a member of staff.",)
        assert answer.personal_name == answer.patron_identifier


async def test_a_machine_that_is_revoked_while_it_is_connected_is_let_go(served: World) -> None:
    async with answering(served) as responder:
        wire = await signed_in(responder)
        await told(wire, NOT_OURS)
        async with served.database.transaction() as session:
            await library_machines.revoke(session, MACHINE, actor=CLERK, now=served.clock())
        served.clock.move(seconds=6)
        await wire.send(b"6300120261122    100000          AOKENT|AA29999000000017|AY1AZ")
        await wire.send(b"0000\r")  # a wrong checksum is answered, by whomever
        assert (await wire.hear()).startswith(b"96")
        assert await wire.say(line_of(information(NOT_OURS))) == b""
        wire.close()


async def test_nothing_is_told_before_a_machine_signed_in(served: World) -> None:
    async with answering(served) as responder:
        wire = await Wire.to(responder.port)
        asked = SCStatusRequest(status_code="0", max_print_width="080", protocol_version="2.00")
        status = await wire.ask(asked)
        assert isinstance(status, ACSStatusResponse)
        assert (status.online_status, status.terminal_location) == ("N", "")
        assert await wire.say(line_of(information(NOT_OURS))) == b""
        wire.close()
        wire = await Wire.to(responder.port)
        asked_older = PatronStatusRequest(
            language="001",
            transaction_date=MOMENT,
            institution_id="KENT",
            patron_identifier=NOT_OURS,
            terminal_password="",
            patron_password="",
        )
        assert await wire.say(line_of(asked_older)) == b""
        wire.close()


async def test_a_wrong_secret_a_wrong_name_and_another_network_are_refused_alike(
    served: World,
) -> None:
    async with answering(served) as responder:
        secret = await responder.machine()
        elsewhere = await responder.machine("elsewhere", networks=("192.0.2.0/24", "2001:db8::/32"))
        nearby = await responder.machine("nearby", networks=("127.0.0.0/8", "::1/128"))
        answers = []
        for request in (
            login("wrong"),
            login(secret, "nobody"),
            login(elsewhere, "elsewhere"),
            login("é¡" * 20),
            login(nearby, "nearby"),
        ):
            wire = await Wire.to(responder.port)
            answers.append(await wire.ask(request))
            wire.close()
    assert answers == [*[LoginResponse(ok="0")] * 4, LoginResponse(ok="1")]


async def test_a_fourth_try_ends_a_connection_and_many_failures_make_a_network_wait(
    served: World,
) -> None:
    async with answering(served) as responder:
        secret = await responder.machine()
        for _ in range(20):
            wire = await Wire.to(responder.port)
            for _ in range(3):
                assert await wire.ask(login("wrong")) == LoginResponse(ok="0")
            assert await wire.say(line_of(login("wrong"))) == b""
            wire.close()
        wire = await Wire.to(responder.port)
        assert await wire.ask(login(secret)) == LoginResponse(ok="0")
        served.clock.move(minutes=2)
        assert await wire.ask(login(secret)) == LoginResponse(ok="1")
        wire.close()


async def test_another_secret_takes_the_place_of_the_old_one(served: World) -> None:
    async with answering(served) as responder:
        old = await responder.machine()
        async with served.database.transaction() as session:
            new = await library_machines.new_secret(
                session, MACHINE, actor=CLERK, now=served.clock()
            )
        wire = await Wire.to(responder.port)
        assert await wire.ask(login(old)) == LoginResponse(ok="0")
        assert await wire.ask(login(new)) == LoginResponse(ok="1")
        ended = EndPatronSessionRequest(
            transaction_date=MOMENT, institution_id="KENT", patron_identifier="1"
        )
        answer = await wire.ask(ended)
        assert isinstance(answer, EndSessionResponse)
        assert answer.end_session == "Y"
        wire.close()


async def test_answers_are_counted_by_machine_and_day_without_a_number(served: World) -> None:
    jean = await served.register()
    number = await library_number(served, jean)
    async with answering(served) as responder:
        wire = await signed_in(responder)
        for asked in (number, number, NOT_OURS):
            await told(wire, asked)
        await responder.means.tally.write(served.database.transaction)
        await told(wire, number)
        await responder.means.tally.write(served.database.transaction)
        wire.close()
    rows = await served.do(lambda session: session.execute(select(LibraryUsage)))
    assert {(row.day.isoformat(), row.what, row.times) for row in rows.scalars()} == {
        ("2026-11-22", "valid", 3),
        ("2026-11-22", "unknown", 1),
    }
    async with served.database.transaction() as session:
        [listed] = await library_machines.listed(session, now=served.clock())
    assert listed.today == {"valid": 3, "unknown": 1}
    assert listed.machine.last_seen_at == served.clock()
