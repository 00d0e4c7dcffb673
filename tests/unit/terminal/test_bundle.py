"""A bundle is trusted whole or not at all."""

from datetime import date, time, timedelta

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from readers.contract import tokens
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.contract.windows import DatedWindow, Window
from readers.contract.wire import Purpose, StalePolicy
from readers.terminal.bundle import check_newer, open_bundle
from readers.terminal.errors import BundleRefused
from tests.support.issuer import NOW, TERMINAL, Issuer, settings_of

ISSUER = Issuer()
TRAVEL = Service.TRAVEL


def opened(token: str) -> object:
    return open_bundle(token, ISSUER.pinned, terminal_id=TERMINAL)


def test_a_bundle_says_how_each_service_is_checked() -> None:
    issuer = Issuer()
    issuer.set_status(TRAVEL, 7, Status.SUSPENDED)
    view = issuer.view(TRAVEL, Service.LIBRARY)
    assert view.name == "Gateway"
    assert view.issued_at == NOW
    assert view.purposes == {Purpose.VALIDATE, Purpose.UPDATE}
    assert view.refresh == timedelta(seconds=60)
    assert view.services[TRAVEL].statuses[7] == Status.SUSPENDED
    assert view.services[TRAVEL].stale_policy is StalePolicy.REFER
    assert view.services[TRAVEL].window is not None
    assert view.services[Service.LIBRARY].window is None
    assert view.services[Service.LIBRARY].listed_at == NOW


def test_a_change_of_the_times_inside_a_bundles_life_happens_on_its_day() -> None:
    last, next_day = date(2026, 11, 30), date(2026, 12, 1)
    travel = msgspec.structs.replace(
        settings_of(TRAVEL),
        windows=[
            DatedWindow(first=date(1974, 4, 1), last=last, start=time(9, 30), end=time(23)),
            DatedWindow(first=next_day, last=next_day, start=time(9), end=time(22)),
        ],
    )
    rules = ISSUER.view(TRAVEL, services=msgspec.to_builtins({"travel": travel})).services[TRAVEL]
    assert rules.window_on(last) == Window(time(9, 30), time(23))
    assert rules.window_on(next_day) == Window(time(9), time(22))
    # Nothing was published for later: the times that held when the bundle was made.
    assert rules.window_on(date(2026, 12, 2)) == Window(time(9, 30), time(23))


def list_signed_by_another() -> str:
    return Issuer().list_token(TRAVEL, made=NOW)


@pytest.mark.parametrize(
    "token",
    [
        pytest.param("", id="empty"),
        pytest.param(ISSUER.bundle(TRAVEL)[:-4], id="cut short"),
        pytest.param(Issuer().bundle(TRAVEL), id="signed by another key of the same name"),
        pytest.param(ISSUER.bundle(TRAVEL, signed_by="bun.9"), id="signed by an unknown key"),
        pytest.param(ISSUER.bundle(TRAVEL, typ=tokens.REQUEST_TYPE), id="another type of token"),
        pytest.param(ISSUER.bundle(TRAVEL, terminal_id="t-2"), id="for another terminal"),
        pytest.param(ISSUER.bundle(TRAVEL, wire_version=2), id="of a later version"),
        pytest.param(ISSUER.bundle(TRAVEL, bundle_keys={}), id="no key for the next bundle"),
        pytest.param(ISSUER.bundle(TRAVEL, issuer_keys={"rec.1": "AAAA"}), id="a short key"),
        pytest.param(ISSUER.bundle(TRAVEL, services={"parking": {}}), id="an unknown service"),
        pytest.param(ISSUER.bundle(TRAVEL, status_lists={}), id="a list is missing"),
        pytest.param(
            ISSUER.bundle(TRAVEL, status_lists={"travel": list_signed_by_another()}),
            id="a list signed by another key",
        ),
        pytest.param(
            ISSUER.bundle(
                TRAVEL, status_lists={"travel": ISSUER.list_token(Service.LIBRARY, made=NOW)}
            ),
            id="the list of another service",
        ),
        pytest.param(
            ISSUER.bundle(
                TRAVEL, status_lists={"travel": ISSUER.list_token(TRAVEL, made=NOW, sub=None)}
            ),
            id="a list without a subject",
        ),
        pytest.param(
            ISSUER.bundle(
                TRAVEL, status_lists={"travel": ISSUER.list_token(TRAVEL, made=NOW, typ="JWT")}
            ),
            id="a list that is any JWT",
        ),
        pytest.param(
            ISSUER.bundle(
                TRAVEL,
                status_lists={"travel": ISSUER.list_token(TRAVEL, made=NOW, status_list={})},
            ),
            id="a list that is none",
        ),
        pytest.param(ISSUER.bundle(TRAVEL, iat=2**62), id="from beyond all calendars"),
        pytest.param(
            ISSUER.bundle(
                TRAVEL,
                services={
                    "travel": {
                        "stale_after_hours": 24,
                        "stale_policy": "refer",
                        "window_start": "09:30:00",
                    }
                },
            ),
            id="a window without an end",
        ),
        pytest.param(
            ISSUER.bundle(
                TRAVEL,
                services={
                    "travel": {
                        "stale_after_hours": 24,
                        "stale_policy": "refer",
                        "windows": [
                            {"first": "2026-01-01", "start": "09:30:00", "end": "23:00:00"}
                        ],
                    }
                },
            ),
            id="dated windows and none for other days",
        ),
    ],
)
def test_a_bundle_with_one_thing_wrong_is_refused_whole(token: str) -> None:
    with pytest.raises(BundleRefused):
        opened(token)


def test_a_bundle_is_opened_whatever_the_time_because_a_clock_may_be_wrong() -> None:
    assert ISSUER.view(TRAVEL, made=NOW - timedelta(days=400)).name == "Gateway"


def test_a_fetched_bundle_replaces_an_older_one() -> None:
    old = ISSUER.view(TRAVEL, made=NOW - timedelta(hours=1))
    fresh = ISSUER.view(TRAVEL)
    check_newer(fresh, old, now=NOW)
    check_newer(fresh, None, now=NOW)
    check_newer(fresh, fresh, now=NOW)


def test_a_replayed_older_bundle_does_not_bring_back_an_old_list() -> None:
    old = ISSUER.view(TRAVEL, made=NOW - timedelta(hours=1))
    with pytest.raises(BundleRefused, match="older"):
        check_newer(old, ISSUER.view(TRAVEL), now=NOW)


def test_a_fetched_bundle_that_has_expired_is_refused() -> None:
    with pytest.raises(BundleRefused, match="expired"):
        check_newer(ISSUER.view(TRAVEL, exp=int(NOW.timestamp())), None, now=NOW)


def test_a_fetched_bundle_from_the_future_is_refused() -> None:
    with pytest.raises(BundleRefused, match="future"):
        check_newer(ISSUER.view(TRAVEL, made=NOW + timedelta(seconds=61)), None, now=NOW)


def test_a_fetched_bundle_with_an_expired_list_is_refused() -> None:
    old_list = ISSUER.list_token(TRAVEL, made=NOW - timedelta(days=30))
    with pytest.raises(BundleRefused, match="travel"):
        check_newer(ISSUER.view(TRAVEL, status_lists={"travel": old_list}), None, now=NOW)


def test_the_next_generation_of_keys_comes_with_the_bundle_before() -> None:
    issuer = Issuer()
    issuer.bundles["bun.2"] = Ed25519PrivateKey.generate()
    first = open_bundle(
        issuer.bundle(TRAVEL), {"bun.1": issuer.pinned["bun.1"]}, terminal_id=TERMINAL
    )
    second = issuer.bundle(TRAVEL, signed_by="bun.2")
    open_bundle(second, first.next_keys, terminal_id=TERMINAL)
    with pytest.raises(BundleRefused):
        open_bundle(second, {"bun.1": issuer.pinned["bun.1"]}, terminal_id=TERMINAL)
