"""Terminals say how they are; the server keeps their last word and names what needs a visit."""

import base64
import json
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
import pytest

from cardservice import terminal_health, terminal_set_up, terminals
from cardservice.errors import BadSetUp, BadTerminalRole, NoSuchTerminal, TerminalNameTaken
from cardservice.terminal_health import SILENT_AFTER, Need, Standing, Trouble
from identity.db import new_id
from identity.keys import Purpose as KeyPurpose
from readers.contract import wire
from readers.contract.health import (
    HEALTH_PATH,
    MOST_READERS,
    HealthReport,
    ReaderHealth,
    ReaderState,
)
from readers.contract.products import Product, set_up_of
from readers.contract.services import Service
from readers.contract.tokens import key_id_of
from readers.terminal.bundle import open_bundle
from tests.support import wire_1
from tests.support.people import CLERK
from tests.support.server import Machine, World, tap

VECTORS: Final = Path(__file__).parents[2] / "vectors" / "wire-1.json"
READY: Final = ReaderState.READY


async def library(world: World, name: str = "Kiosk") -> Machine:
    return await world.machine(
        name, services=(Service.LIBRARY,), purposes=(wire.Purpose.VALIDATE, wire.Purpose.UPDATE)
    )


def report(world: World, **changes: Any) -> HealthReport:  # noqa: ANN401  (of any field)
    now = world.clock()
    fields: dict[str, Any] = {
        "at": now,
        "software": "0.1.0",
        "wire_version": wire.WIRE_VERSION,
        "product": "validator",
        "started_at": now,
        "readers": [ReaderHealth(name="Reader 00", state=READY, since=now)],
        "taps_waiting": 0,
        "bundle_at": now,
        "lists_at": now,
    }
    return HealthReport(**(fields | changes))


async def standing(world: World) -> list[Standing]:
    found = await world.do(lambda session: terminal_health.standings(session, now=world.clock()))
    return list(found)


async def test_a_report_is_kept_in_place_of_the_one_before(served: World) -> None:
    machine = await library(served)
    for waiting in (3, 5):
        answer = await machine.post(HEALTH_PATH, report(served, taps_waiting=waiting))
        assert answer.status_code == 200, answer.text
    [only] = await standing(served)
    assert only.report == report(served, taps_waiting=5)
    assert (only.need, only.troubles) == (Need.NOTHING, ())


@pytest.mark.parametrize(
    ("changes", "trouble", "need"),
    [
        ({"readers": []}, Trouble.NO_READER, Need.VISIT),
        ({"taps_waiting": 200}, Trouble.TAPS_WAITING, Need.LOOK),
        ({"bundle_at": None, "lists_at": None}, Trouble.NO_BUNDLE, Need.LOOK),
        ({"settings_refused": "too long"}, Trouble.SETTINGS_REFUSED, Need.LOOK),
    ],
)
async def test_what_is_wrong_is_named_with_what_it_needs(
    served: World, changes: dict[str, Any], trouble: Trouble, need: Need
) -> None:
    machine = await library(served)
    await machine.post(HEALTH_PATH, report(served, **changes))
    [only] = await standing(served)
    assert (only.troubles, only.need) == ((trouble,), need)


@pytest.mark.parametrize(
    ("off", "troubles"),
    [
        (119, ()),
        (-119, ()),
        (120, (Trouble.CLOCK_WRONG,)),
        (-120, (Trouble.CLOCK_WRONG,)),
        (10**6, (Trouble.CLOCK_WRONG,)),
    ],
)
async def test_a_clock_two_minutes_off_needs_a_visit(
    served: World, off: int, troubles: tuple[Trouble, ...]
) -> None:
    machine = await library(served)
    at = served.clock() + timedelta(seconds=off)
    await machine.post(HEALTH_PATH, report(served, at=at))
    [only] = await standing(served)
    assert only.clock_off == timedelta(seconds=off)
    assert only.troubles == troubles


async def test_what_needs_a_visit_comes_first_then_the_silent_the_new_and_the_revoked(
    served: World,
) -> None:
    fine, gone = await library(served, "A fine one"), await library(served, "Z without a reader")
    revoked = await library(served, "B revoked")
    await served.new_terminal("C never enrolled", services=(Service.LIBRARY,))
    await fine.post(HEALTH_PATH, report(served))
    lost = ReaderHealth(name="Reader 00", state=ReaderState.GONE, since=served.clock())
    stuck = ReaderHealth(name="Reader 01", state=ReaderState.HANGS, since=served.clock())
    await gone.post(HEALTH_PATH, report(served, readers=[lost, stuck]))
    await served.do(
        lambda session: terminals.revoke(session, revoked.id, actor=CLERK, now=served.clock())
    )
    assert [(each.terminal.name, each.troubles) for each in await standing(served)] == [
        ("Z without a reader", (Trouble.READER_GONE, Trouble.READER_HANGS)),
        ("C never enrolled", (Trouble.NEVER_ENROLLED,)),
        ("A fine one", ()),
        ("B revoked", (Trouble.REVOKED,)),
    ]
    served.clock.move(seconds=SILENT_AFTER.total_seconds())
    silent = {each.terminal.name: each for each in await standing(served)}
    assert silent["A fine one"].troubles == (Trouble.NOT_HEARD_OF,)
    assert silent["A fine one"].need is Need.VISIT
    await fine.get(wire.BUNDLE_PATH)
    heard = {each.terminal.name: each for each in await standing(served)}
    assert heard["A fine one"].troubles == (), "an older terminal that only fetches is not silent"


async def test_a_terminal_that_never_reports_is_looked_at_and_not_called_silent(
    served: World,
) -> None:
    machine = await library(served)
    await machine.get(wire.BUNDLE_PATH)
    [only] = await standing(served)
    assert (only.troubles, only.need) == ((Trouble.NEVER_REPORTED,), Need.LOOK)


def _spoilt(world: World) -> dict[str, bytes]:
    good = msgspec.to_builtins(report(world))
    readers = [good["readers"][0]] * (MOST_READERS + 1)
    changes: dict[str, dict[str, Any]] = {
        "many readers": {"readers": readers},
        "a long name": {"readers": [good["readers"][0] | {"name": "x" * 129}]},
        "a state of nobody": {"readers": [good["readers"][0] | {"state": "asleep"}]},
        "negative": {"taps_waiting": -1},
        "huge": {"taps_waiting": 2**70},
        "no zone": {"at": "2026-11-22T10:00:00"},
        "no time": {"at": "yesterday"},
        "long software": {"software": "x" * 41},
        "version nought": {"wire_version": 0},
    }
    bodies = {name: json.dumps(good | change).encode() for name, change in changes.items()}
    return bodies | {"no json": b"{", "a list": b"[]", "nothing": b"", "deep": b"[" * 5000}


async def test_a_report_that_is_none_is_refused_and_the_one_before_kept(served: World) -> None:
    machine = await library(served)
    await machine.post(HEALTH_PATH, report(served))
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        for name, body in _spoilt(served).items():
            answer = await client.post(HEALTH_PATH, headers=machine.header(), content=body)
            assert answer.status_code in (400, 422), (name, answer.text)
            assert answer.headers["content-type"] == "application/problem+json", name
        giant = await client.post(
            HEALTH_PATH, headers=machine.header(), content=b'{"at": "' + b"x" * 20_000 + b'"}'
        )
        assert giant.status_code == 413
        nobody = await client.post(HEALTH_PATH, content=msgspec.json.encode(report(served)))
        assert nobody.status_code == 401
    [only] = await standing(served)
    assert only.report == report(served)


@pytest.mark.parametrize(
    ("version", "words"), [(0, "too old for the server"), (99, "server is too old")]
)
async def test_whoever_is_too_old_is_told_before_the_code_is_used_up(
    served: World, version: int, words: str
) -> None:
    code = await served.new_terminal()
    body = {"code": code, "public_key": "A" * 43 + "=", "wire_version": version}
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        refused = await client.post(wire.ENROL_PATH, json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "version-not-spoken")
    assert words in refused.json()["detail"]
    assert (await served.enrol(code, bytes.fromhex("d75a980182b10ab7d54bfed3c964073a"
        "0ee172f3daa62325af021a68f707511a"))).status_code == 200  # fmt: skip


async def test_a_terminal_of_version_0_1_is_served_as_before(served: World) -> None:
    machine = await library(served)
    await served.do(
        lambda session: terminal_set_up.change(
            session, machine.id, product=Product.LIBRARY_KIOSK, settings={"show_seconds": 9},
            actor=CLERK, now=served.clock(),
        )
    )  # fmt: skip
    fetched = await machine.get(wire.BUNDLE_PATH)
    signed = msgspec.json.decode(fetched.content, type=wire_1.SignedBundle)
    body = signed.token.split(".")[1]
    claims = msgspec.json.decode(_unpadded(body), type=wire_1.Bundle)
    assert claims.wire_version == wire_1.WIRE_VERSION
    assert claims.terminal_id == str(machine.id)
    keys = await machine.get(wire.READ_KEYS_PATH)
    assert msgspec.json.decode(keys.content, type=wire_1.ReadKeys).keys
    old = json.loads(VECTORS.read_text(encoding="utf-8"))["messages"]
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        stored = await client.post(wire.TAPS_PATH, headers=machine.header(), json=old["TapUpload"])
        checked = await client.post(
            wire.CHECKS_PATH, headers=machine.header(), json=old["CheckRequest"]
        )
    assert msgspec.json.decode(stored.content, type=wire_1.TapsStored).stored == [1, 2]
    assert msgspec.json.decode(checked.content, type=wire_1.CheckAnswer).update_owed is False


async def test_a_reason_of_a_newer_terminal_is_refused_and_its_other_taps_are_taken(
    served: World,
) -> None:
    machine = await library(served)
    newer = msgspec.to_builtins(tap(2, accepted=False)) | {"reason": "card-on-fire"}
    async with httpx.AsyncClient(base_url=served.url, trust_env=False) as client:
        mixed = {"taps": [msgspec.to_builtins(tap(1)), newer]}
        refused = await client.post(wire.TAPS_PATH, headers=machine.header(), json=mixed)
        assert refused.status_code == 400, "the terminal then halves the batch"
        halved = {"taps": mixed["taps"][:1]}
        taken = await client.post(wire.TAPS_PATH, headers=machine.header(), json=halved)
    assert taken.json()["stored"] == [1]


async def test_what_is_set_travels_in_the_signed_bundle(served: World) -> None:
    machine = await library(served)

    async def change(**settings: Any) -> None:  # noqa: ANN401  (of any field)
        await served.do(
            lambda session: terminal_set_up.change(
                session, machine.id, product=Product.FRONT_DESK, settings=settings,
                actor=CLERK, now=served.clock(),
            )
        )  # fmt: skip

    await change(show_seconds=9, refresh_seconds=30, pass_back_seconds=45)
    await change(title="Welcome", show_seconds=None)
    fetched = await machine.get(wire.BUNDLE_PATH)
    token = msgspec.json.decode(fetched.content, type=wire.SignedBundle).token
    key = served.keystore.public_key(served.keystore.current(KeyPurpose.BUNDLE_SIGN))
    view = open_bundle(
        token, {key_id_of(token): key.public_bytes_raw()}, terminal_id=str(machine.id)
    )
    told = set_up_of(view.set_up)
    assert told.product is Product.FRONT_DESK
    assert (told.settings.title, told.settings.show_seconds) == ("Welcome", 4)
    assert view.refresh == timedelta(seconds=30)
    assert view.services[Service.LIBRARY].pass_back == timedelta(seconds=45)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"volume": 11}, "no setting 'volume'"),
        ({"show_seconds": 0}, "show_seconds"),
        ({"refresh_seconds": 10**9}, "refresh_seconds"),
        ({"title": "x" * 41}, "title"),
        ({"title": "a\nb"}, "title"),
        ({"advice": "alone"}, "needs a title"),
        ({"pass_back_seconds": "soon"}, "pass_back_seconds"),
    ],
)
async def test_what_cannot_be_set_changes_nothing(
    served: World, settings: dict[str, Any], words: str
) -> None:
    machine = await library(served)
    with pytest.raises(BadSetUp, match=words):
        await served.do(
            lambda session: terminal_set_up.change(
                session, machine.id, settings={"show_seconds": 5} | settings,
                actor=CLERK, now=served.clock(),
            )
        )  # fmt: skip
    assert await served.do(lambda session: terminal_set_up.told(session, machine.id)) == {}


async def test_a_terminal_is_renamed_and_stays_the_same(served: World) -> None:
    machine, other = await library(served, "Old"), await library(served, "Taken")

    async def rename(**to: str) -> None:
        await served.do(
            lambda session: terminals.rename(
                session, machine.id, **to, actor=CLERK, now=served.clock()
            )
        )

    await rename(name=" New name ", place="Upstairs")
    names = {(each.terminal.name, each.terminal.place) for each in await standing(served)}
    assert names == {("New name", "Upstairs"), ("Taken", "Taken")}
    with pytest.raises(TerminalNameTaken):
        await rename(name="Taken")
    for bad in ({}, {"name": " "}, {"name": "x" * 81}, {"place": "a\x00b"}):
        with pytest.raises(BadTerminalRole):
            await rename(**bad)
    assert (await machine.get(wire.BUNDLE_PATH)).status_code == 200
    assert other.id != machine.id
    with pytest.raises(NoSuchTerminal):
        await served.do(
            lambda session: terminals.rename(
                session, new_id(), name="Nobody", actor=CLERK, now=served.clock()
            )
        )


def _unpadded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
