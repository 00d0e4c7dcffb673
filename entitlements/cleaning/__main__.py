"""The process that opens what strangers sent: little memory, little time, no files, no secrets.

One file comes in by standard input; out goes one line of JSON and, if the file was made safe, the
new file. Arguments ask for a photo of a person: `photo`, and a frame if it is to be cut to the part
that is printed. Whatever else happens (a crash, a limit) is for whoever started it to judge.
"""

import os
import resource
import sys
from collections.abc import Sequence
from typing import Final

import msgspec

from entitlements.cleaning.media import Clean, Media, NotClean, Refusal, media_of

MEMORY: Final = 1024 * 1024 * 1024
"""Bytes of address space, of which the interpreter and the two libraries take about a fifth."""
CPU_SECONDS: Final = 15
OPEN_FILES: Final = 32
NICE: Final = 10


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """The first line that is written.

    Attributes:
        refused: why; None of a file that follows.
        media: of what follows.
        pages: of what follows.
    """

    refused: Refusal | None = None
    media: Media | None = None
    pages: int = 0


def main() -> None:
    """Answer for the file at standard input."""
    _limit()
    _, *wanted = sys.argv
    content = sys.stdin.buffer.read()
    found = _portrayed(content, wanted[1:]) if wanted else _cleaned(content)
    if isinstance(found, Refusal):
        answer, content = Answer(refused=found), b""
    else:
        answer, content = Answer(media=found.media, pages=found.pages), found.content
    sys.stdout.buffer.write(msgspec.json.encode(answer) + b"\n" + content)


def _cleaned(content: bytes) -> Clean | Refusal:
    media = media_of(content)
    if isinstance(media, Refusal):
        return media
    try:
        if media is Media.PDF:
            from entitlements.cleaning.papers import clean_paper  # noqa: PLC0415  (half the start)

            return clean_paper(content)
        from entitlements.cleaning.pictures import clean_picture  # noqa: PLC0415  (likewise)

        return clean_picture(content, media)
    except NotClean as refused:
        return refused.why
    except MemoryError:
        return Refusal.TOO_DEMANDING


def _portrayed(content: bytes, frames: Sequence[str]) -> Clean | Refusal:
    media = media_of(content)
    if isinstance(media, Refusal):
        return media
    if media is Media.PDF:
        return Refusal.NO_PICTURE
    from entitlements.cleaning.portraits import Frame, portrait, whole  # noqa: PLC0415  (likewise)

    try:
        return portrait(content, media, Frame.of(frames[0])) if frames else whole(content, media)
    except NotClean as refused:
        return refused.why
    except MemoryError:
        return Refusal.TOO_DEMANDING


def _limit() -> None:
    """Nothing may be written to a file, and everything else has an end."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (OPEN_FILES, OPEN_FILES))
    for forbidden in (resource.RLIMIT_FSIZE, resource.RLIMIT_CORE):
        resource.setrlimit(forbidden, (0, 0))
    os.nice(NICE)


if __name__ == "__main__":
    main()
