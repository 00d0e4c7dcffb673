"""Yes or no to a tap: every check has its case, and no check can be left out unnoticed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from readers.contract.reasons import TRY_AGAIN, Reason
from readers.contract.record import RecordStatus, binding_for
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.contract.wire import CheckAnswer
from readers.terminal import decide as rules
from readers.terminal.decide import (
    CHECKS,
    Accepted,
    Case,
    Refused,
    Tap,
    TryAgain,
    decide,
    not_ready,
    open_record,
)
from tests.support.issuer import NOW, UID, Issuer

ISSUER = Issuer()
TRAVEL = Service.TRAVEL
SECOND = timedelta(seconds=1)


def case(
    service: Service = TRAVEL,
    *,
    now: datetime = NOW,
    listed: datetime = NOW,
    status: Status | int = Status.VALID,
    answer: CheckAnswer | None = None,
    **changes: Any,  # noqa: ANN401  fields of the record
) -> Case:
    issuer = Issuer()
    issuer.statuses[service][7] = status
    record = issuer.record(service, **changes)
    tap = Tap(UID, service, issuer.sign(record))
    bundle = issuer.view(service, made=listed)
    return Case(tap, record, bundle, bundle.services[service], now, answer)


def answered(status: int | None) -> CheckAnswer:
    return CheckAnswer(status=status, update_owed=False, server_time=NOW)


def moved_from_another_file() -> Case:
    from_library = ISSUER.record(Service.LIBRARY, binding=binding_for(UID, TRAVEL))
    return msgspec.structs.replace(case(), record=from_library)


def blocked_on_the_card() -> Case:
    sound = case()
    blocked = msgspec.structs.replace(sound.record, status=RecordStatus.BLOCKED)
    return msgspec.structs.replace(sound, record=blocked)


def put_back_from_before(least: int = 5) -> Case:
    old = case(sequence=least - 1)
    rules = msgspec.structs.replace(old.rules, minima={7: least})
    return msgspec.structs.replace(old, rules=rules)


CASES: dict[str, Callable[[], Case]] = {
    "is_of_another_service": moved_from_another_file,
    "is_of_another_card": lambda: case(binding=binding_for(UID[::-1], TRAVEL)),
    "is_rolled_back": put_back_from_before,
    "is_not_yet_valid": lambda: case(valid_from=NOW + SECOND),
    "has_expired": lambda: case(valid_until=NOW),
    "is_suspended": lambda: case(status=Status.SUSPENDED),
    "is_replaced": lambda: case(status=Status.INVALID),
    "is_blocked": blocked_on_the_card,
    "has_no_known_status": lambda: case(status_index=1_000_000),
    "may_not_rely_on_old_list": lambda: case(listed=NOW - timedelta(hours=24)),
    "is_outside_hours": lambda: case(now=NOW - timedelta(minutes=1, seconds=1)),
}


def test_a_card_in_order_is_accepted_without_a_remark() -> None:
    sound = case()
    assert decide(sound) == Accepted(sound.record)


def test_every_check_has_a_case_named_for_it() -> None:
    assert [check.objects.__name__ for check in CHECKS] == list(CASES)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.objects.__name__)
def test_the_check_refuses_its_case_and_nothing_else_would(check: rules.Check) -> None:
    its_case = CASES[check.objects.__name__]()
    assert decide(its_case) == Refused(check.reason, its_case.record)
    without = tuple(other for other in CHECKS if other is not check)
    assert isinstance(decide(its_case, without), Accepted)


def test_the_order_is_what_the_card_is_then_what_became_of_it_then_the_hour() -> None:
    assert [check.reason for check in CHECKS] == [
        Reason.WRONG_SERVICE, Reason.COPIED_RECORD, Reason.ROLLED_BACK_RECORD,
        Reason.NOT_YET_VALID, Reason.EXPIRED, Reason.SUSPENDED, Reason.REPLACED, Reason.BLOCKED,
        Reason.LIST_STALE, Reason.LIST_STALE, Reason.OUTSIDE_HOURS,
    ]  # fmt: skip


def test_a_record_of_the_lowest_sequence_that_is_known_is_accepted() -> None:
    sound = case(sequence=5)
    rules = msgspec.structs.replace(sound.rules, minima={7: 5, 8: 99})
    assert isinstance(decide(msgspec.structs.replace(sound, rules=rules)), Accepted)


def test_the_server_may_know_of_a_higher_sequence_before_the_bundle_does() -> None:
    answer = msgspec.structs.replace(answered(Status.VALID), least_sequence=2)
    refused = decide(case(answer=answer))
    assert isinstance(refused, Refused)
    assert refused.reason is Reason.ROLLED_BACK_RECORD


def test_a_blocked_card_says_why_where_the_list_knows() -> None:
    lost = case(status=Status.SUSPENDED)
    blocked = msgspec.structs.replace(lost.record, status=RecordStatus.BLOCKED)
    said = decide(msgspec.structs.replace(lost, record=blocked))
    assert said == Refused(Reason.SUSPENDED, blocked)
    unheard_of = blocked_on_the_card()
    assert decide(unheard_of) == Refused(Reason.BLOCKED, unheard_of.record)


def test_a_lost_card_at_the_wrong_hour_is_told_that_it_was_reported_lost() -> None:
    lost = case(status=Status.SUSPENDED, now=NOW - timedelta(hours=1))
    assert decide(lost) == Refused(Reason.SUSPENDED, lost.record)


@pytest.mark.parametrize(
    ("moment", "outcome"),
    [
        (-SECOND, Reason.NOT_YET_VALID),
        (timedelta(0), None),
        (timedelta(days=30) - SECOND, None),
        (timedelta(days=30), Reason.EXPIRED),
    ],
)
def test_validity_to_the_second(moment: timedelta, outcome: Reason | None) -> None:
    begins = NOW + timedelta(days=1)
    now = begins + moment
    decided = decide(
        case(
            Service.LIBRARY,
            now=now,
            listed=now,
            valid_from=begins,
            valid_until=begins + timedelta(days=30),
        )
    )
    assert (decided.reason if isinstance(decided, Refused) else None) is outcome


# -- how old the list is ---------------------------------------------------------------------------


@pytest.mark.parametrize("age", [timedelta(0), timedelta(hours=24) - SECOND])
def test_a_list_within_the_services_tolerance_leaves_no_remark(age: timedelta) -> None:
    for service in (Service.LIBRARY, TRAVEL):
        decided = decide(case(service, listed=NOW - age))
        assert isinstance(decided, Accepted)
        assert decided.flag is None


@pytest.mark.parametrize("age", [timedelta(hours=24), timedelta(days=31)])
def test_a_stale_or_expired_list_follows_the_services_policy(age: timedelta) -> None:
    listed = NOW - age
    library = case(Service.LIBRARY, listed=listed)
    assert decide(library) == Accepted(library.record, Reason.LIST_STALE)
    travel = case(TRAVEL, listed=listed)
    assert decide(travel) == Refused(Reason.LIST_STALE, travel.record)


def test_an_expired_list_is_stale_however_patient_the_service_is() -> None:
    patient = case(Service.LIBRARY, listed=NOW - timedelta(days=30))
    kind = msgspec.structs.replace(patient.rules, stale_after=timedelta(days=365))
    decided = decide(msgspec.structs.replace(patient, rules=kind))
    assert decided == Accepted(patient.record, Reason.LIST_STALE)


def test_a_card_reported_lost_stays_refused_by_a_stale_list() -> None:
    lost = case(Service.LIBRARY, listed=NOW - timedelta(days=3), status=Status.SUSPENDED)
    assert decide(lost) == Refused(Reason.SUSPENDED, lost.record)


def test_a_status_this_program_does_not_know_is_never_a_yes() -> None:
    for service in (Service.LIBRARY, TRAVEL):
        unknown = case(service, status=3)
        assert decide(unknown) == Refused(Reason.LIST_STALE, unknown.record)
        assert isinstance(decide(case(service, answer=answered(3))), Refused)


# -- what the server says --------------------------------------------------------------------------


def test_the_servers_word_counts_more_than_the_list() -> None:
    found = case(status=Status.SUSPENDED, answer=answered(Status.VALID))
    assert isinstance(decide(found), Accepted)
    lost = case(status=Status.VALID, answer=answered(Status.SUSPENDED))
    assert decide(lost) == Refused(Reason.SUSPENDED, lost.record)
    replaced = case(status=Status.VALID, answer=answered(Status.INVALID))
    assert decide(replaced) == Refused(Reason.REPLACED, replaced.record)


def test_with_the_servers_word_an_old_list_does_not_matter() -> None:
    asked = case(listed=NOW - timedelta(days=3), answer=answered(Status.VALID))
    assert decide(asked) == Accepted(asked.record)


def test_an_answer_without_a_status_leaves_it_to_the_list() -> None:
    lost = case(status=Status.SUSPENDED, answer=answered(None))
    assert decide(lost) == Refused(Reason.SUSPENDED, lost.record)


# -- the record itself -----------------------------------------------------------------------------


def test_a_card_without_a_record_holds_no_entitlement() -> None:
    assert open_record(Tap(UID, TRAVEL, b""), ISSUER.view(TRAVEL)) == Refused(Reason.NOT_HELD)


def test_a_record_is_opened_with_the_bundles_keys() -> None:
    record = ISSUER.record(TRAVEL)
    assert open_record(Tap(UID, TRAVEL, ISSUER.sign(record)), ISSUER.view(TRAVEL)) == record


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ISSUER.sign(ISSUER.record(TRAVEL), b"rec.9"), Reason.UNKNOWN_ISSUER_KEY),
        (Issuer().sign(ISSUER.record(TRAVEL)), Reason.BAD_RECORD_SIGNATURE),
        (b"no record", Reason.MALFORMED_RECORD),
    ],
)
def test_a_record_that_is_not_ours_is_refused_by_its_own_reason(
    data: bytes, reason: Reason
) -> None:
    assert open_record(Tap(UID, TRAVEL, data), ISSUER.view(TRAVEL)) == Refused(reason)


# -- whether anything can be decided ---------------------------------------------------------------


def test_a_terminal_with_a_bundle_and_a_clock_is_ready() -> None:
    assert not_ready(ISSUER.view(TRAVEL), TRAVEL, now=NOW, server_time=NOW) is None


@pytest.mark.parametrize(
    ("service", "now", "reason"),
    [
        (Service.LIBRARY, NOW, Reason.NOT_READY),
        (None, NOW, Reason.NOT_READY),
        (TRAVEL, NOW + timedelta(days=30), Reason.NOT_READY),
        (TRAVEL, NOW - timedelta(seconds=61), Reason.CLOCK_BEHIND),
        (TRAVEL, NOW.replace(year=1970), Reason.CLOCK_UNSET),
    ],
)
def test_a_terminal_that_cannot_know_says_so_and_refuses_nobody(
    service: Service | None, now: datetime, reason: Reason
) -> None:
    said = not_ready(ISSUER.view(TRAVEL), service, now=now, server_time=NOW)
    assert said == TryAgain(reason)
    assert reason in TRY_AGAIN


def test_a_terminal_without_a_bundle_is_not_ready() -> None:
    assert not_ready(None, TRAVEL, now=NOW, server_time=None) == TryAgain(Reason.NOT_READY)
