"""The channel to a card over PC/SC, and the list of readers."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from smartcard import scard

from readers.card.channel import Channel
from readers.errors import CardMute, CardRemoved, ReaderNotFound, ReadersError
from readers.pcsc.quirks import AMBIGUOUS, OK, error_for

log = logging.getLogger(__name__)

_SETTLE_MS: Final = 500
"""How long pcscd may take to notice a removal: it polls most readers every 400 ms."""


@contextmanager
def pcsc_context() -> Iterator[Any]:
    """A PC/SC context of one's own, released at the end.

    Raises:
        ReaderServiceDown: pcscd is not running.
    """
    code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if code != OK:
        raise error_for(code, "")
    try:
        yield context
    finally:
        scard.SCardReleaseContext(context)


def list_readers() -> tuple[str, ...]:
    """The readers there are, by their PC/SC names; none while pcscd is not running."""
    try:
        with pcsc_context() as context:
            return readers_of(context)
    except ReadersError as error:
        log.debug("no readers: %s", error)
        return ()


def readers_of(context: Any) -> tuple[str, ...]:  # noqa: ANN401 - pyscard has no type for a context
    """The readers a context sees.

    Raises:
        ReaderFault: pcscd does not answer.
    """
    code, readers = scard.SCardListReaders(context, [])
    if code == OK:
        return tuple(readers)
    error = error_for(code, "")
    if isinstance(error, ReaderNotFound):  # PC/SC's way to say "none"
        return ()
    raise error


@contextmanager
def connect(reader: str) -> Iterator[Channel]:
    """Open the channel to the card in ``reader``, for us alone.

    Exclusive, because an APDU of another program between two frames of a chain breaks it. The
    context is the connection's own: one that waits for events elsewhere would block it.

    Raises:
        CardRemoved: no card is there.
        CardMute: the card did not answer when it was switched on.
        ReaderBusy: another program holds the card.
        ReaderNotFound: there is no such reader.
        ReaderServiceDown: pcscd is not running.
        ReaderFault: anything else the reader answered.
    """
    with pcsc_context() as context:
        code, handle, protocol = scard.SCardConnect(
            context, reader, scard.SCARD_SHARE_EXCLUSIVE, scard.SCARD_PROTOCOL_ANY
        )
        if code != OK:
            raise _explained(code, context, reader)
        try:
            yield _PcscChannel(context, handle, protocol, reader)
        finally:
            # Reset: whoever connects next must not find our application selected and our session
            # open. (Unpower would do, and cost the next tap a power-up.)
            code = scard.SCardDisconnect(handle, scard.SCARD_RESET_CARD)
            if code != OK:
                log.debug("%s", error_for(code, reader))  # the card is gone, and so is its session


class _PcscChannel:
    def __init__(self, context: Any, handle: Any, protocol: int, reader: str) -> None:  # noqa: ANN401 - as above
        self._context = context
        self._handle = handle
        self._protocol = (
            scard.SCARD_PCI_T0 if protocol == scard.SCARD_PROTOCOL_T0 else scard.SCARD_PCI_T1
        )
        self._reader = reader

    def transmit(self, command: bytes) -> bytes:
        """See :class:`readers.card.channel.Channel`."""
        code, answer = scard.SCardTransmit(self._handle, self._protocol, list(command))
        if code != OK:
            raise _explained(code, self._context, self._reader, self._handle)
        return bytes(answer)


def _explained(
    code: int,
    context: Any,  # noqa: ANN401 - as above
    reader: str,
    handle: Any = None,  # noqa: ANN401 - as above
) -> ReadersError:
    """The error for ``code``; where the code leaves open if the card is gone, the reader tells."""
    if code not in AMBIGUOUS:
        return error_for(code, reader)
    state = _state(context, reader, 0, scard.SCARD_STATE_UNAWARE)
    for patience in (0, _SETTLE_MS):
        if patience:
            state = _state(context, reader, patience, state)
        gone = not state & scard.SCARD_STATE_PRESENT
        # The handle knows even when another card took the place meanwhile.
        if gone or (handle is not None and scard.SCardStatus(handle)[0] == _REMOVED):
            return CardRemoved(f"{reader}: the card was pulled away ({code & 0xFFFFFFFF:08X})")
    return CardMute(f"{reader}: the card does not answer ({code & 0xFFFFFFFF:08X})")


_REMOVED: Final[int] = scard.SCARD_W_REMOVED_CARD


def _state(context: Any, reader: str, timeout_ms: int, known: int) -> int:  # noqa: ANN401 - as above
    _, states = scard.SCardGetStatusChange(context, timeout_ms, [(reader, known)])
    return int(states[0][1]) if states else 0
