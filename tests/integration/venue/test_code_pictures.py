"""Pictures of a code: of several kinds and sizes, with more than one code, with none, and bombs."""

import io
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from readers.contract.reasons import Reason
from readers.verify import pictures
from readers.verify.pictures import MAX_BYTES, code_in
from tests.support.venue import VenueWorld, picture_of, saved


@pytest.fixture
def code(world: VenueWorld) -> str:
    return world.code()


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_the_code_is_read_from_the_kinds_of_picture_there_are(code: str, kind: str) -> None:
    picture = picture_of(code, kind=kind)
    assert pictures.looks_like_picture(picture)
    assert code_in(picture) == code


def _photo(code: str) -> Image.Image:
    return Image.open(io.BytesIO(picture_of(code))).convert("RGB")


@pytest.mark.parametrize("degrees", [3, 45, 90, 180, 260])
def test_the_phone_may_be_held_any_way(code: str, degrees: int) -> None:
    turned = _photo(code).rotate(degrees, expand=True, fillcolor="grey")
    assert code_in(saved(turned, "JPEG")) == code


def test_a_poor_camera_will_do(code: str) -> None:
    small = _photo(code).resize((240, 240)).resize((640, 640)).filter(ImageFilter.GaussianBlur(2))
    dim = small.point(lambda value: 60 + value // 4)
    file = io.BytesIO()
    dim.save(file, "JPEG", quality=30)
    assert code_in(file.getvalue()) == code


def test_a_screen_that_turns_colours_round_will_do(code: str) -> None:
    assert code_in(saved(_photo(code).point(lambda value: 255 - value))) == code


def test_what_is_transparent_is_white(code: str) -> None:
    grey = Image.open(io.BytesIO(picture_of(code))).convert("L")
    black = Image.new("RGBA", grey.size, (0, 0, 0, 0))
    black.putalpha(grey.point(lambda value: 255 - value))
    assert code_in(saved(black)) == code


def test_a_large_photo_is_made_smaller(code: str) -> None:
    photo = Image.new("RGB", (6000, 4000), "grey")
    photo.paste(_photo(code).resize((1800, 1800)), (2000, 1000))
    assert code_in(saved(photo, "JPEG")) == code


def test_two_codes_of_ours_are_too_many_and_one_twice_is_one(world: VenueWorld, code: str) -> None:
    other = world.code(jti=bytes(12))
    assert code_in(picture_of(code, other)) is Reason.SEVERAL_CODES
    assert code_in(picture_of(code, code)) == code


def test_the_code_of_a_poster_beside_it_is_left_alone(code: str) -> None:
    assert code_in(picture_of("https://www.kent.gov.uk/", code)) == code


@pytest.mark.parametrize("text", ["https://www.kent.gov.uk/", "HC1:NCFOXN", "0"])
def test_a_code_for_something_else_is_told_apart_from_none(text: str) -> None:
    assert code_in(picture_of(text)) is Reason.FOREIGN_CODE
    assert code_in(saved(Image.new("RGB", (300, 300), "white"))) is Reason.NO_CODE


def test_a_code_that_is_half_in_the_picture_is_none(code: str) -> None:
    photo = _photo(code)
    assert code_in(saved(photo.crop((0, 0, photo.width * 2 // 3, photo.height)))) is Reason.NO_CODE


def _chunk(name: bytes, content: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + checksum


def _png_claiming(width: int, height: int) -> bytes:
    """A small file of a huge picture; what it unpacks to is zeros."""
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0))
    data = _chunk(b"IDAT", zlib.compress(bytes(1_000_000), 9))
    return b"\x89PNG\r\n\x1a\n" + header + data + _chunk(b"IEND", b"")


def _png_with_text_bomb() -> bytes:
    header = _chunk(b"IHDR", struct.pack(">IIBBBBB", 8, 8, 8, 0, 0, 0, 0))
    text = _chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(200_000_000), 9))
    return b"\x89PNG\r\n\x1a\n" + header + text + _chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"KC1.AAAA", id="a text"),
        pytest.param(b"\x89PNG\r\n\x1a\n", id="a beginning"),
        pytest.param(b"\xff\xd8\xff" + bytes(50), id="a JPEG of zeros"),
        pytest.param(b"RIFF\x20\0\0\0WEBPVP8 " + bytes(20), id="a WebP of zeros"),
        pytest.param(saved(Image.new("L", (9, 9)), "GIF"), id="a GIF"),
        pytest.param(saved(Image.new("L", (9, 9)), "TIFF"), id="a TIFF"),
        pytest.param(b"<svg xmlns='http://www.w3.org/2000/svg'/>", id="an SVG"),
        pytest.param(b"%PDF-1.7", id="a PDF"),
        pytest.param(_png_claiming(8_000, 8_000), id="64 million pixels"),
        pytest.param(_png_claiming(12_000, 12_000), id="more than Pillow warns of"),
        pytest.param(_png_claiming(60_000, 60_000), id="more than Pillow opens"),
        pytest.param(_png_claiming(2**31 - 1, 1), id="one line without end"),
        pytest.param(_png_with_text_bomb(), id="a text that unpacks without end"),
        pytest.param(picture_of("KC1.AA")[:-200], id="cut short"),
        pytest.param(bytes(MAX_BYTES + 1), id="too large"),
    ],
)
def test_a_file_that_is_no_picture_or_a_bomb_is_unusable(data: bytes) -> None:
    assert code_in(data) is Reason.PICTURE_UNUSABLE


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=60), st.integers(0, 500))
def test_a_damaged_picture_is_never_an_error(noise: bytes, at: int) -> None:
    for kind in ("PNG", "JPEG", "WEBP"):
        whole = bytearray(picture_of("KC1.AA", kind=kind, box=1))
        at %= len(whole)
        whole[at : at + len(noise)] = noise
        assert isinstance(code_in(bytes(whole)), str)  # a reason is one too
