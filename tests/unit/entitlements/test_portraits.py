"""The part of a photo that is printed: its shape, its place, and what is no photo."""

from io import BytesIO

import pytest
from PIL import Image

from entitlements.cleaning.media import Clean, Refusal
from entitlements.cleaning.portraits import HEIGHT, LONGEST_WHOLE, WIDTH, Frame
from entitlements.uploads import NotTaken, Uploads
from tests.support.files import CAMERA, GPS_WORDS, paper, photo

RED, BLUE = (254, 0, 0), (0, 0, 254)


@pytest.fixture
def uploads() -> Uploads:
    return Uploads(most_megabytes=8)


def _opened(made: Clean | NotTaken) -> Image.Image:
    assert isinstance(made, Clean), made
    assert CAMERA.encode() not in made.content
    assert GPS_WORDS.encode() not in made.content
    return Image.open(BytesIO(made.content))


@pytest.mark.parametrize(("across", "colour"), [(0, RED), (100, BLUE)])
async def test_a_frame_takes_its_part(
    uploads: Uploads, across: int, colour: tuple[int, int, int]
) -> None:
    made = _opened(await uploads.portrait(photo((1200, 600)), str(Frame(across, 50, 100))))
    assert made.size == (WIDTH, HEIGHT)
    middle = made.getpixel((WIDTH // 2, HEIGHT // 2))
    assert isinstance(middle, tuple)
    assert all(abs(one - other) < 4 for one, other in zip(middle, colour, strict=True))


async def test_a_smaller_frame_is_nearer(uploads: Uploads) -> None:
    made = _opened(await uploads.portrait(photo((1600, 800)), str(Frame(50, 50, 40))))
    left, right = made.getpixel((4, 9)), made.getpixel((WIDTH - 4, 9))
    assert (left[0] > 200, right[2] > 200) == (True, True)  # type: ignore[index]  # RGB


async def test_a_large_picture_is_made_smaller_and_upright_to_choose_from(uploads: Uploads) -> None:
    made = _opened(await uploads.photo(photo((3000, 2000), orientation=6)))
    assert made.size == (round(LONGEST_WHOLE * 2 / 3), LONGEST_WHOLE)


@pytest.mark.parametrize(
    ("content", "frame", "why"),
    [
        (paper(), "", Refusal.NO_PICTURE),
        (photo((150, 150)), "", Refusal.TOO_FEW_PIXELS),
        (photo((600, 800)), "50,50,10", Refusal.TOO_FEW_PIXELS),
        (photo((600, 800))[:900], "", Refusal.DAMAGED),
        (b"<svg/>", "", Refusal.DRAWING),
        (b"", "", Refusal.EMPTY),
    ],
    ids=["paper", "small", "small-part", "cut-short", "drawing", "empty"],
)
async def test_what_cannot_be_printed_is_refused_with_a_sentence(
    uploads: Uploads, content: bytes, frame: str, why: Refusal
) -> None:
    found = await (uploads.portrait(content, frame) if frame else uploads.photo(content))
    assert isinstance(found, NotTaken)
    assert found.why is why


@pytest.mark.parametrize("text", ["", "1,2", "1,2,3,4", "-1,0,100", "0,101,100", "0,0,9", "a,b,c"])
def test_what_is_no_frame_is_said(text: str) -> None:
    with pytest.raises(ValueError):
        Frame.of(text)
