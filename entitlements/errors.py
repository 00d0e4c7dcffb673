"""What can go wrong in entitlements.

    EntitlementsError
    |- SchemesFaulty           rule files or their tables have faults; every fault is listed
    `- UnknownScheme           no scheme has that id

`code` never changes once published: programs act on it.
"""

from collections.abc import Iterable, Sequence


class EntitlementsError(Exception):
    """Anything entitlements refuses to do."""

    code = "entitlements-error"


class SchemesFaulty(EntitlementsError):
    """Rule files or tables that cannot be trusted; nothing is decided with them.

    Attributes:
        faults: one line for each fault, with file, line and column where they are known.
    """

    code = "schemes-faulty"

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults: Sequence[str] = tuple(faults)
        super().__init__("\n".join(self.faults))


class UnknownScheme(EntitlementsError):
    """A scheme was named that no rule file describes."""

    code = "unknown-scheme"
