"""The JPEG files inside a PDF keep their pixels as they are, and lose what else they carry."""

from typing import Final

from entitlements.cleaning.media import NotClean, Refusal

_START: Final = b"\xff\xd8"
_SCAN: Final = 0xDA
_COMMENT: Final = 0xFE
_NEEDED: Final = frozenset({0xE0, 0xEE})
"""JFIF, and Adobe's, which says how the colours are meant."""
_NOTES: Final = frozenset(range(0xE0, 0xF0)) - _NEEDED | {_COMMENT}


def without_notes(content: bytes) -> bytes:
    """A JPEG without its comments and application segments, such as where it was taken.

    Raises:
        NotClean: it is no whole JPEG.

    Source: ITU-T T.81 annex B.1.
    """
    if not content.startswith(_START):
        raise NotClean(Refusal.DAMAGED)
    kept, at = [_START], len(_START)
    while True:
        marker, length = _segment(content, at)
        if marker == _SCAN:
            return b"".join([*kept, content[at:]])
        end = at + 2 + length
        if marker not in _NOTES:
            kept.append(content[at:end])
        at = end


def _segment(content: bytes, at: int) -> tuple[int, int]:
    """The marker at a place, and the length of its segment without the marker itself."""
    head = content[at : at + 4]
    if len(head) < 4 or head[0] != 0xFF:  # noqa: PLR2004  (two bytes of marker, two of length)
        raise NotClean(Refusal.DAMAGED)
    length = int.from_bytes(head[2:], "big")
    if length < 2 or at + 2 + length > len(content):  # noqa: PLR2004  (it counts itself)
        raise NotClean(Refusal.DAMAGED)
    return head[1], length
