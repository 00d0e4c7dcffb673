"""A powered virtual card, and how its commands are described."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from readers.card.codes import CommMode, Status
from readers.virtual.authentication import Random
from readers.virtual.filesystem import ROOT, Application, Memory, Refusal
from readers.virtual.messaging import Expected, Session, Unprotected


class State:
    """What the card keeps, and what it forgets without power."""

    def __init__(self, memory: Memory, rnd: Random) -> None:
        self.memory = memory
        self.rnd = rnd
        self.aid = ROOT
        self.session: Session = Unprotected()
        self.uncommitted: dict[int, bytes] = {}

    def end_session(self) -> None:
        """Drop the session, and with it whatever was not committed."""
        self.session = Unprotected()
        self.uncommitted = {}

    @property
    def app(self) -> Application:
        """What is selected."""
        return self.memory.application(self.aid)

    @property
    def key_no(self) -> int | None:
        """The key that opened the session."""
        return self.session.key_no

    def require_root(self) -> None:
        """Go on if no application is selected."""
        if self.aid != ROOT:
            raise Refusal(Status.PERMISSION_DENIED)

    def require_application(self) -> None:
        """Go on if an application is selected."""
        if self.aid == ROOT:
            raise Refusal(Status.PERMISSION_DENIED)


class Answer(NamedTuple):
    """What a command is answered with.

    Attributes:
        mode: how to protect it; None: not at all, because the session ended.
        cuts: where the frames end; None: where the frame size says.
    """

    data: bytes = b""
    mode: CommMode | None = CommMode.MACED
    cuts: tuple[int, ...] | None = None


Expect = Callable[[State, bytes], Expected]
"""From the payload, not yet known to be authentic: what the command must carry."""

Handler = Callable[[State, bytes, bytes], Answer]
"""Does the command, given its header and plain data."""


class Command(NamedTuple):
    """What a command must look like, and what it does."""

    expect: Expect
    do: Handler


Commands = Mapping[int, Command]


def parameters(count: int) -> Expect:
    """So many bytes in clear, as most commands."""
    return lambda _state, _payload: Expected(count, CommMode.MACED)


def sealed(header: int, data: int) -> Expect:
    """So many bytes in clear and so many enciphered."""
    return lambda _state, _payload: Expected(header, CommMode.FULL, data)
