"""Yes or no to one tap: pure, in a fixed order of checks that each know one reason.

The order: is the record ours and this card's, what does it say itself, what has become of it since,
how old is that knowledge, and is this the hour. The first check that objects decides. That the card
itself was blocked comes after what the list says, which tells its holder why.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

import msgspec

from readers.contract.reasons import Reason
from readers.contract.record import Record, RecordStatus, binding_for, verify_record
from readers.contract.services import Service
from readers.contract.statuslist import Status
from readers.contract.windows import is_open, london_date
from readers.contract.wire import CheckAnswer, StalePolicy
from readers.errors import RecordError, StatusListError
from readers.terminal.bundle import BundleView, ServiceRules
from readers.terminal.clock import clock_problem


class Tap(msgspec.Struct, frozen=True):
    """What was read from a genuine card.

    Attributes:
        uid: of the card; it proved the key that belongs to this UID.
        record: signed bytes of the service's file; ``b""`` if the card holds none.
    """

    uid: bytes
    service: Service
    record: bytes


class Accepted(msgspec.Struct, frozen=True):
    """Yes; ``flag`` is a remark for the upload, nothing for the holder."""

    record: Record
    flag: Reason | None = None


class Refused(msgspec.Struct, frozen=True):
    """No; ``record`` is absent unless its signature was verified."""

    reason: Reason
    record: Record | None = None


class TryAgain(msgspec.Struct, frozen=True):
    """Neither: nothing was decided about the holder."""

    reason: Reason


Outcome = Accepted | Refused | TryAgain


class Case(msgspec.Struct, frozen=True):
    """All a check may look at.

    Attributes:
        record: verified, though not yet shown to belong to this card.
        answer: what the server said before the light; None when it was not asked or too late.
    """

    tap: Tap
    record: Record
    bundle: BundleView
    rules: ServiceRules
    now: datetime
    answer: CheckAnswer | None = None

    @property
    def status(self) -> int | None:
        """What has become of the record: the server's word if there is one, else the list's.

        None if the list does not reach as far as this record.
        """
        if self.answer is not None and self.answer.status is not None:
            return self.answer.status
        try:
            return self.rules.statuses[self.record.status_index]
        except StatusListError:
            return None

    @property
    def is_from_old_list(self) -> bool:
        """Whether :attr:`status` is from a list older than the service tolerates, or expired."""
        if self.answer is not None and self.answer.status is not None:
            return False
        return self.rules.is_old(self.now)


class Check(NamedTuple):
    """``objects`` answers whether ``reason`` stands against the tap."""

    reason: Reason
    objects: Callable[[Case], bool]


def is_of_another_service(case: Case) -> bool:
    """The record was moved here from another file."""
    return case.record.service is not case.tap.service


def is_of_another_card(case: Case) -> bool:
    """The record was copied here from another card."""
    return case.record.binding != binding_for(case.tap.uid, case.tap.service)


def is_rolled_back(case: Case) -> bool:
    """An older record was put back in place of one that gives less."""
    known = [case.rules.minima.get(case.record.status_index)]
    known.append(case.answer.least_sequence if case.answer else None)
    return any(least is not None and case.record.sequence < least for least in known)


def is_blocked(case: Case) -> bool:
    """The record itself says that it must not be used."""
    return case.record.status is not RecordStatus.ACTIVE


def is_not_yet_valid(case: Case) -> bool:
    """Its first second has not come."""
    return case.now < case.record.valid_from


def has_expired(case: Case) -> bool:
    """Its last second has passed; ``valid_until`` itself is the first one after it."""
    return case.now >= case.record.valid_until


def is_suspended(case: Case) -> bool:
    """Reported lost, and perhaps found again."""
    return case.status == Status.SUSPENDED


def is_replaced(case: Case) -> bool:
    """Another card took its place, for good."""
    return case.status == Status.INVALID


def has_no_known_status(case: Case) -> bool:
    """The list is too short for this record, or says what this program does not understand.

    Source: draft-ietf-oauth-status-list-21 section 8.3: such a token is rejected.
    """
    return case.status not in tuple(Status)


def may_not_rely_on_old_list(case: Case) -> bool:
    """The list is older than this service tolerates, and the service wants somebody to look."""
    return case.is_from_old_list and case.rules.stale_policy is StalePolicy.REFER


def is_outside_hours(case: Case) -> bool:
    """Not at this time of day, in London."""
    window = case.rules.window_on(london_date(case.now))
    return window is not None and not is_open(window, case.now, case.bundle.bank_holidays)


CHECKS: Final = (
    Check(Reason.WRONG_SERVICE, is_of_another_service),
    Check(Reason.COPIED_RECORD, is_of_another_card),
    Check(Reason.ROLLED_BACK_RECORD, is_rolled_back),
    Check(Reason.NOT_YET_VALID, is_not_yet_valid),
    Check(Reason.EXPIRED, has_expired),
    Check(Reason.SUSPENDED, is_suspended),
    Check(Reason.REPLACED, is_replaced),
    Check(Reason.BLOCKED, is_blocked),
    Check(Reason.LIST_STALE, has_no_known_status),
    Check(Reason.LIST_STALE, may_not_rely_on_old_list),
    Check(Reason.OUTSIDE_HOURS, is_outside_hours),
)


def not_ready(
    bundle: BundleView | None,
    service: Service | None,
    *,
    now: datetime,
    server_time: datetime | None,
) -> TryAgain | None:
    """Why this terminal can decide nothing at all now, whatever the card.

    Args:
        bundle: None if the terminal has none.
        service: that it shall check; None if it was given none.
        now: by its own clock.
        server_time: the latest the server ever gave.
    """
    problem = clock_problem(now, server_time=server_time)
    if problem is not None:
        return TryAgain(problem)
    if bundle is None or service not in bundle.services or now >= bundle.expires_at:
        return TryAgain(Reason.NOT_READY)
    return None


def open_record(tap: Tap, bundle: BundleView) -> Record | Refused:
    """The record on the card, its signature verified; a card without one holds no entitlement."""
    if not tap.record:
        return Refused(Reason.NOT_HELD)
    try:
        return verify_record(tap.record, bundle.issuer_keys)
    except RecordError as error:
        return Refused(Reason(error.code))


def decide(case: Case, checks: tuple[Check, ...] = CHECKS) -> Accepted | Refused:
    """Whether this record may be used here and now."""
    for check in checks:
        if check.objects(case):
            return Refused(check.reason, case.record)
    return Accepted(case.record, Reason.LIST_STALE if case.is_from_old_list else None)
