"""One command and its whole answer, in one frame or in a bounded chain of them."""

from typing import Final, NamedTuple

from readers.card.apdu import CommandApdu, Procedure, ResponseApdu
from readers.card.codes import CommMode, Ins, Status
from readers.card.secure import SecureSession
from readers.errors import CardRefused, ChainTooLong, ForeignCard


class Framing(NamedTuple):
    """How a message is cut.

    Attributes:
        out: bytes that follow the instruction byte in one command; None: all of them must.
        frames: most frames an answer may have; a card must not keep a reader busy for ever.
    """

    out: int | None
    frames: int


WHOLE: Final = Framing(out=None, frames=1)
"""One command, one answer: what ISO/IEC 14443-4 chains is the reader's affair."""

NATIVE: Final = Framing(out=59, frames=96)
"""Frames of the native protocol; 4 kB, the largest card, come in 86 frames of 48 bytes."""


def exchange(
    session: SecureSession | None,
    ins: Ins,
    header: bytes = b"",
    data: bytes = b"",
    *,
    mode: CommMode = CommMode.MACED,
    framing: Framing = WHOLE,
) -> Procedure[bytes]:
    """A command under ``session``, or in plain without one; the data of its answer.

    Raises:
        CardRefused: the card answered an error; the session is over.
        CardNotGenuine: the answer is not authentic.
        ChainTooLong: the answer has no end.
        ForeignCard: the answer is not DESFire's.
    """
    if session is None:
        return (yield from transceive(ins, header + data, framing))
    answer = yield from transceive(ins, session.seal(ins, header, data, mode), framing)
    return session.open(answer, mode)


def transceive(ins: Ins, payload: bytes = b"", framing: Framing = WHOLE) -> Procedure[bytes]:
    """Send ``ins`` and ``payload``, collect the answer; raises as :func:`exchange`.

    A payload that must go whole and does not fit a command is the caller's ValueError.
    """
    size = framing.out or len(payload) or 1
    pieces = [payload[i : i + size] for i in range(0, len(payload), size)] or [b""]
    response = yield CommandApdu(ins, pieces[0])
    for piece in pieces[1:]:
        expect_more(response, ins)
        response = yield CommandApdu(Ins.MORE, piece)
    return (yield from _collect(ins, response, framing.frames))


def expect_more(response: ResponseApdu, ins: Ins) -> bytes:
    """The data of an answer that must announce another frame.

    Raises:
        CardRefused: the card answered an error.
        ForeignCard: it answered something else.
    """
    if response.more:
        return response.data
    if response.native and response.status != Status.OK:
        raise CardRefused(response.status, ins.name)
    raise ForeignCard(f"answer {response.sw:04X} to {ins.name}, where another frame was due")


def _collect(ins: Ins, response: ResponseApdu, frames: int) -> Procedure[bytes]:
    data = response.data
    for _ in range(frames - 1):
        if not response.more or not response.data:
            break
        response = yield CommandApdu(Ins.MORE)
        data += response.data
    if response.more:
        raise ChainTooLong(f"{ins.name}: more frames, or emptier ones, than an answer can have")
    if not response.native:
        raise ForeignCard(f"answer {response.sw:04X} to {ins.name}")
    if response.status != Status.OK:
        raise CardRefused(response.status, ins.name)
    return data
