"""What a file is by its first bytes, and why one is refused. A file's name is never asked."""

from enum import StrEnum
from typing import Final

import msgspec


class Media(StrEnum):
    """The formats that are taken."""

    PDF = "application/pdf"
    JPEG = "image/jpeg"
    PNG = "image/png"


class Refusal(StrEnum):
    """Why a file is not taken."""

    EMPTY = "empty"
    TOO_LARGE = "too-large"
    NOT_TAKEN = "not-taken"
    PHONE_PHOTO = "phone-photo"
    WORD_FILE = "word-file"
    DRAWING = "drawing"
    DAMAGED = "damaged"
    LOCKED = "locked"
    NO_PICTURE = "no-picture"
    TOO_FEW_PIXELS = "too-few-pixels"
    TOO_MANY_PIXELS = "too-many-pixels"
    TOO_MANY_PAGES = "too-many-pages"
    TOO_DEMANDING = "too-demanding"


class NotClean(Exception):
    """A file cannot be made safe.

    Attributes:
        why: the reason.
    """

    def __init__(self, why: Refusal) -> None:
        super().__init__(why.value)
        self.why = why


class Clean(msgspec.Struct, frozen=True):
    """A file made anew from what could be seen in the one that was sent.

    Attributes:
        media: PDF or JPEG: every picture is written as JPEG.
        pages: of a PDF; 1 for a picture.
        content: the new file.
    """

    media: Media
    pages: int
    content: bytes


_TAKEN: Final = (
    (b"%PDF-", Media.PDF),
    (b"\xff\xd8\xff", Media.JPEG),
    (b"\x89PNG\r\n\x1a\n", Media.PNG),
)
_PHONE: Final = frozenset({b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1", b"avif"})
_OFFICE: Final = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"{\\rtf")


def media_of(content: bytes) -> Media | Refusal:
    """What a file is; or why it is none that is taken.

    Source: ISO 32000-2 7.5.2 (the header, which we want at the very start, as a file that is two
    things at once has it later); ITU-T T.81 B.1; W3C PNG 5.2; ISO/IEC 23008-12 (brands of HEIF).
    """
    if not content:
        return Refusal.EMPTY
    for magic, media in _TAKEN:
        if content.startswith(magic):
            return media
    if content[4:8] == b"ftyp" and content[8:12] in _PHONE:
        return Refusal.PHONE_PHOTO
    if content.startswith(_OFFICE):
        return Refusal.WORD_FILE
    return Refusal.DRAWING if _is_markup(content) else Refusal.NOT_TAKEN


def _is_markup(content: bytes) -> bool:
    """SVG and HTML, in whatever a text may begin with."""
    start = content[:256].lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    return start.startswith(b"<")
