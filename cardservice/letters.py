"""The letter that carries a card: address, the face of the card, what it is good for, what to do.

The face is drawn from its SVG, in the same places. The fonts are Debian's: DejaVu Sans for Latin,
Greek, Cyrillic and more, Droid Sans Fallback for Chinese, Japanese and Korean. Scripts that run
from right to left, or whose letters stack, are refused: fpdf2 sets them only with HarfBuzz. The
address stands where a DL envelope has its window.
"""

import unicodedata
from base64 import b64decode
from collections.abc import Sequence
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

import msgspec
from fpdf import FPDF
from fpdf.enums import Align, XPos, YPos

from cardservice.errors import NotReady

FONTS: Final = Path("/usr/share/fonts")
_REGULAR: Final = FONTS / "truetype/dejavu/DejaVuSans.ttf"
_BOLD: Final = FONTS / "truetype/dejavu/DejaVuSans-Bold.ttf"
_FALLBACK: Final = FONTS / "truetype/droid/DroidSansFallbackFull.ttf"
_PACKAGES: Final = "fonts-dejavu-core and fonts-droid-fallback"
_FAMILY: Final = "letter"
_FALLBACK_FAMILY: Final = "letter-fallback"
_SVG: Final = "{http://www.w3.org/2000/svg}"
_UNIT: Final = 0.1
"""Millimetres of one unit of a face."""
_MARGIN: Final = 20.0
_WINDOW: Final = (_MARGIN, 50.0, 85.0)
"""Left, top and width of the address, in millimetres."""
_POINTS: Final = 72 / 25.4
_BASE: Final = 0.8
"""How far below the top of a line fpdf2 writes, of the size of its letters."""
_SHAPED: Final = ((0x0900, 0x0DFF), (0x0F00, 0x109F), (0x1780, 0x17FF))
"""Code points of scripts whose letters stack. Source: Unicode 15, blocks of South Asia."""


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """What a letter says.

    Attributes:
        sender: who writes.
        written_on: date of the letter.
        name: of the holder, in any script.
        address: lines below the name; the last is the postcode.
        card: what the card is called.
        face: as `faces.face` draws it, with the photo inside.
        good_for: what the holder has, each in a line.
        what_to_do: paragraphs.
    """

    sender: str
    written_on: date
    name: str
    address: Sequence[str]
    card: str
    face: str
    good_for: Sequence[str]
    what_to_do: Sequence[str]


def as_pdf(letter: Letter) -> bytes:
    """The letter on one page of A4, with a language, a title and words for its picture.

    Raises:
        NotReady: the fonts are not installed.
    """
    page = _blank(letter)
    _address(page, letter)
    page.set_y(105)
    _line(page, f"Your {letter.card}", size=16, bold=True)
    _line(page, f"{letter.written_on.day} {letter.written_on:%B %Y}")
    top = page.get_y() + 4
    _face(page, letter.face, left=_MARGIN, top=top)
    page.set_y(top + 54 + 6)
    if letter.good_for:
        _line(page, "What it is good for", bold=True)
        for each in letter.good_for:
            _line(page, f"–  {each}")
    page.ln(2)
    for each in letter.what_to_do:
        _line(page, each)
        page.ln(1)
    return bytes(page.output())


def can_write(words: str) -> bool:
    """Whether a letter sets these words as they are written, and not letter by letter."""
    return not any(
        unicodedata.bidirectional(letter) in {"R", "AL"}
        or any(first <= ord(letter) <= last for first, last in _SHAPED)
        for letter in words
    )


def _blank(letter: Letter) -> FPDF:
    page = FPDF(format="A4")
    page.set_lang("en-GB")
    page.set_title(f"{letter.card}: letter to its holder")
    page.set_author(letter.sender)
    page.set_creator("Kent Card")
    try:
        page.add_font(_FAMILY, "", _REGULAR)
        page.add_font(_FAMILY, "B", _BOLD)
        page.add_font(_FALLBACK_FAMILY, "", _FALLBACK)
    except FileNotFoundError as error:
        raise NotReady(f"A letter needs the Debian packages {_PACKAGES}.") from error
    page.set_fallback_fonts([_FALLBACK_FAMILY], exact_match=False)
    page.set_margin(_MARGIN)
    page.add_page()
    return page


def _address(page: FPDF, letter: Letter) -> None:
    page.set_y(_MARGIN)
    _line(page, letter.sender, size=12, bold=True)
    left, top, wide = _WINDOW
    page.set_y(top)
    for each in (letter.name, *letter.address):
        page.set_x(left)
        _line(page, each, wide=wide)


def _line(page: FPDF, words: str, *, size: float = 11, bold: bool = False, wide: float = 0) -> None:
    """A paragraph; long ones are broken between words."""
    page.set_font(_FAMILY, "B" if bold else "", size)
    page.multi_cell(wide, size * 0.5, words, align=Align.L, new_x=XPos.LMARGIN, new_y=YPos.NEXT)


def _face(page: FPDF, face: str, *, left: float, top: float) -> None:
    """A face from its SVG, element by element: it has rectangles, a picture and lines of text."""
    root = ET.fromstring(face)  # noqa: S314  (drawn by us a moment ago)
    for each in root:
        match each.tag.removeprefix(_SVG):
            case "rect":
                _rectangle(page, each, left, top)
            case "image":
                _picture(page, each, left, top, root.findtext(f"{_SVG}title", ""))
            case "text":
                _words(page, each, left, top)
            case "title":
                continue
            case other:
                raise ValueError(f"a letter cannot draw {other!r} of a face")


def _rectangle(page: FPDF, each: ET.Element, left: float, top: float) -> None:
    fill, stroke = each.get("fill", "none"), each.get("stroke", "none")
    style = ("D" if stroke != "none" else "") + ("F" if fill != "none" else "")
    if fill != "none":
        page.set_fill_color(fill)
    if stroke != "none":
        page.set_draw_color(stroke)
        page.set_line_width(_at(each, "stroke-width"))
    on, off = (float(n) * _UNIT for n in each.get("stroke-dasharray", "0 0").split())
    page.set_dash_pattern(on, off)
    radius = _at(each, "rx")
    page.rect(
        left + _at(each, "x"),
        top + _at(each, "y"),
        _at(each, "width"),
        _at(each, "height"),
        style=style,
        round_corners=radius > 0,
        corner_radius=radius,
    )
    page.set_dash_pattern()


def _picture(page: FPDF, each: ET.Element, left: float, top: float, said: str) -> None:
    jpeg = b64decode(each.get("href", "").partition("base64,")[2])
    place = (left + _at(each, "x"), top + _at(each, "y"))
    page.image(BytesIO(jpeg), *place, w=_at(each, "width"), h=_at(each, "height"), alt_text=said)


def _words(page: FPDF, each: ET.Element, left: float, top: float) -> None:
    """A line of text; one that is wider in this font than in the browser's is made to fit."""
    page.set_text_color(each.get("fill", "#000000"))
    bold = "B" if each.get("font-weight") == "bold" else ""
    size, words = _at(each, "font-size") * _POINTS, each.text or ""
    page.set_font(_FAMILY, bold, size)
    room = 83.0 - _at(each, "x")
    if (needed := page.get_string_width(words)) > room:
        page.set_font(_FAMILY, bold, size * room / needed)
    high = page.font_size
    page.set_xy(left + _at(each, "x"), top + _at(each, "y") - _BASE * high)
    page.cell(page.get_string_width(words), high, words)
    page.set_text_color(0)


def _at(each: ET.Element, name: str) -> float:
    return float(each.get(name, "0")) * _UNIT
