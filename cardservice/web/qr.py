"""A QR code as a path of an SVG inside the page: no request, no style, nothing to download."""

import msgspec
from qrcode.constants import ERROR_CORRECT_M  # type: ignore[import-untyped]  # it ships none
from qrcode.main import QRCode  # type: ignore[import-untyped]  # likewise


class Drawing(msgspec.Struct, frozen=True):
    """A square drawing.

    Attributes:
        size: of a side in modules, the quiet zone of four around it included.
        path: the dark modules, as the `d` of an SVG path.
    """

    size: int
    path: str


def drawing(text: str) -> Drawing:
    """The QR code of a text."""
    code = QRCode(error_correction=ERROR_CORRECT_M, border=4)
    code.add_data(text)
    rows = code.get_matrix()
    dark = [(x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark]
    return Drawing(len(rows), "".join(f"M{x} {y}h1v1h-1z" for x, y in dark))
