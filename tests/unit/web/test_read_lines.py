"""Equal looks are one line, and no look is lost."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest

from cardservice.web.act_words import CONSEQUENCES, WORDS, in_words
from cardservice.web.read_lines import read_lines
from identity.accounts import Read
from identity.assisted_reading import Assisted
from identity.models import StaffRole
from identity.trail_models import AssistReason, Presence

NINE = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)


def at(minutes: int, who: str = "Priya", why: str = "At the desk") -> Read:
    return Read(NINE + timedelta(minutes=minutes), who, why)


def newest_first(*reads: Read) -> list[Read]:
    return sorted(reads, key=lambda read: read.at, reverse=True)


def test_looks_of_one_person_for_one_reason_within_an_hour_are_one_line() -> None:
    reads = newest_first(at(1), at(2, "Omar"), at(5), at(9, why="By phone"), at(59), at(61))
    lines = read_lines(reads, ())
    assert [(line.who, line.why, line.times) for line in lines] == [
        ("Priya", "At the desk", 1),
        ("Priya", "At the desk", 3),
        ("Priya", "By phone", 1),
        ("Omar", "At the desk", 1),
    ]
    assert sum(line.times for line in lines) == len(reads)
    assert lines[1].at == NINE + timedelta(minutes=59)


def test_the_hour_is_the_residents_own_in_the_week_the_clocks_change() -> None:
    change = datetime(2026, 10, 25, 0, 59, tzinfo=UTC)  # 1:59, and a minute later 1:00 again
    reads = [Read(change + timedelta(minutes=2), "P", "x"), Read(change, "P", "x")]
    assert [line.times for line in read_lines(reads, ())] == [1, 1]


def told(*acts: str, note: str = "") -> Assisted:
    return Assisted(
        id=uuid4(),
        who="Priya",
        role=StaffRole.ADVISER,
        number="123456789",
        reason=AssistReason.ADDRESS,
        presence=Presence.TELEPHONE,
        opened_at=NINE,
        over_at=NINE + timedelta(minutes=20),
        ended_by=None,
        acts=acts,
        note=note,
    )


def test_looks_in_an_assisted_session_are_part_of_its_line() -> None:
    session = told("address-changed", "entitlement-granted", "carrier-status-set", note="Moved")
    own = Read(NINE + timedelta(minutes=1), "Priya", "To change the address", session.id)
    lines = read_lines([at(2), own], [session])
    assert [line.times for line in lines] == [1, 1]
    assert lines[1].done == ("Changed the address", "Added something to the account")
    assert lines[1].why.endswith("To change the address, by telephone: Moved")


def test_a_look_in_a_session_that_is_not_told_is_a_line_of_its_own() -> None:
    lost = Read(NINE, "Priya", "To change the address", uuid4())
    assert len(read_lines([lost], ())) == 1


def test_what_has_no_words_is_named_and_not_left_out() -> None:
    assert in_words(["something-new", "something-new"]) == ("something-new",)


@pytest.mark.parametrize("action", sorted(CONSEQUENCES))
def test_what_follows_by_itself_has_no_line(action: str) -> None:
    assert action not in WORDS
    assert in_words([action]) == ()
