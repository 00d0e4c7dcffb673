"""Where a resident stands with something they may be given, and every move there is.

              +-> declined --+
              |       |      |
    offered --+-------+------+-----+
       |              v      v     |
       +--------> applied -> granted <-> suspended
       |              |         |            |
       +--------------+----> ended <---------+

A grant begins as offered, applied or granted. Ended is for ever: what is given again is a new row.
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Final


class GrantState(StrEnum):
    """Where it stands."""

    OFFERED = "offered"
    DECLINED = "declined"
    APPLIED = "applied"
    GRANTED = "granted"
    SUSPENDED = "suspended"
    ENDED = "ended"


_OFFERED, _DECLINED, _APPLIED, _GRANTED, _SUSPENDED, _ENDED = GrantState

BEGINNINGS: Final = frozenset({_OFFERED, _APPLIED, _GRANTED})
"""What a new row may be."""

MOVES: Final[Mapping[GrantState, frozenset[GrantState]]] = MappingProxyType(
    {
        _OFFERED: frozenset({_DECLINED, _APPLIED, _GRANTED, _ENDED}),
        _DECLINED: frozenset({_APPLIED, _GRANTED, _ENDED}),
        _APPLIED: frozenset({_GRANTED, _ENDED}),
        _GRANTED: frozenset({_SUSPENDED, _ENDED}),
        _SUSPENDED: frozenset({_GRANTED, _ENDED}),
        _ENDED: frozenset(),
    }
)
"""From -> to; whatever is not here is refused."""

GIVEN: Final = frozenset({_GRANTED, _SUSPENDED})
"""States of something the resident was given."""
