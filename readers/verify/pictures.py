"""The code in a picture, whatever else is in it. No picture is kept."""

import io
from typing import Final

import zxingcpp
from PIL import Image

from readers.contract.phone_pass import decode
from readers.contract.reasons import Reason
from readers.errors import ForeignCode, RecordError

MAX_BYTES: Final = 8 * 1024 * 1024
MAX_PIXELS: Final = 50_000_000
"""A telephone's largest pictures; what a small file unpacks to beyond that is a bomb."""
LARGEST_SIDE: Final = 2000
"""Pixels; a picture is made smaller before it is searched. A code has about 60 modules."""
FORMATS: Final = ("PNG", "JPEG", "WEBP")
_BEGINNINGS: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF")
_QR: Final = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)

_DAMAGED: Final = (
    *(OSError, ValueError, SyntaxError, EOFError, IndexError, KeyError, OverflowError),
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)
"""What Pillow raises for files that are no picture, or a hostile one."""


def looks_like_picture(data: bytes) -> bool:
    """Whether the bytes begin as one of the formats does."""
    return data.startswith(_BEGINNINGS)


def code_in(data: bytes) -> str | Reason:
    """The text of the one code of ours in a picture.

    Args:
        data: a PNG, JPEG or WebP file.

    Returns:
        The text; or `picture-unusable`, `no-code`, `several-codes` (two of ours), or
        `foreign-code` (codes, and none of ours).
    """
    if len(data) > MAX_BYTES:
        return Reason.PICTURE_UNUSABLE
    try:
        image = _opened(data)
    except _DAMAGED:
        return Reason.PICTURE_UNUSABLE
    if image is None:
        return Reason.PICTURE_UNUSABLE
    found = {code.text for code in zxingcpp.read_barcodes(image, _QR)}
    ours = {text for text in found if _is_ours(text)}
    if len(ours) > 1:
        return Reason.SEVERAL_CODES
    if ours:
        return ours.pop()
    return Reason.FOREIGN_CODE if found else Reason.NO_CODE


def _opened(data: bytes) -> Image.Image | None:
    """The picture in grey, not too large to search; None if it would unpack to too much."""
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        if image.width * image.height > MAX_PIXELS:
            return None
        image.draft("L", (LARGEST_SIDE, LARGEST_SIDE))  # a JPEG is unpacked no larger than needed
        image.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
        return _on_white(image)


def _on_white(image: Image.Image) -> Image.Image:
    """In grey; what is transparent is white, as on a page."""
    if not image.has_transparency_data:
        return image.convert("L")
    shown = image.convert("RGBA")
    page = Image.new("RGBA", shown.size, "white")
    page.alpha_composite(shown)
    return page.convert("L")


def _is_ours(text: str) -> bool:
    """Whether it is meant as a pass, of whatever version and however damaged."""
    try:
        decode(text)
    except ForeignCode:
        return False
    except RecordError:
        return True
    return True
