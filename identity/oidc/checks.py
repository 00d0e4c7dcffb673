"""Ordered tables of checks: one per function, each with the clause it follows."""

from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


class Refused(msgspec.Struct, frozen=True):
    """A request or token is not accepted.

    Attributes:
        error: the permanent OAuth error code that programs act on.
        description: for the developer of the client; plain ASCII, never personal data.
        check: the row that refused, for the log and the tests; empty when it was none.
    """

    error: str
    description: str
    check: str = ""


class Check(msgspec.Struct, Generic[T], frozen=True):
    """One row of a table.

    Attributes:
        judge: looks at one thing; None when that is in order.
        clause: where it is written.
    """

    judge: Callable[[T], Refused | None]
    clause: str

    @property
    def name(self) -> str:
        """The permanent name of the row: that of its function."""
        return self.judge.__name__


def first_refusal(checks: Sequence[Check[T]], subject: T) -> Refused | None:
    """The refusal of the first row that refuses, or None when all are content."""
    for check in checks:
        if refused := check.judge(subject):
            return msgspec.structs.replace(refused, check=check.name)
    return None
