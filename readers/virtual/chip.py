"""The native protocol of a powered card: frames in, frames out, and any error ends it all."""

from itertools import pairwise
from typing import Final

from readers.card.codes import Ins, Status
from readers.virtual.applications import APPLICATION_COMMANDS
from readers.virtual.authentication import HANDSHAKES, Handshake, Random
from readers.virtual.files import FILE_COMMANDS
from readers.virtual.filesystem import Memory, Refusal
from readers.virtual.messaging import Expected
from readers.virtual.state import Answer, Commands, State

FRAME: Final = 59
SECURE_FRAME: Final = 48
WHOLE_ANSWER: Final = 254

COMMANDS: Final[Commands] = {**APPLICATION_COMMANDS, **FILE_COMMANDS}

Reply = tuple[int, bytes]
"""Status byte and data."""


class Chip:
    """From power on to power off."""

    def __init__(self, memory: Memory, rnd: Random) -> None:
        self._state = State(memory, rnd)
        self._forget_chains()

    def native(self, ins: int, payload: bytes) -> Reply:
        """Answer one frame."""
        try:
            return self._frame(ins, payload)
        except Refusal as refusal:
            return self.refuse(refusal.status)

    def refuse(self, status: Status) -> Reply:
        """Answer an error: session, transaction and chains are over."""
        self._state.end_session()
        self._forget_chains()
        return status, b""

    def _forget_chains(self) -> None:
        self._handshake: Handshake | None = None
        self._incoming: tuple[int, bytes] | None = None
        self._outgoing: list[bytes] = []

    def _frame(self, ins: int, payload: bytes) -> Reply:
        if ins == Ins.MORE:
            return self._go_on(payload)
        if self._handshake or self._incoming or self._outgoing:
            raise Refusal(Status.COMMAND_ABORTED)
        if ins in HANDSHAKES:
            return self._challenge(ins, payload)
        return self._receive(ins, payload)

    def _go_on(self, payload: bytes) -> Reply:
        if self._handshake:
            return self._open_session(self._handshake, payload)
        if self._incoming:
            ins, begun = self._incoming
            self._incoming = None
            return self._receive(ins, begun + payload)
        if self._outgoing and not payload:
            return self._next_frame()
        raise Refusal(Status.ILLEGAL_COMMAND)

    def _challenge(self, ins: int, payload: bytes) -> Reply:
        current = self._state.session
        if ins != Ins.AUTHENTICATE_EV2_NON_FIRST:
            self._state.end_session()
        self._handshake = HANDSHAKES[ins](self._state.app, current, payload, self._state.rnd)
        return Status.MORE, next(self._handshake)

    def _open_session(self, handshake: Handshake, token: bytes) -> Reply:
        self._handshake = None
        try:
            handshake.send(token)
        except StopIteration as done:
            self._state.session = done.value.session
            return Status.OK, done.value.answer
        raise AssertionError("an authentication has one challenge")

    def _next_frame(self) -> Reply:
        frame = self._outgoing.pop(0)
        return (Status.MORE if self._outgoing else Status.OK), frame

    def _receive(self, ins: int, payload: bytes) -> Reply:
        if ins not in COMMANDS:
            raise Refusal(Status.ILLEGAL_COMMAND)
        if ins == Ins.SELECT_APPLICATION:
            self._state.end_session()
        expected = COMMANDS[ins].expect(self._state, payload)
        missing = self._state.session.length(expected) - len(payload)
        if missing > 0 and ins == Ins.WRITE_DATA:
            self._incoming = (ins, payload)
            return Status.MORE, b""
        if missing:
            raise Refusal(Status.LENGTH_ERROR)
        return self._do(ins, payload, expected)

    def _do(self, ins: int, payload: bytes, expected: Expected) -> Reply:
        header, data = self._state.session.accept(ins, payload, expected)
        if len(data) != expected.data + expected.tail:
            raise Refusal(Status.LENGTH_ERROR)
        answer = COMMANDS[ins].do(self._state, header, data)
        self._outgoing = self._frames(answer)
        return self._next_frame()

    def _frames(self, answer: Answer) -> list[bytes]:
        sent = answer.data
        if answer.mode is not None:
            sent = self._state.session.answer(answer.data, answer.mode)
        if answer.cuts == () and len(sent) > WHOLE_ANSWER:
            raise Refusal(Status.LENGTH_ERROR)
        size = FRAME if self._state.key_no is None else SECURE_FRAME
        cuts = range(size, len(sent), size) if answer.cuts is None else answer.cuts
        return [sent[start:end] for start, end in pairwise([0, *cuts, len(sent)])]
