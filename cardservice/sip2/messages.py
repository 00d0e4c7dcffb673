"""SIP2 messages as bytes: taken apart whatever they hold, and put together.

    code (2) | fixed part | fields: id (2) text "|" ... | AY digit | AZ checksum (4 hex) | CR

What came is read byte for byte, in whatever encoding: all that is used of it is ASCII. What is sent
is ASCII alone.

Source: 3M Standard Interchange Protocol 2.00; the checksum is two's complement of the 16-bit sum of
every byte up to and with "AZ".
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

LONGEST_FIELD: Final = 255
_TRAILER: Final = re.compile(rb"(?:AY([0-9]))?(?:AZ([0-9A-Fa-f]{4}))?$")
_LEAST_PRINTABLE: Final = 0x20
_FIELD_ID: Final = 2


class Form(msgspec.Struct, frozen=True):
    """What a request has to hold: length of its fixed part, and fields that must be there."""

    fixed: int
    fields: tuple[str, ...] = ()


LOGIN, SC_STATUS, RESEND, END_SESSION = "93", "99", "97", "35"
PATRON_STATUS, PATRON_INFORMATION = "23", "63"
FORMS: Final[Mapping[str, Form]] = {
    LOGIN: Form(2, ("CN", "CO")),
    SC_STATUS: Form(8),
    PATRON_STATUS: Form(21, ("AO", "AA")),
    PATRON_INFORMATION: Form(31, ("AO", "AA")),
    END_SESSION: Form(18, ("AO", "AA")),
    RESEND: Form(0),
}
"""What is answered; the others that SIP2 knows are about books."""


class Request(msgspec.Struct, frozen=True):
    """A message that came whole.

    Attributes:
        code: one of `FORMS`.
        fixed: the part of fixed length.
        fields: id -> text.
        sequence: its digit, or nothing.
        checked: it carried a checksum, which was right.
    """

    code: str
    fixed: str
    fields: Mapping[str, str]
    sequence: str
    checked: bool


class Garbled(msgspec.Struct, frozen=True):
    """A message that did not come as it was sent; `why` is for the log."""

    why: str


class Unsupported(msgspec.Struct, frozen=True):
    """A message that is not answered here, such as one about a book."""

    code: str


def parse(line: bytes) -> Request | Garbled | Unsupported:
    """Take a message apart.

    Args:
        line: without its end.
    """
    if any(byte < _LEAST_PRINTABLE for byte in line):
        return Garbled("control characters")
    trailer = _TRAILER.search(line)
    assert trailer is not None  # noqa: S101  (it matches nothing too)
    sequence, given = trailer.groups()
    if given is not None and checksum(line[: -len(given)]) != given.decode().upper():
        return Garbled("checksum")
    content = line[: trailer.start()].decode("latin-1")
    return _request(content, (sequence or b"").decode(), checked=given is not None)


def checksum(covered: bytes) -> str:
    """Four hexadecimal digits over everything up to and with "AZ"."""
    return f"{-sum(covered) & 0xFFFF:04X}"


def put_together(
    code: str, fixed: str, fields: Sequence[tuple[str, str]], *, to: Request | None
) -> bytes:
    """An answer with its end; it carries what the request carried to detect errors.

    Args:
        code: of the answer.
        fixed: its part of fixed length.
        fields: id and text, in order; what SIP2 cannot carry becomes a question mark.
        to: the request; none for an answer to what could not be read, which has a checksum only.
    """
    parts = "".join(f"{name}{_plain(text)}|" for name, text in fields)
    content = f"{code}{fixed}{parts}".encode("ascii")
    if to is not None and to.sequence:
        content += b"AY" + to.sequence.encode()
    if to is None or to.checked:
        content += b"AZ"
        content += checksum(content).encode()
    return content + b"\r"


def _request(content: str, sequence: str, *, checked: bool) -> Request | Garbled | Unsupported:
    code = content[:2]
    if len(code) < len(LOGIN) or not (code.isascii() and code.isdigit()):
        return Garbled("no code")
    form = FORMS.get(code)
    if form is None:
        return Unsupported(code)
    fixed = content[2 : 2 + form.fixed]
    fields = _fields(content[2 + form.fixed :])
    if len(fixed) < form.fixed or fields is None:
        return Garbled("cut short")
    if missing := [name for name in form.fields if name not in fields]:
        return Garbled(f"without {', '.join(missing)}")
    return Request(code, fixed, fields, sequence, checked)


def _fields(content: str) -> Mapping[str, str] | None:
    """Id -> text; None where the last has no end, one has no id, or one is there twice."""
    *parts, rest = content.split("|")
    fields = {part[:_FIELD_ID]: part[_FIELD_ID:] for part in parts}
    whole = not rest and all(len(part) >= _FIELD_ID for part in parts)
    return fields if whole and len(fields) == len(parts) else None


def _plain(text: str) -> str:
    """Text as SIP2 can carry it, and what comes after it cannot be changed by it."""
    allowed = (each if " " <= each <= "~" and each != "|" else "?" for each in text)
    return "".join(allowed)[:LONGEST_FIELD]
