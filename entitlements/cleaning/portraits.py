"""The part of a photo that is printed on a card, in the shape and at the size it is printed.

35 by 45 millimetres at 300 dots to the inch.
Source: the size of UK passport photos, gov.uk/photos-for-passports.
"""

from io import BytesIO
from typing import Final

import msgspec
from PIL import Image, ImageOps

from entitlements.cleaning.media import Clean, Media, NotClean, Refusal
from entitlements.cleaning.pictures import clean_picture

WIDTH: Final = 413
HEIGHT: Final = 531
FEWEST: Final = 200
"""Dots across, below which a face on a card cannot be made out."""
LONGEST_WHOLE: Final = 1600
QUALITY: Final = 90
ALL: Final = 100
LEAST: Final = 10


class Frame(msgspec.Struct, frozen=True):
    """Which part of a picture: all three in hundredths.

    Attributes:
        across: where the frame's middle is, of what it can move from left to right.
        down: the same from top to bottom.
        size: of the largest frame that fits.
    """

    across: int = 50
    down: int = 50
    size: int = ALL

    @classmethod
    def of(cls, text: str) -> "Frame":
        """From `across,down,size`.

        Raises:
            ValueError: it is something else.
        """
        across, down, size = (int(part) for part in text.split(","))
        if not (0 <= across <= ALL and 0 <= down <= ALL and LEAST <= size <= ALL):
            raise ValueError("a frame is within its picture")
        return cls(across, down, size)

    def __str__(self) -> str:
        """As :meth:`of` reads it."""
        return f"{self.across},{self.down},{self.size}"


def whole(content: bytes, media: Media) -> Clean:
    """A photo to choose a part of: upright, no larger than a screen.

    Raises:
        NotClean: it is damaged, a document, or too large or small.
    """
    return _shown(clean_picture(content, media), None)


def portrait(content: bytes, media: Media, frame: Frame) -> Clean:
    """The part of a photo within a frame, at the size it is printed.

    Raises:
        NotClean: it is damaged, a document, or too large or small.
    """
    return _shown(clean_picture(content, media), frame)


def _shown(clean: Clean, frame: Frame | None) -> Clean:
    with Image.open(BytesIO(clean.content)) as picture:
        box = _box(picture.size, frame or Frame())
        if box[2] - box[0] < FEWEST:
            raise NotClean(Refusal.TOO_FEW_PIXELS)
        if frame is None:
            made: Image.Image = picture.convert("RGB")
            made.thumbnail((LONGEST_WHOLE, LONGEST_WHOLE))
        else:
            made = ImageOps.fit(picture.convert("RGB").crop(box), (WIDTH, HEIGHT))
    written = BytesIO()
    made.save(written, "JPEG", quality=QUALITY)
    return Clean(Media.JPEG, 1, written.getvalue())


def _box(size: tuple[int, int], frame: Frame) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of a frame in dots."""
    width, height = size
    largest = min(width, height * WIDTH / HEIGHT)
    wide = largest * frame.size / ALL
    tall = wide * HEIGHT / WIDTH
    left = (width - wide) * frame.across / ALL
    top = (height - tall) * frame.down / ALL
    return round(left), round(top), round(left + wide), round(top + tall)
