"""What strangers send is made anew, or refused with a reason."""

from io import BytesIO

import pikepdf
import pytest
from pikepdf import Dictionary, Name, Pdf
from PIL import Image

from entitlements.cleaning.jpegs import without_notes
from entitlements.cleaning.media import Clean, Media, NotClean, Refusal, media_of
from entitlements.cleaning.papers import MOST_PAGES, clean_paper
from entitlements.cleaning.pictures import LONGEST_SIDE, clean_picture
from tests.support.files import (
    CAMERA,
    COMMENT,
    GPS_WORDS,
    paper,
    photo,
    png_of_claimed_size,
    screenshot,
    with_everything,
    with_photo,
)


def why_refused(content: bytes) -> Refusal:
    """The reason; the test fails when there is none."""
    media = media_of(content)
    if isinstance(media, Refusal):
        return media
    with pytest.raises(NotClean) as refused:
        clean_paper(content) if media is Media.PDF else clean_picture(content, media)
    return refused.value.why


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (photo(), Media.JPEG),
        (screenshot(), Media.PNG),
        (paper(), Media.PDF),
        (b"", Refusal.EMPTY),
        (b"GIF89a" + bytes(20), Refusal.NOT_TAKEN),
        (b"II*\0" + bytes(20), Refusal.NOT_TAKEN),
        (b"MZ" + bytes(20), Refusal.NOT_TAKEN),
        (b"\0\0\0\x18ftypheic" + bytes(20), Refusal.PHONE_PHOTO),
        (b"PK\x03\x04" + bytes(20), Refusal.WORD_FILE),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(20), Refusal.WORD_FILE),
        (b'<svg xmlns="http://www.w3.org/2000/svg" onload="x()"/>', Refusal.DRAWING),
        (b'\xef\xbb\xbf <?xml version="1.0"?><svg/>', Refusal.DRAWING),
        (b"\xff\xfe<\0s\0v\0g\0/\0>\0", Refusal.DRAWING),
        (b"<!doctype html><script>x()</script>", Refusal.DRAWING),
        (b"\n%PDF-1.7\n", Refusal.NOT_TAKEN),
        (b"GIF89a%PDF-1.7\n", Refusal.NOT_TAKEN),
    ],
)
def test_the_first_bytes_say_what_a_file_is(content: bytes, found: Media | Refusal) -> None:
    assert media_of(content) is found


def test_a_photo_loses_where_when_and_by_what_it_was_taken() -> None:
    sent = photo()
    for told in (GPS_WORDS.encode(), CAMERA.encode(), COMMENT):
        assert told in sent
    made = clean_picture(sent, Media.JPEG).content
    for told in (GPS_WORDS.encode(), CAMERA.encode(), COMMENT, b"Exif"):
        assert told not in made
    assert not Image.open(BytesIO(made)).getexif()


@pytest.mark.parametrize(
    ("orientation", "size", "red"),
    [
        (1, (60, 40), (5, 20)),
        (3, (60, 40), (55, 20)),
        (6, (40, 60), (20, 5)),
        (8, (40, 60), (20, 55)),
    ],
)
def test_a_photo_stands_upright_without_its_note_of_how_it_was_held(
    orientation: int, size: tuple[int, int], red: tuple[int, int]
) -> None:
    made = Image.open(BytesIO(clean_picture(photo(orientation=orientation), Media.JPEG).content))
    assert made.size == size
    pixel = made.getpixel(red)
    assert isinstance(pixel, tuple)
    assert pixel[0] > 200
    assert pixel[2] < 60


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_every_kind_of_png_becomes_a_jpeg(mode: str) -> None:
    made = clean_picture(screenshot((40, 30), mode), Media.PNG)
    assert (made.media, made.pages) == (Media.JPEG, 1)
    assert Image.open(BytesIO(made.content), formats=("JPEG",)).size == (40, 30)


def test_what_is_transparent_is_white_as_paper_is() -> None:
    made = Image.open(BytesIO(clean_picture(screenshot(mode="RGBA"), Media.PNG).content))
    assert made.getpixel((5, 5)) == (255, 255, 255)


def test_a_large_photo_is_made_smaller_and_not_refused() -> None:
    made = clean_picture(photo((LONGEST_SIDE + 1000, 500)), Media.JPEG)
    assert max(Image.open(BytesIO(made.content)).size) <= LONGEST_SIDE


def test_a_picture_that_carries_another_file_behind_it_loses_that() -> None:
    hidden = b"PK\x03\x04 and the rest of an archive"
    assert hidden not in clean_picture(photo() + hidden, Media.JPEG).content


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (png_of_claimed_size(10_000, 10_000), Refusal.TOO_MANY_PIXELS),
        (photo()[:-200], Refusal.DAMAGED),
        (screenshot((400, 300))[:-30], Refusal.DAMAGED),
        (photo()[:3] + b"not a photo at all", Refusal.DAMAGED),
        (screenshot()[:8] + paper(), Refusal.DAMAGED),
    ],
)
def test_a_picture_that_is_no_good_says_why(content: bytes, why: Refusal) -> None:
    assert len(content) < 1024 * 1024
    assert why_refused(content) is why


def test_a_pdf_keeps_its_pages_and_loses_what_acts_hides_or_tells() -> None:
    sent = paper(with_everything, pages=2)
    made = clean_paper(sent)
    assert (made.media, made.pages) == (Media.PDF, 2)
    for banned in (
        *(b"/JavaScript", b"/JS", b"/Launch", b"/URI", b"/OpenAction", b"/AA", b"/Annots"),
        *(b"/EmbeddedFile", b"hidden.exe", b"/AcroForm", b"/Metadata", b"/Info", b"/PieceInfo"),
        b"Maidstone",
    ):
        assert banned in unpacked(sent), banned
        assert banned not in unpacked(made.content), banned
    assert unpacked(made.content).count(b"(Council Tax)") == 2


def test_what_was_filled_into_a_form_stays_to_be_read() -> None:
    assert b"Jean Lambert" in unpacked(clean_paper(paper(with_everything)).content)


@pytest.mark.parametrize("packed", [False, True])
def test_a_photo_inside_a_pdf_loses_where_it_was_taken_too(*, packed: bool) -> None:
    sent = paper(with_photo(photo(), (60, 40), packed=packed))
    assert packed or GPS_WORDS.encode() in sent
    made = clean_paper(sent).content
    assert GPS_WORDS.encode() not in made
    assert COMMENT not in made
    with pikepdf.open(BytesIO(made)) as pdf:
        image = next(iter(pdf.pages[0].get_images().values()))
        assert Image.open(BytesIO(image.read_raw_bytes())).size == (60, 40)


def unpacked(content: bytes) -> bytes:
    """A PDF with nothing compressed, so that one can look for words in it."""
    written = BytesIO()
    with pikepdf.open(BytesIO(content)) as pdf:
        pdf.save(
            written,
            compress_streams=False,
            stream_decode_level=pikepdf.StreamDecodeLevel.generalized,
            object_stream_mode=pikepdf.ObjectStreamMode.disable,
        )
    return written.getvalue()


def test_a_pdf_that_anybody_may_read_but_not_print_is_taken() -> None:
    sent = paper(encryption=pikepdf.Encryption(owner="of the bank", user=""))
    with pikepdf.open(BytesIO(clean_paper(sent).content)) as made:
        assert not made.is_encrypted


def huge_picture(pdf: Pdf) -> None:
    """A tiny stream that says it is a picture of ten thousand million pixels."""
    pdf.pages[0].obj.Resources.XObject = Dictionary(
        P=pdf.make_stream(
            b"\0",
            Subtype=Name.Image,
            Width=100_000,
            Height=100_000,
            Filter=Name.CCITTFaxDecode,
        )
    )
    pdf.pages[0].contents_add(b"/P Do")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (paper(encryption=pikepdf.Encryption(owner="a", user="b")), Refusal.LOCKED),
        (paper()[:-120], Refusal.DAMAGED),
        (b"%PDF-1.7\nand nothing else", Refusal.DAMAGED),
        (b"%PDF-1.7\n" + photo(), Refusal.DAMAGED),
        (paper(pages=MOST_PAGES + 1), Refusal.TOO_MANY_PAGES),
        (paper(huge_picture), Refusal.TOO_MANY_PIXELS),
    ],
)
def test_a_pdf_that_is_no_good_says_why(content: bytes, why: Refusal) -> None:
    assert why_refused(content) is why


def test_cleaning_twice_changes_nothing_more() -> None:
    once: Clean = clean_paper(paper(with_everything))
    assert len(clean_paper(once.content).content) == len(once.content)


@pytest.mark.parametrize("end", [2, 3, 5, 30])
def test_a_jpeg_that_ends_within_its_head_is_damaged(end: int) -> None:
    with pytest.raises(NotClean):
        without_notes(photo()[:end])
