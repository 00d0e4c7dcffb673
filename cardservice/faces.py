"""The face of a card as SVG: what its product says it shows, and nothing else.

Drawn in tenths of a millimetre on a card of 85.6 by 53.98 mm (ISO/IEC 7810, ID-1), in colours and
letters alone: no script, no style sheet, nothing that is loaded. A photo is inside the file.
"""

import unicodedata
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Final
from xml.sax.saxutils import escape

import msgspec

from cardservice.products import Product

WIDTH: Final = 856
HEIGHT: Final = 540
_GREEN: Final = "#14453d"
_GOLD: Final = "#b8860b"
_INK: Final = "#0b0c0c"
_GREY: Final = "#505a5f"
_DASHED: Final = 'stroke-width="2" stroke-dasharray="10 8"'
_COLOURS: Final[Mapping[str, str]] = {"blue": "#1d4f91", "orange": "#e87722"}
_FONTS: Final = "Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_GROUPS: Final = ((0, 1), (1, 5), (5, 9), (9, 14))
_WIDE: Final = 1.0
_NARROW: Final = 0.58
"""Widths of a letter of size 1: of one as wide as high (as Chinese has), and of any other."""
_SMALLEST: Final = 20.0
FUNDED: Final = "Concessionary travel funded by HM Government with your local authority"


class Shown(msgspec.Struct, frozen=True, kw_only=True):
    """What a face may show of its holder; its product says what of it is shown.

    Attributes:
        name: as they write it, in any script.
        photo: where the JPEG of 35 by 45 is, or the picture itself by `inside`; empty without one.
        last_day: printed on it; None for a card that has none.
        number, code: as `carriers.printed` gives them; empty before the card is made.
        issuer: the authority that issues it.
        strip: colour of the strip; None without one.
    """

    name: str
    photo: str = ""
    last_day: date | None = None
    number: str = ""
    code: str = ""
    issuer: str = ""
    strip: str | None = None


def face(product: Product, shown: Shown) -> str:
    """The face as an SVG document, with a title that says whose it is.

    Raises:
        KeyError: the product names something that nobody can draw.
    """
    drawn = "".join(_PARTS[part](product, shown) for part in product.face)
    title = f"{product.name}: {shown.name}"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'width="85.6mm" height="53.98mm" role="img" font-family="{_FONTS}">'
        f"<title>{_safe(title)}</title>"
        f'<rect width="{WIDTH}" height="{HEIGHT}" rx="32" fill="#ffffff" stroke="{_GREEN}" '
        f'stroke-width="2"/>{drawn}</svg>'
    )


def inside(jpeg: bytes) -> str:
    """A photo as the address of itself, for a face that stands alone."""
    return f"data:image/jpeg;base64,{b64encode(jpeg).decode()}"


def grouped(number: str) -> str:
    """A printed number in groups that can be read out."""
    return " ".join(number[first:last] for first, last in _GROUPS)


def _name_of_card(product: Product, _shown: Shown) -> str:
    return (
        f'<rect width="{WIDTH}" height="70" rx="32" fill="{_GREEN}"/>'
        f'<rect y="34" width="{WIDTH}" height="76" fill="{_GREEN}"/>'
        f'<rect y="110" width="{WIDTH}" height="10" fill="{_GOLD}"/>'
        + _text(40, 76, product.name, size=56, room=776, fill="#ffffff", weight="bold")
    )


def _photograph(_product: Product, shown: Shown) -> str:
    place = 'x="40" y="160" width="252" height="324"'
    if not shown.photo:
        missing = _text(60, 330, "No photo", size=32, room=212, fill=_GREY)
        return f'<rect {place} fill="none" stroke="{_GREY}" {_DASHED}/>{missing}'
    return f'<image {place} preserveAspectRatio="xMidYMid slice" href="{_safe(shown.photo)}"/>'


def _name(_product: Product, shown: Shown) -> str:
    lines = _broken(shown.name, room=510, size=44)
    return "".join(
        _text(320, 206 + place * 52, line, size=44, room=510, weight="bold")
        for place, line in enumerate(lines)
    )


def _number(_product: Product, shown: Shown) -> str:
    return _text(320, 350, grouped(shown.number), size=40, room=510) if shown.number else ""


def _code(_product: Product, shown: Shown) -> str:
    return _text(320, 404, f"Code {shown.code}", size=32, room=510) if shown.code else ""


def _last_day(_product: Product, shown: Shown) -> str:
    if shown.last_day is None:
        return ""
    day = shown.last_day
    return _text(320, 470, f"Expires {day.day} {day:%b %Y}", size=32, room=400)


def _issuer(_product: Product, shown: Shown) -> str:
    return _text(320, 320, shown.issuer, size=30, room=510)


def _funded(_product: Product, _shown: Shown) -> str:
    return _text(40, 520, FUNDED, size=22, room=776)


def _strip(_product: Product, shown: Shown) -> str:
    colour = _COLOURS.get(shown.strip or "")
    return f'<rect x="40" y="120" width="776" height="24" fill="{colour}"/>' if colour else ""


def _rose(_product: Product, _shown: Shown) -> str:
    return _by_bureau(40, 24, 84, "Rose")


def _ribbon(_product: Product, _shown: Shown) -> str:
    return _by_bureau(140, 24, 400, "Ribbon")


def _hologram(_product: Product, _shown: Shown) -> str:
    return _by_bureau(700, 350, 116, "Hologram")


def _itso(_product: Product, _shown: Shown) -> str:
    return _by_bureau(640, 24, 176, "ITSO mark")


def _by_bureau(left: int, top: int, wide: int, what: str) -> str:
    """A place for what the bureau prints by its own licence, and no picture of it."""
    return (
        f'<rect x="{left}" y="{top}" width="{wide}" height="84" rx="8" fill="none" '
        f'stroke="{_GREY}" {_DASHED}/>'
        + _text(left + 6, top + 36, what, size=22, room=wide - 12, fill=_GREY)
        + _text(left + 6, top + 64, "(bureau)", size=20, room=wide - 12, fill=_GREY)
    )


_PARTS: Final[Mapping[str, Callable[[Product, Shown], str]]] = {
    "name of the card": _name_of_card,
    "name": _name,
    "photograph": _photograph,
    "number": _number,
    "code": _code,
    "last day": _last_day,
    "rose": _rose,
    "ribbon": _ribbon,
    "issuing authority": _issuer,
    "hologram": _hologram,
    "colour strip": _strip,
    "ITSO mark": _itso,
    "funding sentence": _funded,
}
"""What a product's `face` may name -> how it is drawn.

Source of those of the travel pass: The Concessionary Bus Travel (Permits) (England) Regulations
2008, SI 2008/417.
"""


def _text(
    left: float,
    base: float,
    words: str,
    *,
    size: float,
    room: float,
    fill: str = _INK,
    weight: str = "normal",
) -> str:
    """One line that fits: in smaller letters, and below the smallest squeezed by the browser."""
    needed = _wide(words) * size
    fitted = max(size * min(1.0, room / needed), _SMALLEST) if needed else size
    squeezed = _wide(words) * fitted > room
    length = f' textLength="{room:g}" lengthAdjust="spacingAndGlyphs"' if squeezed else ""
    return (
        f'<text x="{left:g}" y="{base:g}" font-size="{fitted:.1f}" font-weight="{weight}" '
        f'fill="{fill}"{length}>{_safe(words)}</text>'
    )


def _broken(words: str, *, room: float, size: float) -> Iterable[str]:
    """In two lines if one is too short for it, broken between words as evenly as can be."""
    parts = words.split()
    if _wide(words) * size <= room or len(parts) == 1:
        return (words,)
    halves = ((" ".join(parts[:at]), " ".join(parts[at:])) for at in range(1, len(parts)))
    return min(halves, key=lambda pair: max(_wide(pair[0]), _wide(pair[1])))


def _wide(words: str) -> float:
    """About how wide words of size 1 are: marks that stand on a letter take no room."""
    return sum(
        0.0
        if unicodedata.combining(letter)
        else _WIDE
        if unicodedata.east_asian_width(letter) in "WF"
        else _NARROW
        for letter in words
    )


def _safe(words: str) -> str:
    """As text of XML, which has no control characters. Source: XML 1.0 section 2.2."""
    plain = "".join(
        letter for letter in words if unicodedata.category(letter) not in {"Cc", "Cs", "Cn"}
    )
    return escape(plain, {'"': "&quot;"})
