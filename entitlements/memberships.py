"""What a library's machine may know by a library number alone: whether it is good, and the band.

The number is the library's own name for its member; no other service knows it. There is nothing
here that names a person or says when they were born. The last day of a membership is left out too:
a child's may be the day before a birthday.
"""

from datetime import date
from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import ColumnElement, and_, bindparam, exists, or_, select

from entitlements.grant_states import GIVEN, GrantState
from entitlements.models import Grant, ServiceNumber, ServiceRecord
from entitlements.numbers import with_check_digit
from identity.executors import Executor
from identity.models import Account, AccountState
from readers.contract.services import Service
from readers.contract.statuslist import Status

NUMBER_DIGITS: Final = 14


class Standing(StrEnum):
    """How a membership stands."""

    VALID = "valid"
    BLOCKED = "blocked"
    EXPIRED = "expired"


class Membership(msgspec.Struct, frozen=True):
    """What is told of a number that somebody has.

    Attributes:
        band: class of the membership, such as `child`; only of a valid one.
        card_stopped: everything that carried the number was reported lost or replaced.
    """

    standing: Standing
    band: str | None = None
    card_stopped: bool = False


class NobodysNumber(msgspec.Struct, frozen=True):
    """No resident has the number, whatever is wrong with it."""


def _of_library(model: type[Grant] | type[ServiceRecord]) -> ColumnElement[bool]:
    return and_(
        model.account_id == ServiceNumber.account_id,
        model.service == bindparam("service"),
    )


_CURRENT: Final = and_(
    _of_library(Grant), Grant.ended_at.is_(None), Grant.valid_from <= bindparam("on")
)
_ASKED: Final = (
    select(
        select(Grant.entitlement_class)
        .where(_CURRENT, Grant.state == GrantState.GRANTED, Grant.valid_until >= bindparam("on"))
        .order_by(Grant.card_rank.desc(), Grant.entitlement_class)
        .limit(1)
        .scalar_subquery()
        .label("band"),
        exists().where(_CURRENT, Grant.state == GrantState.SUSPENDED).label("suspended"),
        exists()
        .where(
            _of_library(Grant),
            or_(*(Grant.state == given for given in sorted(GIVEN)), Grant.ended_at.is_not(None)),
        )
        .label("was_given"),
        exists()
        .where(_of_library(ServiceRecord), ServiceRecord.status == Status.VALID.value)
        .label("carried"),
        exists().where(_of_library(ServiceRecord)).label("was_carried"),
    )
    .select_from(ServiceNumber)
    .join(Account, Account.id == ServiceNumber.account_id)
    .where(
        ServiceNumber.service == bindparam("service"),
        ServiceNumber.number == bindparam("number"),
        Account.state == AccountState.ACTIVE,
    )
)
"""All in one statement, for somebody stands at a kiosk; built once."""


async def of_number(executor: Executor, number: str, *, on: date) -> Membership | NobodysNumber:
    """How the membership of a library number stands on a day.

    What can be no number of ours is looked up all the same, so that it takes as long.

    Args:
        executor: runs the one statement.
        number: as the machine read it; anything may be in it.
        on: the day in London.
    """
    asked = {"service": Service.LIBRARY, "number": _digits(number), "on": on}
    row = (await executor.execute(_ASKED, asked)).one_or_none()
    return NobodysNumber() if row is None else _standing(row)


def _standing(row: Any) -> Membership | NobodysNumber:  # noqa: ANN401  (columns are not typed)
    stopped = row.was_carried and not row.carried
    if not (row.band or row.suspended or row.was_given):
        return NobodysNumber()
    if row.band and not stopped:
        return Membership(Standing.VALID, band=row.band)
    if row.band or row.suspended:
        return Membership(Standing.BLOCKED, card_stopped=stopped)
    return Membership(Standing.EXPIRED, card_stopped=stopped)


def _digits(number: str) -> int:
    """The number, or -1, which nobody has."""
    if len(number) != NUMBER_DIGITS or not (number.isascii() and number.isdigit()):
        return -1
    return int(number) if with_check_digit(number[:-1]) == int(number) else -1
