"""The chain of a terminal's taps: each tap's link covers the tap and the link before it.

The terminal keeps the links in its journal and sends them along; the server makes them again. A tap
that was taken out, put in or changed on the way leaves a link that does not fit.
"""

import hashlib
from datetime import UTC
from typing import Final

import msgspec

from readers.contract.wire import TapEvent

LINK_BYTES: Final = 32
GENESIS: Final = bytes(LINK_BYTES)
"""Stands before the first tap."""

_DOMAIN: Final = b"kent-card tap chain 1\0"


def link(previous: bytes, event: TapEvent) -> bytes:
    """The link of a tap: SHA-256 over the link before it (32 bytes) and what the tap says.

    Not covered is whether the answer was shown, which is known only afterwards.
    """
    covered = (
        event.sequence,
        event.taken_at.astimezone(UTC).isoformat(),
        event.service,
        event.accepted,
        event.mode,
        event.reason,
        event.number,
        event.status_index,
        event.record_sequence,
        event.repeats,
    )
    return hashlib.sha256(_DOMAIN + previous + msgspec.json.encode(covered)).digest()
