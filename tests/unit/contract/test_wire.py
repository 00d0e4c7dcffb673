"""Every message survives its journey; a peer of another age is understood; nonsense is not."""

from datetime import UTC, date, datetime, time

import msgspec
import pytest

from readers.contract import wire
from readers.contract.reasons import Reason
from readers.contract.services import Service
from readers.contract.windows import DatedWindow

NOW = datetime(2026, 11, 30, 9, 0, tzinfo=UTC)
UID = bytes.fromhex("04112233445566")
TAP = wire.TapEvent(
    sequence=1, taken_at=NOW, service=Service.TRAVEL, accepted=False, mode=wire.Mode.OFFLINE,
    reason=Reason.OUTSIDE_HOURS, number=12, status_index=7, record_sequence=1,
)  # fmt: skip
SETTINGS = wire.ServiceSettings(
    stale_after_hours=24, stale_policy=wire.StalePolicy.REFER,
    window_start=time(9, 30), window_end=time(23),
    windows=[
        DatedWindow(
            first=date(1974, 4, 1), last=date(2028, 3, 31), start=time(9, 30), end=time(23)
        ),
        DatedWindow(first=date(2028, 4, 1), start=time(9), end=time(0)),
    ],
)  # fmt: skip
BUNDLE = wire.Bundle(
    iat=1, exp=2, terminal_id="t-1", name="Gateway", place="Ashford",
    services={Service.TRAVEL: SETTINGS}, purposes=[wire.Purpose.VALIDATE],
    issuer_keys={"rec.1": bytes(32)}, status_keys={"sta.1": bytes(32)},
    bundle_keys={"bun.1": bytes(32)}, status_lists={Service.TRAVEL: "token"},
    bank_holidays=[date(2026, 12, 28)],
)  # fmt: skip
MESSAGES = [
    wire.EnrolRequest(code="7F3K-9QXM", public_key=bytes(32)),
    wire.Enrolled(
        terminal_id="t-1", name="Gateway", bundle_keys={"bun.1": bytes(32)}, server_time=NOW
    ),
    BUNDLE,
    wire.SignedBundle(token="a.b.c", server_time=NOW),
    wire.ReadKeys(keys={Service.TRAVEL: [wire.ReadKey(generation=1, key=bytes(16))]}),
    TAP,
    wire.TapUpload(taps=[TAP]),
    wire.TapsStored(stored=[1], new=1, server_time=NOW),
    wire.SeenRecord(number=1, status_index=0, record_sequence=1),
    wire.CheckRequest(service=Service.TRAVEL, uid=UID),
    wire.CheckAnswer(status=0, update_owed=True, server_time=NOW),
    wire.PairingOffer(code="4821", expires_at=NOW, server_time=NOW),
    wire.Hello(purpose=wire.Purpose.UPDATE, uid=UID),
    wire.Command(step=1, apdu=b"\x90\x5a\x00\x00\x00"),
    wire.Answer(step=1, apdu=b"\x91\x00"),
    wire.Broken(reason=Reason.CARD_REMOVED),
    wire.Ended(result=wire.SessionResult.DONE, title="Your card is up to date"),
]


def test_every_message_of_the_contract_is_among_the_tested() -> None:
    ours = {
        thing
        for thing in vars(wire).values()
        if isinstance(thing, type)
        and issubclass(thing, msgspec.Struct)
        and thing.__module__ == wire.__name__
    }
    parts = {wire.ServiceSettings, wire.ReadKey}
    assert {type(message) for message in MESSAGES} == ours - parts


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_message_survives_its_journey(message: msgspec.Struct) -> None:
    assert msgspec.json.decode(msgspec.json.encode(message), type=type(message)) == message


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: type(message).__name__)
def test_a_newer_peer_may_say_more(message: msgspec.Struct) -> None:
    said = msgspec.json.decode(msgspec.json.encode(message)) | {"of_a_later_version": [1]}
    assert msgspec.json.decode(msgspec.json.encode(said), type=type(message)) == message


class SettingsBeforeDatedWindows(msgspec.Struct, kw_only=True):
    """What terminals of the first version know of a service."""

    stale_after_hours: int
    stale_policy: wire.StalePolicy
    window_start: time | None = None
    window_end: time | None = None


def test_a_terminal_that_knows_no_dated_windows_goes_by_the_times_of_the_day() -> None:
    said = msgspec.json.encode(SETTINGS)
    understood = msgspec.json.decode(said, type=SettingsBeforeDatedWindows)
    assert (understood.window_start, understood.window_end) == (time(9, 30), time(23))


def test_a_server_that_sends_no_dated_windows_is_understood() -> None:
    said = msgspec.json.decode(msgspec.json.encode(SETTINGS))
    del said["windows"]
    assert msgspec.convert(said, wire.ServiceSettings).windows == []


def test_an_older_peer_that_names_no_version_speaks_the_first() -> None:
    said = b'{"code": "7F3K-9QXM", "public_key": "' + b"A" * 43 + b'="}'
    assert msgspec.json.decode(said, type=wire.EnrolRequest).wire_version == 1


def test_the_messages_of_a_card_session_are_told_apart_by_their_tag() -> None:
    for message in MESSAGES[-5:]:
        direction = wire.FromServer if isinstance(message, wire.FromServer) else wire.FromTerminal
        said = msgspec.json.encode(message)
        assert msgspec.json.Decoder(direction).decode(said) == message


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (wire.TapEvent, {"sequence": 0}),
        (wire.TapEvent, {"sequence": 2**53 + 1}),
        (wire.TapEvent, {"reason": "because"}),
        (wire.TapEvent, {"number": 10**14}),
        (wire.TapEvent, {"service": "parking"}),
        (wire.TapEvent, {"accepted": "yes"}),
    ],
)
def test_a_tap_out_of_range_is_refused(kind: type, said: dict[str, object]) -> None:
    whole = msgspec.to_builtins(TAP) | said
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(whole, kind)


def test_a_batch_is_bounded_at_both_ends() -> None:
    for count in (0, wire.MAX_BATCH + 1):
        said = msgspec.json.encode({"taps": [TAP] * count})
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(said, type=wire.TapUpload)


def test_an_apdu_is_bounded() -> None:
    for length in (0, 513):
        said = msgspec.json.encode(wire.Command(step=1, apdu=bytes(length)))
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.Decoder(wire.FromServer).decode(said)


def test_a_read_key_shows_itself_in_no_log() -> None:
    key = wire.ReadKey(generation=3, key=b"SixteenBytesLong")
    assert "Sixteen" not in repr(wire.ReadKeys(keys={Service.TRAVEL: [key]}))
