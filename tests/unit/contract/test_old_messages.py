"""An older terminal at a newer server, and the reverse: by messages that version really made."""

import base64
import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from readers.contract import wire
from readers.contract.health import HealthReport
from readers.contract.products import RemoteSettings, SetUp
from readers.contract.services import Service
from readers.contract.tokens import BUNDLE_TYPE, sign_token, verify_signature
from readers.terminal.bundle import open_bundle
from tests.support import wire_1
from tests.support.issuer import NOW, Issuer, settings_of

OLD: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "vectors" / "wire-1.json").read_text(encoding="utf-8")
)
PINNED: Final = {name: base64.b64decode(key) for name, key in OLD["pinned"].items()}
LIBRARY: Final = Service.LIBRARY


@pytest.mark.parametrize("name", sorted(OLD["messages"]))
def test_every_message_of_version_0_1_is_still_understood(name: str) -> None:
    said = json.dumps(OLD["messages"][name])
    now = msgspec.json.decode(said, type=getattr(wire, name))
    then = msgspec.json.decode(said, type=getattr(wire_1, name))
    assert holds(msgspec.to_builtins(now), msgspec.to_builtins(then))


def holds(now: object, then: object) -> bool:
    """Whether everything that was said then is said now; fields may have come to it."""
    match now, then:
        case dict(), dict():
            return all(name in now and holds(now[name], then[name]) for name in then)
        case list(), list():
            return len(now) == len(then) and all(map(holds, now, then))
        case _:
            return now == then


def test_the_messages_kept_are_of_every_kind_that_version_had() -> None:
    kinds = {
        name
        for name in dir(wire_1)
        if isinstance(getattr(wire_1, name), type)
        and issubclass(getattr(wire_1, name), msgspec.Struct)
        and getattr(wire_1, name).__module__ == wire_1.__name__
    }
    inside_others = {"Bundle", "ReadKey", "SeenRecord", "ServiceSettings", "TapEvent"}
    assert set(OLD["messages"]) == kinds - inside_others


def test_a_bundle_that_version_0_1_signed_is_still_opened() -> None:
    view = open_bundle(
        OLD["messages"]["SignedBundle"]["token"], PINNED, terminal_id=OLD["terminal_id"]
    )
    assert set(view.services) == {Service.LIBRARY, Service.TRAVEL}
    assert view.set_up == {}


def _of_today() -> wire.Bundle:
    """A bundle that uses what came after version 0.1."""
    issuer = Issuer()
    set_up = SetUp(settings=RemoteSettings(show_seconds=9, title="Welcome"))
    claims = {"set_up": msgspec.to_builtins(set_up)}
    token = issuer.bundle(LIBRARY, **claims)
    key = issuer.bundles["bun.1"].public_key()
    return msgspec.convert(verify_signature(token, BUNDLE_TYPE, key), wire.Bundle)


def test_a_terminal_of_version_0_1_reads_a_bundle_of_today_and_ignores_what_it_does_not_know() -> (
    None
):
    today = _of_today()
    then = msgspec.json.decode(msgspec.json.encode(today), type=wire_1.Bundle)
    assert (then.terminal_id, then.wire_version) == (today.terminal_id, wire_1.WIRE_VERSION)
    assert not hasattr(then, "set_up")


@pytest.mark.parametrize(
    "said",
    [
        wire.EnrolRequest(code="ABCD", public_key=bytes(32)),
        wire.Hello(purpose=wire.Purpose.UPDATE, uid=bytes(7)),
        wire.Answer(step=1, apdu=b"\x91\x00"),
        wire.TapsStored(stored=[1], new=1, server_time=NOW),
        wire.CheckAnswer(status=0, update_owed=False, server_time=NOW),
        wire.Ended(result=wire.SessionResult.DONE, title="Done"),
        settings_of(LIBRARY),
    ],
    ids=lambda said: type(said).__name__,
)
def test_what_is_said_today_is_understood_by_version_0_1(said: msgspec.Struct) -> None:
    then = getattr(wire_1, type(said).__name__)
    understood = msgspec.json.decode(msgspec.json.encode(said), type=then)
    assert holds(msgspec.to_builtins(said), msgspec.to_builtins(understood))


def test_a_field_of_the_future_is_ignored_in_a_report_and_in_a_bundle() -> None:
    issuer = Issuer()
    view = open_bundle(
        issuer.bundle(LIBRARY, weather="rain"), issuer.pinned, terminal_id=OLD["terminal_id"]
    )
    assert set(view.services) == {LIBRARY}
    report = HealthReport(
        at=NOW, software="9", wire_version=1, product="validator", started_at=NOW, readers=[],
        taps_waiting=0,
    )  # fmt: skip
    later = msgspec.to_builtins(report) | {"battery": 3}
    assert msgspec.convert(later, HealthReport) == report


def test_a_bundle_in_which_a_future_server_signed_other_claims_is_no_bundle() -> None:
    issuer = Issuer()
    token = sign_token(BUNDLE_TYPE, {"iat": 1}, key_id="bun.1", sign=issuer.bundles["bun.1"].sign)
    with pytest.raises(Exception, match="cannot be trusted"):
        open_bundle(token, issuer.pinned, terminal_id=OLD["terminal_id"])
