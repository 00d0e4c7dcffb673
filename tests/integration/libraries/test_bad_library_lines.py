"""What machines send that they should not: it ends with them, and others go on."""

import asyncio
import ssl

import pytest
from pysip2 import SCStatusRequest

from cardservice.sip2.server import LARGEST_MESSAGE, Limits
from tests.support.server import World
from tests.support.sip2 import SHORT, Certificate, Wire, answering

SC = b"9900802.00\r"
STATUS = SCStatusRequest(status_code="0", max_print_width="080", protocol_version="2.00")
RESEND = b"96AZFEF6\r"


async def works(port: int) -> bool:
    wire = await Wire.to(port)
    answer = await wire.say(SC)
    wire.close()
    return answer.startswith(b"98")


@pytest.mark.parametrize(
    "end", [b"\r", b"\n", b"\r\n", b"\n\r\n"], ids=["cr", "lf", "crlf", "more"]
)
async def test_every_end_of_a_line_is_taken(served: World, end: bytes) -> None:
    async with answering(served) as responder:
        wire = await Wire.to(responder.port)
        for _ in range(3):
            assert (await wire.say(SC.rstrip() + end)).startswith(b"98N")
        await wire.send(SC.rstrip() + end + SC.rstrip() + end)
        assert [(await wire.hear())[:2] for _ in range(2)] == [b"98", b"98"]
        wire.close()


async def test_a_message_in_pieces_is_put_together(served: World) -> None:
    async with answering(served) as responder:
        wire = await Wire.to(responder.port)
        for byte in SC[:-1]:
            await wire.send(bytes([byte]))
            await asyncio.sleep(0)
        assert (await wire.say(b"\r")).startswith(b"98")
        wire.close()


@pytest.mark.parametrize("encoding", ["cp850", "latin-1", "utf-8"])
async def test_a_name_in_any_encoding_is_only_a_wrong_name(served: World, encoding: str) -> None:
    async with answering(served) as responder:
        wire = await Wire.to(responder.port)
        said = "9300CNBücherei|COgeheim£|CPEingang ö|\r".encode(encoding)
        assert await wire.say(said) == b"940\r"
        wire.close()


async def test_a_garbled_message_is_asked_for_again_a_few_times_and_the_answer_sent_again(
    served: World,
) -> None:
    async with answering(served) as responder:
        wire = await Wire.to(responder.port)
        assert await wire.say(b"9900802.00AY1AZ0000\r") == RESEND
        answer = await wire.say(SC)
        assert answer.startswith(b"98")
        assert await wire.say(b"97AZFEF5\r") == answer
        for _ in range(4):
            assert await wire.say(b"\x00\x01\x02\xff\r") == RESEND
        assert await wire.say(b"63001\r") == b""
        wire.close()
        assert await works(responder.port)


async def test_a_machine_that_sends_checksums_is_answered_none_without(served: World) -> None:
    async with answering(served) as responder:
        secret = await responder.machine()
        wire = await Wire.to(responder.port)
        await wire.ask(STATUS)
        login = f"9300CNmaidstone-1|CO{secret}|".encode()
        assert await wire.say(login + b"\r") == RESEND
        assert await wire.say(SC) == RESEND
        wire.close()


async def test_messages_about_books_are_not_answered_and_the_next_is(served: World) -> None:
    async with answering(served) as responder:
        wire = await Wire.to(responder.port)
        book = b"1720261122    100000AOKENT|AB300000001|\r"
        assert (await wire.say(book + SC)).startswith(b"98")
        wire.close()


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param(b"9" * (LARGEST_MESSAGE * 4), id="without an end"),
        pytest.param(b"9300CN" + b"a" * (LARGEST_MESSAGE * 2) + b"|COb|\r", id="with one"),
        pytest.param(bytes(range(32, 256)) * 64, id="binary"),
    ],
)
async def test_a_giant_message_ends_its_connection_alone(served: World, flood: bytes) -> None:
    async with answering(served) as responder:
        wire, other = await Wire.to(responder.port), await Wire.to(responder.port)
        assert await wire.say(flood) == b""
        assert (await other.say(SC)).startswith(b"98")
        wire.close()
        other.close()


async def test_who_never_ends_a_message_or_never_speaks_is_let_go(served: World) -> None:
    async with answering(served, limits=SHORT) as responder:
        slow, silent = await Wire.to(responder.port), await Wire.to(responder.port)
        await slow.send(b"990080")
        assert await slow.is_closed()
        assert await silent.is_closed()
        busy = await Wire.to(responder.port)  # speaks all the time, and never signs in
        said = 0
        while await busy.say(SC):
            said += 1
        assert said > 0
        for each in (slow, silent, busy):
            each.close()
        assert await works(responder.port)


async def test_who_signed_in_may_be_silent_for_longer(served: World) -> None:
    limits = Limits(sign_in=0.3, message=5, idle=30, send=5)
    async with answering(served, limits=limits) as responder:
        wire = await Wire.to(responder.port)
        secret = await responder.machine()
        assert await wire.say(f"9300CNmaidstone-1|CO{secret}|\r".encode()) == b"941\r"
        await asyncio.sleep(0.5)
        assert (await wire.say(SC)).startswith(b"98Y")
        wire.close()


async def test_who_takes_no_answers_is_let_go_and_holds_nobody_up(served: World) -> None:
    limits = Limits(sign_in=30, message=5, idle=30, send=0.3)
    async with answering(served, limits=limits) as responder:
        deaf = await Wire.to(responder.port)
        deaf.writer.transport.set_write_buffer_limits(high=64 * 1024 * 1024)
        assert isinstance(deaf.writer.transport, asyncio.Transport)
        deaf.writer.transport.pause_reading()
        try:
            for _ in range(2000):
                deaf.writer.write(SC * 200)
                await asyncio.sleep(0)
                if deaf.writer.transport.is_closing():
                    break
        except ConnectionError:
            pass
        assert await works(responder.port)
        deaf.writer.transport.abort()


async def test_one_place_cannot_take_every_connection(served: World) -> None:
    async with answering(served, limits=SHORT) as responder:
        held = [await Wire.to(responder.port) for _ in range(5)]
        answers = await asyncio.gather(*(each.say(SC) for each in held))
        assert all(answer.startswith(b"98") for answer in answers)
        more = await Wire.to(responder.port)
        assert await more.is_closed()
        for each in (*held, more):
            each.close()


async def test_many_machines_are_answered_side_by_side(served: World) -> None:
    async with answering(served, limits=Limits(from_one_place=500)) as responder:
        secret = await responder.machine()
        login = f"9300CNmaidstone-1|CO{secret}|\r".encode()
        asked = b"6300120261122    100000          AOKENT|AA29999000000017|\r"

        async def visit() -> bytes:
            wire = await Wire.to(responder.port)
            assert await wire.say(login) == b"941\r"
            answer = await wire.say(asked)
            wire.close()
            return answer

        answers = await asyncio.gather(*(visit() for _ in range(100)))
    assert {answer[:18] for answer in answers} == {b"64YYYY          001"[:18]}
    assert all(b"|BLN|" in answer for answer in answers)


async def test_a_machine_without_tls_and_one_that_does_not_trust_us_get_nothing(
    served: World, certificate: Certificate
) -> None:
    async with answering(served, certificate.server()) as responder:
        plain = await Wire.to(responder.port)
        assert b"98" not in await plain.say(SC)
        plain.close()

        with pytest.raises(ssl.SSLCertVerificationError):
            await Wire.to(responder.port, ssl.create_default_context())
        trusting = await Wire.to(responder.port, certificate.client())
        assert await trusting.ask(STATUS) is not None
        assert await trusting.say(b"9300CNa|COb|AY1AZ0000\r") == RESEND
        trusting.close()


async def test_who_connects_and_leaves_at_once_leaves_nothing_behind(served: World) -> None:
    async with answering(served) as responder:
        for _ in range(20):
            wire = await Wire.to(responder.port)
            wire.writer.transport.abort()
        secret = await responder.machine()
        wire = await Wire.to(responder.port)
        assert await wire.say(f"9300CNmaidstone-1|CO{secret}|\r".encode()) == b"941\r"
        wire.close()


async def test_a_database_that_is_gone_ends_a_connection_and_not_the_server(
    served: World,
) -> None:
    async with answering(served) as responder:
        secret = await responder.machine()
        wire = await Wire.to(responder.port)
        assert await wire.say(f"9300CNmaidstone-1|CO{secret}|\r".encode()) == b"941\r"
        async with served.database.engine.begin() as connection:
            await connection.exec_driver_sql("ALTER TABLE service_number RENAME TO away")
        asked = b"6300120261122    100000          AOKENT|AA29999000000017|\r"
        assert await wire.say(asked) == b""
        wire.close()
        assert await works(responder.port)
