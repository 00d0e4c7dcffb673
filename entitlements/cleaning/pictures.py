"""Pictures are decoded and written anew: what is not a pixel does not survive."""

import warnings
from io import BytesIO
from typing import Final

from PIL import Image, ImageOps, UnidentifiedImageError

from entitlements.cleaning.media import Clean, Media, NotClean, Refusal

MOST_PIXELS: Final = 64_000_000
"""The largest cameras of phones in common use take about 50 million."""
LONGEST_SIDE: Final = 4096
"""Larger pictures are made smaller: an A4 page of this height has 350 dots to the inch."""
QUALITY: Final = 88
_FORMATS: Final = {Media.JPEG: "JPEG", Media.PNG: "PNG"}
_DEEP: Final = frozenset({"I", "I;16", "I;16B", "I;16L", "I;16N", "F"})
_WHITE: Final = (255, 255, 255)


def clean_picture(content: bytes, media: Media) -> Clean:
    """A picture as JPEG, upright, with nothing of where, when and by what it was taken.

    Raises:
        NotClean: it is damaged, cut short, or has too many pixels.
    """
    Image.MAX_IMAGE_PIXELS = MOST_PIXELS
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            return Clean(Media.JPEG, 1, _written_anew(content, media))
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise NotClean(Refusal.TOO_MANY_PIXELS) from error
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError, EOFError) as error:
        raise NotClean(Refusal.DAMAGED) from error


def _written_anew(content: bytes, media: Media) -> bytes:
    with Image.open(BytesIO(content), formats=(_FORMATS[media],)) as sent:
        sent.draft("RGB", (LONGEST_SIDE, LONGEST_SIDE))  # a JPEG need not be decoded in full size
        sent.load()
        upright = ImageOps.exif_transpose(sent)
    flat = _flat(upright)
    flat.thumbnail((LONGEST_SIDE, LONGEST_SIDE))
    flat.info = {}  # a comment would otherwise be written again
    written = BytesIO()
    flat.save(written, "JPEG", quality=QUALITY, subsampling=0)
    return written.getvalue()


def _flat(picture: Image.Image) -> Image.Image:
    """Grey or in three colours; what is transparent is white, as paper is."""
    if picture.mode in _DEEP:
        return picture.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if not picture.has_transparency_data:
        return picture.convert("L" if picture.mode in {"1", "L"} else "RGB")
    layer = picture.convert("RGBA")
    paper = Image.new("RGB", layer.size, _WHITE)
    paper.paste(layer, mask=layer.getchannel("A"))
    return paper
