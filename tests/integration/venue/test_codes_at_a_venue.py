"""A venue says yes, no or try again to a code, with what it fetched before."""

import sqlite3
from datetime import timedelta
from typing import Any

import httpx
import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from readers.contract.phone_pass import JTI_BYTES
from readers.contract.reasons import Reason
from readers.contract.record import RecordStatus
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.errors import ReadersError
from readers.terminal.decide import CHECKS
from readers.terminal.errors import (
    BundleRefused,
    ServerNotUnderstood,
    ServerRefused,
    ServerUnreachable,
    StateUnusable,
)
from readers.verify.checking import CODE_CHECKS, HELD, Answer, Verdict
from readers.verify.device import Device, age_in_words
from readers.verify.errors import NeverFetched, PinUnusable
from readers.verify.state import SEEN, Venue, VenueState, pinned_key
from tests.support.issuer import NOW, TERMINAL, Issuer
from tests.support.patience import eventually
from tests.support.venue import JTI, SERVER, VenueWorld, pin_of

OTHER_JTI = bytes(JTI_BYTES)


def verdict(device: Device, text: str) -> tuple[Verdict, str]:
    answer = device.check(text)
    return answer.verdict, answer.reason


def test_a_code_is_accepted_without_a_network(world: VenueWorld) -> None:
    device = world.ready()
    world.answers = httpx.Response(503)
    world.move(hours=5)
    assert device.check(world.code()) == Answer(
        verdict=Verdict.YES,
        title="Library membership is held",
        service=Service.LIBRARY,
        number=633_000_000_017,
    )
    assert len(world.asked) == 1


def test_what_is_fetched_is_there_after_a_restart(world: VenueWorld) -> None:
    world.ready()
    assert verdict(world.device(), world.code()) == (Verdict.YES, "")


def test_a_code_is_good_once_here_and_it_is_told_when(world: VenueWorld) -> None:
    device, code = world.ready(), world.code()
    assert verdict(device, code) == (Verdict.YES, "")
    world.move(seconds=20)
    for again in (device, world.device()):  # and for whoever else uses this directory
        told = again.check(code)
        assert (told.verdict, told.reason) == (Verdict.NO, Reason.CODE_SHOWN_BEFORE)
        assert told.title == "This code was shown here at 09:31:00"
        assert told.service is None
    assert verdict(device, world.code(jti=OTHER_JTI)) == (Verdict.YES, "")


def test_a_code_of_small_letters_in_groups_is_the_same_code(world: VenueWorld) -> None:
    device, code = world.ready(), world.code()
    assert verdict(device, code) == (Verdict.YES, "")
    spaced = " ".join(code.lower())
    assert verdict(device, spaced) == (Verdict.NO, Reason.CODE_SHOWN_BEFORE)


def test_a_code_that_was_refused_can_be_shown_when_the_cause_is_gone(world: VenueWorld) -> None:
    library, leisure = world.ready(Service.LIBRARY), world.device(Service.LEISURE)
    code = world.code()
    assert verdict(leisure, code) == (Verdict.NO, Reason.WRONG_SERVICE)
    assert verdict(library, code) == (Verdict.YES, "")


def test_a_code_ends_with_its_minute(world: VenueWorld) -> None:
    device, code = world.ready(), world.code()
    world.move(seconds=60)
    assert verdict(device, code) == (Verdict.NO, Reason.CODE_EXPIRED)


def test_a_lost_phone_is_refused_once_the_list_has_it(world: VenueWorld) -> None:
    device = world.ready()
    world.issuer.set_status(Service.LIBRARY, 7, Status.INVALID)
    assert verdict(device, world.code()) == (Verdict.YES, "")
    device.fetch()
    told = device.check(world.code(jti=OTHER_JTI))
    assert (told.verdict, told.reason) == (Verdict.NO, Reason.REPLACED)
    assert told.title == "This phone was reported lost"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"status": RecordStatus.BLOCKED}, Reason.BLOCKED),
        ({"status_index": 2000}, Reason.LIST_STALE),
        ({"service": Service.IDENTITY}, Reason.WRONG_SERVICE),
        ({"key_id": b"rec.9"}, Reason.UNKNOWN_ISSUER_KEY),
    ],
)
def test_a_code_is_refused_by_the_checks_of_every_reader(
    world: VenueWorld, changes: dict[str, Any], reason: Reason
) -> None:
    assert verdict(world.ready(), world.code(**changes)) == (Verdict.NO, reason)


def test_a_code_signed_by_somebody_else_is_refused(world: VenueWorld) -> None:
    device = world.ready()
    world.issuer.records = Ed25519PrivateKey.generate()
    assert verdict(device, world.code()) == (Verdict.NO, Reason.BAD_RECORD_SIGNATURE)


def test_a_code_of_what_ended_is_refused(world: VenueWorld) -> None:
    world.issuer.set_status(Service.LIBRARY, 7, Status.SUSPENDED)
    told = world.ready().check(world.code())
    assert (told.reason, told.title) == (Reason.SUSPENDED, "This is not held any more")


def test_of_the_checks_only_those_of_dates_are_left_to_the_signature() -> None:
    left = set(CHECKS) - set(CODE_CHECKS)
    assert {check.reason for check in left} == {Reason.NOT_YET_VALID, Reason.EXPIRED}


def test_travel_keeps_its_hours_and_its_fresh_list(world: VenueWorld) -> None:
    device = world.ready()
    world.move(minutes=-2)
    assert verdict(device, world.code(Service.TRAVEL)) == (Verdict.TRY_AGAIN, Reason.CLOCK_BEHIND)
    world.now = NOW + timedelta(hours=14)  # 23:31
    assert verdict(device, world.code(Service.TRAVEL)) == (Verdict.NO, Reason.OUTSIDE_HOURS)
    world.now = NOW + timedelta(days=1, hours=1)
    assert verdict(device, world.code(Service.TRAVEL)) == (Verdict.NO, Reason.LIST_STALE)
    old = device.check(world.code(Service.LEISURE))
    assert (old.verdict, old.reason) == (Verdict.YES, Reason.LIST_STALE)
    assert "Fetch a new one" in old.advice
    assert "old" in device.state_in_words().warning


@pytest.mark.parametrize(
    "text",
    [
        "KC1",
        "https://example.org/",
        "A" * 100_000,
        "\0",
        "KC1.\N{BELL}",
        "<script>",
        "\N{FULLWIDTH LATIN CAPITAL LETTER K}C1.AA",
    ],
)
def test_another_text_is_no_code_of_ours(world: VenueWorld, text: str) -> None:
    assert verdict(world.ready(), text) == (Verdict.NO, Reason.FOREIGN_CODE)


def test_a_code_cut_short_and_one_of_a_later_version_are_told_apart(world: VenueWorld) -> None:
    device, code = world.ready(), world.code()
    assert verdict(device, code[:-9]) == (Verdict.NO, Reason.MALFORMED_RECORD)
    later = code.replace("KC1.", "KC2.")
    assert verdict(device, later) == (Verdict.NO, Reason.UNKNOWN_RECORD_VERSION)


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)
@given(st.text(max_size=300) | st.binary(max_size=200).map(lambda data: data.decode("latin-1")))
def test_no_text_is_a_yes_or_an_error(world: VenueWorld, text: str) -> None:
    if not world.asked:
        world.ready()
    assert world.device().check(text).verdict is not Verdict.YES


# -- the clock ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "reason"),
    [
        (NOW.replace(year=1970), Reason.CLOCK_UNSET),
        (NOW - timedelta(seconds=61), Reason.CLOCK_BEHIND),
        (NOW - timedelta(days=30), Reason.CLOCK_BEHIND),
    ],
)
def test_a_clock_that_cannot_be_right_says_neither_yes_nor_no(
    world: VenueWorld, now: Any, reason: Reason  # noqa: ANN401
) -> None:  # fmt: skip
    device, code = world.ready(), world.code()
    world.now = now
    assert verdict(device, code) == (Verdict.TRY_AGAIN, reason)
    assert "clock" in device.state_in_words().warning


def test_a_code_from_the_future_shows_that_the_clock_is_behind(world: VenueWorld) -> None:
    device = world.ready()
    later = world.code(valid_from=world.now + timedelta(seconds=61))
    assert verdict(device, later) == (Verdict.TRY_AGAIN, Reason.CLOCK_BEHIND)
    within = world.code(valid_from=world.now + timedelta(seconds=60))
    assert verdict(device, within) == (Verdict.YES, "")


def test_a_clock_that_is_set_back_after_a_code_is_noticed(world: VenueWorld) -> None:
    device = world.ready()
    world.move(hours=3)
    assert verdict(device, world.code()) == (Verdict.YES, "")
    world.move(hours=-2)
    again = world.code(jti=OTHER_JTI)
    assert verdict(device, again) == (Verdict.TRY_AGAIN, Reason.CLOCK_BEHIND)


def test_a_clock_behind_the_server_is_noticed_at_the_fetch(world: VenueWorld) -> None:
    world.believe()
    device = world.device()
    world.server_now = world.now + timedelta(minutes=10)
    with pytest.raises(BundleRefused):
        device.fetch()
    assert verdict(device, world.code()) == (Verdict.TRY_AGAIN, Reason.CLOCK_BEHIND)


def test_a_clock_ahead_of_the_server_is_told(world: VenueWorld) -> None:
    world.believe()
    device = world.device()
    world.server_now = world.now - timedelta(seconds=61)
    device.fetch()
    assert "ahead" in device.state_in_words().warning
    world.server_now = world.now - timedelta(seconds=60)
    device.fetch()
    assert device.state_in_words().warning == ""


# -- what is fetched ------------------------------------------------------------------------------


def test_before_the_first_fetch_nothing_is_decided(world: VenueWorld) -> None:
    with pytest.raises(NeverFetched):
        world.device()
    world.believe()
    device = world.device()
    assert verdict(device, world.code()) == (Verdict.TRY_AGAIN, Reason.NOT_READY)
    assert device.state_in_words().fetched == "Nothing was fetched yet."


def test_a_bundle_that_has_run_out_decides_nothing(world: VenueWorld) -> None:
    device = world.ready()
    world.move(days=30)
    assert verdict(device, world.code()) == (Verdict.TRY_AGAIN, Reason.NOT_READY)
    assert "must be fetched" in device.state_in_words().warning


def _other_issuer(world: VenueWorld) -> None:
    world.issuer.bundles = Issuer().bundles


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(_other_issuer, id="another key of the same name"),
        pytest.param(lambda world: world.changes.update(terminal_id=TERMINAL), id="a terminal's"),
        pytest.param(lambda world: world.changes.update(wire_version=2), id="another version"),
        pytest.param(lambda world: world.changes.update(typ="statuslist+jwt"), id="another type"),
        pytest.param(lambda world: world.changes.update(status_lists={}), id="without lists"),
        pytest.param(lambda world: world.changes.update(bundle_keys={}), id="without keys"),
    ],
)
def test_a_bundle_that_cannot_be_trusted_changes_nothing(world: VenueWorld, spoil: Any) -> None:  # noqa: ANN401
    device = world.ready()
    spoil(world)
    with pytest.raises(BundleRefused):
        device.fetch()
    assert verdict(device, world.code()) == (Verdict.YES, "")
    assert verdict(world.device(), world.code(jti=OTHER_JTI)) == (Verdict.YES, "")


def test_an_older_bundle_does_not_bring_a_lost_phone_back(world: VenueWorld) -> None:
    device = world.ready()
    world.server_now = world.now - timedelta(seconds=5)
    with pytest.raises(BundleRefused):
        device.fetch()


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404, json={"code": "no-such-authority"}), ServerRefused),
        (httpx.Response(503, text="down"), ServerUnreachable),
        (httpx.Response(200, text="<html>"), ServerNotUnderstood),
        (httpx.Response(302, headers={"location": "https://example.org"}), ServerNotUnderstood),
        (httpx.Response(200, content=b"x" * (40 * 1024 * 1024)), ServerNotUnderstood),
    ],
)
def test_an_answer_that_is_none_changes_nothing(
    world: VenueWorld, answer: httpx.Response, error: type[ReadersError]
) -> None:
    device = world.ready()
    world.answers = answer
    with pytest.raises(error):
        device.fetch()
    assert verdict(device, world.code()) == (Verdict.YES, "")


def test_keys_that_follow_are_believed_because_the_pinned_one_names_them(
    world: VenueWorld,
) -> None:
    device = world.ready()
    following = {"bun.2": Ed25519PrivateKey.generate()}
    both = world.issuer.pinned | {
        name: key.public_key().public_bytes_raw() for name, key in following.items()
    }
    world.changes["bundle_keys"] = {name: msgspec.to_builtins(key) for name, key in both.items()}
    device.fetch()
    world.issuer.bundles |= following
    world.changes["signed_by"] = "bun.2"
    device.fetch()
    assert verdict(world.device(), world.code()) == (Verdict.YES, "")


def test_another_server_is_not_believed_by_what_the_first_one_said(world: VenueWorld) -> None:
    world.ready()
    other = Issuer()
    world.state.keep_venue(Venue(server_url=SERVER, pinned=other.pinned))
    device = world.device()
    assert verdict(device, world.code()) == (Verdict.TRY_AGAIN, Reason.NOT_READY)
    with pytest.raises(BundleRefused):
        device.fetch()


def test_the_same_pin_again_keeps_what_was_fetched(world: VenueWorld) -> None:
    world.ready()
    world.believe()
    assert verdict(world.device(), world.code()) == (Verdict.YES, "")


def test_the_authority_is_asked_for_by_name(world: VenueWorld) -> None:
    world.state.prepare()
    world.state.keep_venue(
        Venue(server_url=SERVER, authority="medway-council", pinned=world.issuer.pinned)
    )
    world.device().fetch()
    assert world.asked == [f"{SERVER}/venue-bundle?authority=medway-council"]


# -- what is kept ---------------------------------------------------------------------------------


def test_a_yes_that_cannot_be_remembered_is_none(world: VenueWorld) -> None:
    device = world.ready()
    (world.state.directory / SEEN).write_bytes(b"no database" * 100)
    with pytest.raises(StateUnusable):
        device.check(world.code())


def test_codes_are_forgotten_after_a_day(world: VenueWorld) -> None:
    device = world.ready()
    device.check(world.code())
    world.move(days=1, seconds=1)
    device.check(world.code(jti=OTHER_JTI))
    with sqlite3.connect(world.state.directory / SEEN) as file:
        rows = file.execute("SELECT jti FROM seen").fetchall()
    file.close()
    assert rows == [(OTHER_JTI,)]
    assert JTI not in {row[0] for row in rows}


def test_the_pin_is_taken_as_the_card_office_prints_it() -> None:
    issuer = Issuer()
    assert pinned_key(f" {pin_of(issuer)}\n") == issuer.pinned


@pytest.mark.parametrize("pin", ["", ":", "bun.1", "bun.1:", "bun.1:AAAA", ":" + "A" * 43, "b:é"])
def test_what_cannot_be_a_pin_is_refused(pin: str) -> None:
    with pytest.raises(PinUnusable):
        pinned_key(pin)


def test_a_damaged_file_says_which(world: VenueWorld) -> None:
    world.ready()
    (world.state.directory / "venue.json").write_text("{")
    with pytest.raises(StateUnusable, match=r"venue\.json is damaged"):
        VenueState(world.state.directory).venue()


def test_every_service_has_its_yes() -> None:
    assert set(HELD) == set(Service)


@pytest.mark.parametrize(
    ("age", "words"),
    [
        (timedelta(seconds=-5), "new"),
        (timedelta(seconds=59), "new"),
        (timedelta(minutes=1), "1 minute old"),
        (timedelta(minutes=119), "1 hour old"),
        (timedelta(days=3), "3 days old"),
    ],
)
def test_an_age_is_told_in_words(age: timedelta, words: str) -> None:
    assert age_in_words(age) == words


# -- in the background ----------------------------------------------------------------------------


def test_lists_are_fetched_in_the_background(world: VenueWorld) -> None:
    world.believe()
    device = world.device()
    device.start()
    eventually(lambda: device.holdings.bundle is not None)
    device.stop()
    assert verdict(device, world.code()) == (Verdict.YES, "")


def test_a_server_that_is_away_stops_nothing_in_the_background(world: VenueWorld) -> None:
    device = world.ready()
    world.answers = httpx.Response(503)
    device.start()
    eventually(lambda: len(world.asked) > 1)
    device.stop()
    assert verdict(device, world.code()) == (Verdict.YES, "")


def test_what_another_process_fetched_is_followed(world: VenueWorld) -> None:
    device = world.ready()
    world.issuer.set_status(Service.LIBRARY, 7, Status.INVALID)
    world.move(seconds=1)
    world.device().fetch()
    assert verdict(device, world.code()) == (Verdict.NO, Reason.REPLACED)
