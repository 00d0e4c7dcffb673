"""Who looked at a record, as its reader sees it: equal looks are one line, and no look is lost."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from itertools import groupby

import msgspec

from cardservice.web.act_words import in_words
from cardservice.web.assisted_words import in_one_line
from cardservice.web.words import gettext as _
from identity.accounts import Read
from identity.assisted_reading import Assisted


class ReadLine(msgspec.Struct, frozen=True):
    """A line of *who looked at this record*.

    Attributes:
        at: when; of several looks the newest.
        who: who looked or acted.
        why: in words.
        times: how many looks it stands for.
        done: what was done; empty when they looked and no more.
    """

    at: datetime
    who: str
    why: str
    times: int
    done: tuple[str, ...]


def read_lines(reads: Iterable[Read], assisted: Sequence[Assisted]) -> tuple[ReadLine, ...]:
    """Looks and assisted sessions together, newest first.

    Looks of the same person for the same reason within an hour of the clock are one line. Looks in
    an assisted session that is told are part of its line.

    Args:
        reads: newest first.
        assisted: every one that is told.
    """
    told = {each.id for each in assisted}
    own = (read for read in reads if read.assisted_id not in told)
    # By hour first: the looks of two people may alternate within it.
    in_order = sorted(own, key=lambda read: (_hour(read.at), read.who, read.reason, read.at))
    grouped = groupby(in_order, key=lambda read: (_hour(read.at), read.who, read.reason))
    lines = [_looks(list(group)) for _key, group in grouped]
    lines += [_assisted(each) for each in assisted]
    return tuple(sorted(lines, key=lambda line: line.at, reverse=True))


def _looks(reads: Sequence[Read]) -> ReadLine:
    newest = reads[-1]
    return ReadLine(newest.at, newest.who, newest.reason, len(reads), ())


def _assisted(told: Assisted) -> ReadLine:
    why = _("To act for the resident. %(why)s") % {"why": in_one_line(told.reason, told.presence)}
    if told.note:
        why = f"{why}: {told.note}"
    return ReadLine(told.opened_at, told.who, why, 1, in_words(told.acts))


def _hour(at: datetime) -> datetime:
    # London is whole hours from UTC, and UTC has no hour twice.
    return at.replace(minute=0, second=0, microsecond=0)
