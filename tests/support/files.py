"""Files that people send as evidence: good ones, and those that mean no good."""

import zlib
from collections.abc import Callable
from io import BytesIO
from struct import pack
from typing import Final

import pikepdf
from pikepdf import Array, Dictionary, Name, Pdf, String
from PIL import Image
from PIL.ExifTags import GPS, IFD, Base

GPS_WORDS: Final = "51.2787N"
CAMERA: Final = "Camera of Jean"
COMMENT: Final = b"taken at home"


def photo(size: tuple[int, int] = (60, 40), *, orientation: int = 1) -> bytes:
    """A JPEG, its left half red and its right half blue as it is stored, that says where."""
    picture = Image.new("RGB", size, "red")
    picture.paste("blue", (size[0] // 2, 0, *size))
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    exif[Base.Make] = CAMERA
    exif.get_ifd(IFD.GPSInfo)[GPS.GPSLatitudeRef] = GPS_WORDS
    made = BytesIO()
    picture.save(made, "JPEG", exif=exif, comment=COMMENT, quality=95)
    return made.getvalue()


def screenshot(size: tuple[int, int] = (40, 30), mode: str = "RGB") -> bytes:
    """A PNG."""
    made = BytesIO()
    Image.new(mode, size).save(made, "PNG")
    return made.getvalue()


def png_of_claimed_size(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is that large, and is."""
    row = b"\0" + bytes((width + 7) // 8)
    packer = zlib.compressobj(9)
    data = b"".join([*(packer.compress(row) for _ in range(height)), packer.flush()])
    head = pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", head) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")
    )


def _chunk(name: bytes, data: bytes) -> bytes:
    return pack(">I", len(data)) + name + data + pack(">I", zlib.crc32(name + data))


def paper(
    change: Callable[[Pdf], None] = lambda _pdf: None,
    *,
    pages: int = 1,
    encryption: pikepdf.Encryption | None = None,
) -> bytes:
    """A PDF that says "Council Tax" on each page, after a change."""
    pdf = Pdf.new()
    font = Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica)
    for _ in range(pages):
        page = pdf.add_blank_page()
        page.obj.Resources = Dictionary(Font=Dictionary(A=pdf.make_indirect(font)))
        page.obj.Contents = pdf.make_stream(b"BT /A 12 Tf 72 700 Td (Council Tax) Tj ET")
    change(pdf)
    made = BytesIO()
    pdf.save(made, encryption=encryption or False)
    return made.getvalue()


def with_everything(pdf: Pdf) -> None:
    """Scripts, an attachment, a link, a launch, a form that was filled in, and metadata."""
    page, script = pdf.pages[0], Dictionary(S=Name.JavaScript, JS=String("app.alert(1)"))
    launch = Dictionary(S=Name.Launch, F=String("calc.exe"))
    link = Dictionary(S=Name.URI, URI=String("https://evil.example/"))
    pdf.Root.OpenAction = script
    pdf.Root.AA = Dictionary(WC=launch)
    pdf.Root.Names = Dictionary(JavaScript=Dictionary(Names=Array([String("x"), script])))
    pdf.attachments["hidden.exe"] = b"MZ hidden"
    page.obj.AA = Dictionary(O=script)
    page.obj.PieceInfo = Dictionary(Kent=Dictionary(LastModified=String("D:20260101")))
    field = Dictionary(
        Type=Name.Annot,
        Subtype=Name.Widget,
        FT=Name.Tx,
        T=String("name"),
        V=String("Jean Lambert"),
        DA=String("/A 12 Tf 0 g"),
        Rect=Array([72, 600, 300, 620]),
        F=4,
    )
    field = pdf.make_indirect(field)
    linked = Dictionary(Type=Name.Annot, Subtype=Name.Link, Rect=Array([0, 0, 9, 9]), A=link)
    page.obj.Annots = Array([field, pdf.make_indirect(linked)])
    pdf.Root.AcroForm = Dictionary(
        Fields=Array([field]), DR=page.obj.Resources, NeedAppearances=True
    )
    pdf.docinfo["/Author"] = "Jean of Maidstone"
    with pdf.open_metadata() as told:
        told["dc:creator"] = ["Jean of Maidstone"]


def with_photo(
    content: bytes, size: tuple[int, int], *, packed: bool = False
) -> Callable[[Pdf], None]:
    """A change that puts a JPEG on the first page, perhaps compressed once more."""

    def change(pdf: Pdf) -> None:
        picture = pdf.make_stream(
            content,
            Type=Name.XObject,
            Subtype=Name.Image,
            Width=size[0],
            Height=size[1],
            ColorSpace=Name.DeviceRGB,
            BitsPerComponent=8,
            Filter=Name.DCTDecode,
        )
        if packed:
            picture.write(zlib.compress(content), filter=Array([Name.FlateDecode, Name.DCTDecode]))
        page = pdf.pages[0]
        page.obj.Resources.XObject = Dictionary(Photo=picture)
        page.contents_add(b"q 60 0 0 40 9 9 cm /Photo Do Q")

    return change


def with_bomb(pdf: Pdf, *, twice: bool = False) -> None:
    """A page whose content is small as it is sent and 300 MB once it is unpacked."""
    packer = zlib.compressobj(9)
    million = bytes(1024 * 1024)
    packed = b"".join([*(packer.compress(million) for _ in range(300)), packer.flush()])
    flate = Name.FlateDecode
    pdf.pages[0].obj.Contents = (
        pdf.make_stream(zlib.compress(packed), Filter=Array([flate, flate]))
        if twice
        else pdf.make_stream(packed, Filter=flate)
    )
