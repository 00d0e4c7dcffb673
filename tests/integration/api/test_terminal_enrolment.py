"""Terminals enrol once, sign what they ask, and can be revoked."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from sqlalchemy import select

from cardservice import terminals
from cardservice.errors import BadTerminalRole, TerminalNameTaken
from cardservice.models import Terminal
from cardservice.terminals import Role
from readers.contract import wire
from readers.contract.services import Service
from readers.contract.wire import Purpose
from tests.support.people import CLERK
from tests.support.server import Machine, World


def _key() -> bytes:
    public = Ed25519PrivateKey.generate().public_key()
    return public.public_bytes(Encoding.Raw, PublicFormat.Raw)


def _code(answer: httpx.Response) -> str:
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["type"].endswith(f"/problems/{problem['code']}")
    assert problem["status"] == answer.status_code
    return str(problem["code"])


async def _bundle(world: World, header: dict[str, str]) -> httpx.Response:
    async with httpx.AsyncClient(base_url=world.url, trust_env=False) as client:
        return await client.get(wire.BUNDLE_PATH, headers=header)


async def _revoke(world: World, machine: Machine) -> None:
    await world.do(
        lambda session: terminals.revoke(session, machine.id, actor=CLERK, now=world.clock())
    )


async def test_of_two_tries_at_once_of_one_code_exactly_one_wins(served: World) -> None:
    code = await served.new_terminal()
    keys = [_key() for _ in range(6)]

    answers = await asyncio.gather(*(served.enrol(code, key) for key in keys))

    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200, 403, 403, 403, 403, 403]
    winner = keys[[answer.status_code for answer in answers].index(200)]
    async with served.database.transaction() as session:
        assert (await session.scalars(select(Terminal))).one().public_key == winner


async def test_a_code_is_accepted_however_it_is_typed_once(served: World) -> None:
    code = await served.new_terminal()
    typed = code.lower().replace("-", " ")
    assert (await served.enrol(typed, _key())).status_code == 200
    again = await served.enrol(code, _key())
    assert (again.status_code, _code(again)) == (403, "code-not-accepted")


async def test_a_code_is_too_old_after_a_day(served: World) -> None:
    code = await served.new_terminal()
    served.clock.move(hours=24)
    answer = await served.enrol(code, _key())
    assert (answer.status_code, _code(answer)) == (403, "code-not-accepted")


async def test_a_newer_code_makes_the_older_useless(served: World) -> None:
    old = await served.new_terminal()
    async with served.database.transaction() as session:
        terminal = (await session.scalars(select(Terminal))).one()
        new = await terminals.new_code(session, terminal.id, actor=CLERK, now=served.clock())
    assert (await served.enrol(old, _key())).status_code == 403
    assert (await served.enrol(new, _key())).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"code":"ABCD"}',
        b'{"code":"A","public_key":"AAAA"}',
        b'{"code":7,"public_key":"AAAA"}',
    ],
)
async def test_an_enrolment_that_cannot_be_read_is_a_problem_not_a_fault(
    served: World, body: bytes
) -> None:
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        answer = await client.post(wire.ENROL_PATH, content=body)
    assert (answer.status_code, _code(answer)) == (400, "bad-request")


async def test_a_terminal_gets_what_it_needs_for_its_own_services_only(served: World) -> None:
    kiosk = await served.machine("Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))
    answer = await kiosk.get(wire.READ_KEYS_PATH)
    keys = msgspec.json.decode(answer.content, type=wire.ReadKeys)
    assert set(keys.keys) == {Service.LIBRARY}
    assert answer.headers["cache-control"] == "no-store"


async def test_a_revoked_terminal_is_told_so_and_enrolling_anew_brings_it_back(
    served: World,
) -> None:
    kiosk = await served.machine("Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))
    await _revoke(served, kiosk)
    for path in (wire.BUNDLE_PATH, wire.READ_KEYS_PATH):
        answer = await kiosk.get(path)
        assert (answer.status_code, _code(answer)) == (403, "terminal-revoked")

    again = await served.enrol_again(kiosk)
    assert (await again.get(wire.BUNDLE_PATH)).status_code == 200
    assert (await kiosk.get(wire.BUNDLE_PATH)).status_code == 401  # its old key is nobody's


@pytest.mark.parametrize(
    "claims",
    [
        {"exp": 0},
        {"aud": "somebody else"},
        {"aud": ["kentcard"]},
        {"iat": "now"},
        {"exp": 10**12},
        {"exp": True},
    ],
    ids=["expired", "other audience", "list", "no number", "lives for ever", "no count"],
)
async def test_a_request_signed_wrongly_is_not_accepted(
    served: World, claims: dict[str, object]
) -> None:
    kiosk = await served.machine("Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))
    answer = await _bundle(served, kiosk.header(**claims))
    assert (answer.status_code, _code(answer)) == (401, "terminal-unknown")
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_request_is_too_old_after_a_minute_and_from_the_future_before_it(
    served: World,
) -> None:
    kiosk = await served.machine("Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))
    header = kiosk.header()
    assert (await _bundle(served, header)).status_code == 200
    served.clock.move(seconds=60)
    assert (await _bundle(served, header)).status_code == 401
    served.clock.move(seconds=-60 - 61)
    assert (await _bundle(served, header)).status_code == 401


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"authorization": ""},
        {"authorization": "Bearer"},
        {"authorization": "Bearer x"},
        {"authorization": "Basic a2VudA=="},
        {"authorization": f"Bearer {'x' * 9000}"},
    ],
    ids=["none", "empty", "no token", "no JWT", "basic", "huge"],
)
async def test_a_request_without_a_terminals_token_is_not_accepted(
    served: World, header: dict[str, str]
) -> None:
    answer = await _bundle(served, header)
    assert (answer.status_code, _code(answer)) == (401, "terminal-unknown")


async def test_a_token_names_its_terminal_and_no_other(served: World) -> None:
    kiosk = await served.machine("Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))
    other = await served.machine("Other", services=(Service.TRAVEL,), purposes=(Purpose.VALIDATE,))
    thief = Machine(other.id, kiosk._key, served.clock, served.url)  # noqa: SLF001  (the theft)
    assert (await thief.get(wire.BUNDLE_PATH)).status_code == 401
    nobody = Machine(uuid4(), kiosk._key, served.clock, served.url)  # noqa: SLF001  (likewise)
    assert (await nobody.get(wire.BUNDLE_PATH)).status_code == 401


@pytest.mark.parametrize(
    "changed",
    [
        {"name": " "},
        {"place": ""},
        {"services": (), "purposes": (Purpose.VALIDATE,)},
        {"purposes": ()},
        {"authority": "atlantis"},
    ],
)
async def test_a_terminal_needs_a_name_a_place_and_something_to_do(
    served: World, changed: dict[str, object]
) -> None:
    role = Role(
        name="Kiosk", place="Library", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,)
    )
    with pytest.raises(BadTerminalRole):
        async with served.database.transaction() as session:
            await terminals.create(
                session,
                msgspec.structs.replace(role, **changed),
                actor=CLERK,
                now=served.clock(),
            )


async def test_two_terminals_never_have_one_name(served: World) -> None:
    await served.new_terminal("Kiosk")
    with pytest.raises(TerminalNameTaken):
        await served.new_terminal("Kiosk")


async def test_the_list_says_when_a_terminal_was_last_seen(served: World) -> None:
    kiosk = await served.machine("Kiosk", services=(Service.LIBRARY,), purposes=(Purpose.VALIDATE,))
    await kiosk.get(wire.BUNDLE_PATH)
    first = served.clock()
    served.clock.move(seconds=30)
    await kiosk.get(wire.BUNDLE_PATH)
    assert await _last_seen(served, kiosk.id) == first
    served.clock.move(seconds=31)
    await kiosk.get(wire.BUNDLE_PATH)
    assert await _last_seen(served, kiosk.id) == first + timedelta(seconds=61)


async def _last_seen(world: World, terminal_id: UUID) -> object:
    async with world.database.transaction() as session:
        return (await session.get_one(Terminal, terminal_id)).last_seen_at
