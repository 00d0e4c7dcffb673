"""PDFs are written anew from their pages alone: what can act, hide or tell is left behind.

Fonts and pictures inside a page stay as they were sent, because nothing here draws them; a browser
that shows such a file is told to run nothing of it.
Source: ISO 32000-2: catalog 7.7.2, pages 7.7.3.3, actions 12.6, file specifications 7.11,
metadata 14.3, reference XObjects 8.10.4.
"""

import zlib
from collections.abc import Iterable
from io import BytesIO
from typing import Final

import pikepdf
from pikepdf import Array, Dictionary, Name, Object, ObjectStreamMode, Page, Pdf, Stream

from entitlements.cleaning.jpegs import without_notes
from entitlements.cleaning.media import Clean, Media, NotClean, Refusal
from entitlements.cleaning.pictures import MOST_PIXELS

MOST_PAGES: Final = 50
MOST_UNPACKED: Final = 256 * 1024 * 1024
"""Bytes of all streams of a file together, once they are decompressed."""
_OF_A_PAGE: Final = frozenset(
    {"/Type", "/Parent", "/MediaBox", "/CropBox", "/Rotate", "/Resources", "/Contents", "/Group"}
)
_OF_RESOURCES: Final = frozenset(
    {
        *("/ExtGState", "/ColorSpace", "/Pattern", "/Shading"),
        *("/XObject", "/Font", "/ProcSet", "/Properties"),
    }
)
_NEVER: Final = (
    *("/JS", "/OpenAction", "/AF", "/EF", "/EmbeddedFiles", "/Ref", "/OPI", "/Alternates"),
    *("/Metadata", "/PieceInfo", "/LastModified", "/StructParent", "/StructParents", "/OC"),
)
_PICTURES: Final = frozenset({"/DCTDecode", "/JPXDecode", "/JBIG2Decode", "/CCITTFaxDecode"})
_EXTERNAL: Final = ("/F", "/FFilter", "/FDecodeParms")
"""In a stream: that its bytes are in another file."""


def clean_paper(content: bytes) -> Clean:
    """A PDF with the same pages and nothing else.

    Raises:
        NotClean: it is damaged, cut short, locked, too long, or unpacks to too much.
    """
    try:
        with pikepdf.open(BytesIO(content), attempt_recovery=False) as sent:
            return _written_anew(sent)
    except pikepdf.PasswordError as error:
        raise NotClean(Refusal.LOCKED) from error
    except (pikepdf.PdfError, ValueError, KeyError, TypeError, RuntimeError, zlib.error) as error:
        raise NotClean(Refusal.DAMAGED) from error


def _written_anew(sent: Pdf) -> Clean:
    if not sent.pages:
        raise NotClean(Refusal.DAMAGED)
    if len(sent.pages) > MOST_PAGES:
        raise NotClean(Refusal.TOO_MANY_PAGES)
    sent.generate_appearance_streams()
    sent.flatten_annotations("screen")  # what was filled in becomes part of the page
    made = Pdf.new()
    for page in sent.pages:
        _bare(page)
        made.pages.append(page)
    made.remove_unreferenced_resources()
    unpacked = 0
    for each in made.objects:
        _disarm(each)
        if isinstance(each, Stream):
            unpacked += _weighed(each)
        if unpacked > MOST_UNPACKED:
            raise NotClean(Refusal.TOO_DEMANDING)
    written = BytesIO()
    made.save(written, object_stream_mode=ObjectStreamMode.disable, static_id=True)
    return Clean(Media.PDF, len(made.pages), written.getvalue())


def _bare(page: Page) -> None:
    """Keep what shows the page; links, fields, notes, attachments and actions go."""
    for inherited in ("/Resources", "/MediaBox", "/CropBox", "/Rotate"):
        found = _inherited(page.obj, inherited)
        if found is not None and inherited not in page.obj:
            page.obj[inherited] = found
    _without(page.obj, set(page.obj.keys()) - _OF_A_PAGE)


def _inherited(node: Object, key: str) -> Object | None:
    """What a page has of its parents. A tree that leads round in a ring is no tree."""
    for _ in range(MOST_PAGES):
        if key in node:
            return node[key]
        if "/Parent" not in node:
            return None
        node = node.Parent
    raise NotClean(Refusal.DAMAGED)


def _disarm(each: Object) -> None:
    """Take from one object of the file what acts or tells."""
    for node in _within(each):
        _without(node, _NEVER)
        if isinstance(resources := node.get("/Resources"), Dictionary):
            _without(resources, set(resources.keys()) - _OF_RESOURCES)
    if isinstance(each, Stream):
        _without(each, _EXTERNAL)


def _without(node: Object, keys: Iterable[str]) -> None:
    for key in keys:
        if key in node:
            del node[key]


def _within(each: Object) -> list[Object]:
    """The dictionaries of an object, those in it too; what it refers to has its own turn."""
    waiting: list[object] = [each]
    found: list[Object] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, Stream | Dictionary):
            found.append(node)
            values = [node[key] for key in node.keys()]  # noqa: SIM118  (no mapping)
        elif isinstance(node, Array):
            values = list(node)
        else:
            continue
        waiting += [value for value in values if not _is_reference(value)]
    return found


def _is_reference(value: object) -> bool:
    return isinstance(value, Object) and value.is_indirect


def _weighed(stream: Stream) -> int:
    """How large a stream is when it is shown, once it is rid of what it tells.

    Raises:
        NotClean: it is small as it is sent and huge as it is shown.
    """
    if stream.get("/Subtype") == Name.Image and _pixels(stream) > MOST_PIXELS:
        raise NotClean(Refusal.TOO_MANY_PIXELS)
    size = _unpacked(stream)
    if stream.get("/Filter") in (Name.DCTDecode, Array([Name.DCTDecode])):
        bare = without_notes(stream.read_raw_bytes())
        stream.write(bare, filter=Name.DCTDecode, decode_parms=_last_parms(stream))
    return size


def _pixels(picture: Stream) -> int:
    return int(picture.get("/Width", 0)) * int(picture.get("/Height", 0))


def _unpacked(stream: Stream) -> int:
    """How many bytes come of a stream; of a picture's own format the pixels are counted instead.

    Raises:
        NotClean: too many, or it is packed in a way that cannot be judged.
    """
    given = stream.get("/Filter", Array())
    match [str(each) for each in (given if isinstance(given, Array) else [given])]:
        case []:
            return len(stream.read_raw_bytes())
        case ["/FlateDecode"]:
            return len(_inflated(stream.read_raw_bytes()))
        case [picture] if picture in _PICTURES:
            return 0
        case ["/FlateDecode", picture] if picture in _PICTURES:
            inner = _inflated(stream.read_raw_bytes())
            stream.write(inner, filter=Name(picture), decode_parms=_last_parms(stream))
            return len(inner)
        case _:
            return _unpacked_by_qpdf(stream)


def _last_parms(stream: Stream) -> Dictionary | None:
    """How the last filter of a stream works, if it is said."""
    parms = stream.get("/DecodeParms")
    last = parms[-1] if isinstance(parms, Array) and len(parms) else parms
    return last if isinstance(last, Dictionary) else None


def _inflated(packed: bytes) -> bytes:
    unpacking = zlib.decompressobj()
    found = unpacking.decompress(packed, MOST_UNPACKED)
    if unpacking.unconsumed_tail:
        raise NotClean(Refusal.TOO_DEMANDING)
    return found


def _unpacked_by_qpdf(stream: Stream) -> int:
    """Of packings of old; what is too large ends with the memory of the process."""
    try:
        return len(stream.read_bytes())
    except pikepdf.PdfError as error:
        raise NotClean(Refusal.TOO_DEMANDING) from error
